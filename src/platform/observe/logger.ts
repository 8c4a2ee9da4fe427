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
  /** The same log with fields of its own on every line, such as a request id. */
  child(fields: object): Logger;
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

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;

const URGENT: ReadonlySet<string> = new Set(['warn', 'error', 'fatal']);

type Write = (level: (typeof LEVELS)[number], fields: object, message: string | undefined) => void;

function methodsOver(write: Write, own: object): Logger {
  const bare = Object.keys(own).length === 0;
  const method = (level: (typeof LEVELS)[number]): LogMethod => {
    return (first: object | string, message?: string) => {
      if (typeof first === 'string') return write(level, own, first);
      const fields = types.isNativeError(first) ? { err: first } : first;
      write(level, bare ? fields : { ...own, ...fields }, message);
    };
  };
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    fatal: method('fatal'),
    child: (fields) => methodsOver(write, { ...own, ...fields }),
  };
}

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
  const human = options.human ?? options.stream.isTTY === true;
  const sink = pino(
    {
      level: options.level,
      base: null,
      timestamp: timestamps(clock),
      // Else pino would work on what `redact.ts` made of an error once more.
      serializers: { err: (plain: unknown) => plain },
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => options.stream.write(human ? humanLine(line) : line) },
  );
  return methodsOver((level, fields, message) => {
    if (!sink.isLevelEnabled(level)) return;
    sink[level](redactFields(fields), message === undefined ? undefined : scrubText(message));
    // It may be the last thing that this process says.
    if (URGENT.has(level)) options.stream.flush?.();
  }, {});
}

/** For tests and for verbs that have nothing to tell. */
export const silentLogger = (): Logger => createLogger({ level: 'silent', stream: { write: () => true } });
