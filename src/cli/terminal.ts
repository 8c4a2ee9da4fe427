import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliFault, UsageFault } from './faults.js';

/** The three streams of a command. Tests bring their own. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stdout: Output;
  readonly stderr: Output;
}

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** Far more than any secret or metadata document. */
const MAX_INPUT = 1_048_576;

export const processTerminal = (): Terminal => ({
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});

export async function readStdin({ stdin }: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    length += chunk.length;
    if (length > MAX_INPUT) throw new CliFault(`Standard input holds more than ${MAX_INPUT} bytes.`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The first line of standard input, for one secret: a line end behind it is not part of it. */
export async function readSecretFromStdin(terminal: Terminal, what: string): Promise<string> {
  const text = (await readStdin(terminal)).replace(/\r?\n$/, '');
  if (text === '') throw new UsageFault(`Standard input holds no ${what}.`);
  if (/[\r\n]/.test(text))
    throw new UsageFault(`Standard input holds more than one line; give the ${what} alone.`);
  return text;
}

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

async function ask(terminal: Terminal, question: string, shown: boolean): Promise<string> {
  terminal.stderr.write(question);
  // What readline echoes goes nowhere: a secret is not to be seen, and an answer of one letter need not be.
  const lines = createInterface({ input: terminal.stdin, output: nowhere(), terminal: true });
  const stopped = new AbortController();
  lines.once('SIGINT', () => stopped.abort());
  lines.once('close', () => stopped.abort());
  try {
    const answer = await lines.question('', { signal: stopped.signal });
    terminal.stderr.write(shown ? `${answer}\n` : '\n');
    return answer;
  } catch {
    terminal.stderr.write('\n');
    throw new CliFault('Cancelled.');
  } finally {
    lines.close();
  }
}

/** Typed without being seen. */
export const askSecret = (terminal: Terminal, question: string): Promise<string> =>
  ask(terminal, question, false);

/** Asks before something cannot be undone. Without a person to ask, `--yes` must have been said. */
export async function confirm(terminal: Terminal, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!terminal.stdin.isTTY) throw new UsageFault(`${question} Say --yes to go on.`);
  const answer = await ask(terminal, `${question} Type yes to go on: `, true);
  if (answer.trim().toLowerCase() !== 'yes') throw new CliFault('Nothing was changed.');
}
