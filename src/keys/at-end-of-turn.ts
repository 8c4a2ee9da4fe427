interface Job<Input, Output> {
  readonly input: Input;
  readonly resolve: (output: Output) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Does what is asked for during a turn of the event loop at the end of it, one after another and in order. What is
 * done in a row finds its code and its tables in the processor's caches: an ES256 signature costs half of one that is
 * made between the steps of two requests. All is done in this turn, however long it takes: how much may begin in one
 * is for the gate to say, which goes by how long turns are (`serve/overload.ts`).
 */
export function atEndOfTurn<Input, Output>(
  work: (input: Input) => Output,
): (input: Input) => Promise<Output> {
  let waiting: Job<Input, Output>[] = [];

  function run(): void {
    const due = waiting;
    waiting = [];
    for (const { input, resolve, reject } of due) {
      try {
        resolve(work(input));
      } catch (error) {
        reject(error);
      }
    }
  }

  return (input) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(run);
      waiting.push({ input, resolve, reject });
    });
}
