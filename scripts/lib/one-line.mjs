/** A refusal that is complete as it reads: printed alone, without a stack trace. */
export class OneLine extends Error {}

export const tell = (line) => process.stderr.write(`${line}\n`);
