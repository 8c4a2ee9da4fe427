/**
 * The log: one JSON line an event, or short lines where a person looks on. Every line passes through
 * `redact.ts`, whoever writes it. Request bodies and query strings are never logged.
 */
import { types } from 'node:util';
import { type LevelWithSilent, pino } from 'pino';
import { type Clock, systemClock } from '../crypto/clock.js';
import { humanLine } from './human-line.js';
import { redactFields, scrubText } from './redact.js';

/** `log.info({ fields }, 'message')` or `log.info('message')`. An error goes into the field `err`. */
export interface LogMethod {
  (fields: object, message?: string): void;
  (message: string): void;
}

export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
}

/** Where lines go; `process.stdout` is one. */
export interface LogStream {
  write(line: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Where it keeps lines back for a moment. */
  flush?(): void;
}

export interface LoggerOptions {
  readonly level: LevelWithSilent;
  readonly stream: LogStream;
  /** Short lines for people; as a rule when the stream is a terminal. */
  readonly human?: boolean;
  readonly clock?: Clock;
}

type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

const URGENT: ReadonlySet<string> = new Set(['warn', 'error', 'fatal']);

/** As `toISOString`, which costs as much as the rest of a line: all but the milliseconds is made once a second. */
function timestamps(clock: Clock): () => string {
  let second = Number.NaN;
  let begin = '';
  return () => {
    const now = clock.now();
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      begin = `,"time":"${new Date(current * 1000).toISOString().slice(0, -'000Z'.length)}`;
    }
    return `${begin}${String(Math.floor(now - current * 1000)).padStart(3, '0')}Z"`;
  };
}

export function createLogger(options: LoggerOptions): Logger {
  const clock = options.clock ?? systemClock;
  const { stream, human = stream.isTTY === true } = options;
  const sink = pino(
    {
      level: options.level,
      base: null,
      timestamp: timestamps(clock),
      // Else pino would work on what `redact.ts` made of an error once more.
      serializers: { err: (plain: unknown) => plain },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => stream.write(human ? humanLine(line) : line) },
  );
  const method =
    (level: Level): LogMethod =>
    (first: object | string, second?: string) => {
      if (!sink.isLevelEnabled(level)) return;
      const [fields, message] = typeof first === 'string' ? [{}, first] : [first, second];
      sink[level](
        redactFields(types.isNativeError(fields) ? { err: fields } : fields),
        message === undefined ? undefined : scrubText(message),
      );
      // It may be the last thing that this process says.
      if (URGENT.has(level)) stream.flush?.();
    };
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('fatal'),
  };
}
