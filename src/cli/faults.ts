import { types } from 'node:util';
import { CommanderError } from 'commander';
import { ConfigFault } from '../platform/config/config-fault.js';
import { CopyFault } from '../platform/database/copy.js';
import { MigrationsMoved, SchemaNewer, SchemaOlder } from '../platform/database/migrate.js';
import { PlaceFault } from '../platform/database/place-fault.js';
import { InvalidInput, PosternError, Unavailable } from '../platform/errors/errors.js';
import { scrubText } from '../platform/observe/redact.js';
import { StartFault } from '../serve/start-fault.js';

/** How a failure is told at the terminal: lines for people, the same for machines, and an exit code. */
export interface Told {
  readonly exitCode: number;
  readonly error: string;
  readonly lines: readonly string[];
  readonly faults?: readonly { readonly field: string; readonly message: string }[];
}

/** What a verb cannot do, in one line. */
export class CliFault extends Error {}

/** The command line itself is wrong. */
export class UsageFault extends Error {}

/** No such verb. The originals answered 1 and began their line like this. */
export class UnknownCommand extends Error {
  constructor(command: string) {
    super(`[!] Command ${command} not found... (npm run -s cli -- --help lists them)`);
  }
}

const FAILED = 1;
const USAGE = 2;

/** Control characters of whatever a message quotes would be obeyed by the terminal. */
const oneLine = (text: string): string =>
  text
    .trim()
    .replace(/\s*[\r\n]+\s*/g, ' ')
    .replace(/\p{Cc}/gu, '?');

const one = (exitCode: number, error: string, message: string): Told => ({
  exitCode,
  error,
  lines: [oneLine(message)],
});

const listed = (error: string, faults: NonNullable<Told['faults']>): Told => ({
  exitCode: FAILED,
  error,
  lines: faults.map(({ field, message }) => oneLine(`${field}: ${message}`)),
  faults,
});

const textOf = (error: unknown, name: 'code' | 'message' | 'path' | 'syscall'): string | undefined => {
  if (typeof error !== 'object' || error === null) return undefined;
  const value = (error as Record<string, unknown>)[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const isError = (error: unknown): boolean => types.isNativeError(error) || error instanceof Error;

/** The database that most verbs work with, and alone. */
const USUAL = 'DATABASE_URL';

function unavailable({ message, cause }: Unavailable, place: string): Told {
  const why =
    textOf(cause, 'message') ?? textOf(cause, 'code') ?? (typeof cause === 'string' ? cause : undefined);
  return one(
    FAILED,
    'temporarily_unavailable',
    why ? `${place === USUAL ? 'The database' : place} does not answer: ${scrubText(why)}` : message,
  );
}

/** What the machine or the database refuses is no fault of ours: its own words say what to look at. */
function refusedBySystem(error: unknown, place: string): Told | undefined {
  const code = textOf(error, 'code');
  const message = scrubText(textOf(error, 'message') ?? '');
  if (code === undefined) return undefined;
  const path = textOf(error, 'path');
  if (path !== undefined) {
    return one(
      FAILED,
      'file_unusable',
      `${path} cannot be used (${code}, ${textOf(error, 'syscall') ?? 'open'}).`,
    );
  }
  const ofDatabase = /^SQLITE_/.test(code) || /^[0-9A-Z]{5}$/.test(code);
  return ofDatabase
    ? one(FAILED, 'database_unusable', `${place}: the database refuses: ${message} (${code}).`)
    : undefined;
}

export function tell(error: unknown, place = USUAL): Told {
  if (error instanceof PlaceFault) return tell(error.cause, error.place);
  if (error instanceof ConfigFault) {
    return listed(
      'invalid_settings',
      error.faults.map(({ variable, message }) => ({ field: variable, message })),
    );
  }
  if (error instanceof InvalidInput) return listed(error.code, error.faults);
  if (error instanceof Unavailable) return unavailable(error, place);
  if (error instanceof PosternError) return one(FAILED, error.code, error.message);
  if (error instanceof UsageFault) return one(USAGE, 'usage', error.message);
  if (error instanceof CommanderError) return one(USAGE, 'usage', error.message.replace(/^error: /, ''));
  if (error instanceof UnknownCommand) return one(FAILED, 'unknown_command', error.message);
  if (error instanceof CliFault) return one(FAILED, 'failed', error.message);
  if (error instanceof CopyFault) return one(FAILED, 'not_copied', error.message);
  if (error instanceof StartFault) return one(FAILED, 'cannot_start', error.message);
  if (error instanceof MigrationsMoved) return one(FAILED, 'migrated_meanwhile', error.message);
  if (error instanceof SchemaNewer) return one(FAILED, 'schema_newer', error.message);
  if (error instanceof SchemaOlder) return one(FAILED, 'schema_older', error.message);
  // By name: the class lives in `keys/`, which nobody but the container looks into.
  if (error instanceof Error && error.name === 'UnusableKey')
    return one(FAILED, 'unusable_key', error.message);
  const message = isError(error)
    ? scrubText((error as Error).message)
    : 'something was thrown that is no error';
  return (
    refusedBySystem(error, place) ??
    one(FAILED, 'unexpected', `Unexpected: ${message} (LOG_LEVEL=debug tells more)`)
  );
}

/** Whether nobody foresaw it, so that its origin is worth a log line. */
export const isUnexpected = ({ error }: Told): boolean => error === 'unexpected';
