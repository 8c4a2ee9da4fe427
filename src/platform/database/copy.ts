/**
 * Copies every table from one database to another, whichever kinds they are, and proves it: counts and hashes
 * of each table are taken from what was read and again from what was written, before anything is committed.
 */
import { createHash } from 'node:crypto';
import type { CopyEnd, CopyRow } from './copy-end.js';
import { openSqliteEnd } from './copy-sqlite.js';
import type { DatabaseSettings } from './database.js';
import type { Report } from './migrator.js';

export interface CopiedTable {
  readonly table: string;
  readonly rows: number;
  /** SHA-256 of each row, added up: the same whatever order the rows come in. */
  readonly hash: string;
}

/** A copy that cannot be made, or that did not turn out the same. Nothing was written. */
export class CopyFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CopyFault';
  }
}

/** Also through a pooler: a copy is one transaction. */
export type CopyPlace = Pick<DatabaseSettings, 'dialect' | 'file' | 'connectionString'>;

export const openEnd = async (place: CopyPlace, mode: 'read' | 'write'): Promise<CopyEnd> =>
  place.dialect === 'sqlite'
    ? openSqliteEnd(place.file ?? '', mode)
    : (await import('./copy-postgres.js')).openPostgresEnd(place.connectionString ?? '', mode);

const MODULUS = 1n << 256n;

function createTally() {
  let rows = 0;
  let sum = 0n;
  return {
    add(batch: readonly CopyRow[]): void {
      for (const row of batch) {
        rows += 1;
        const hash = createHash('sha256').update(JSON.stringify(row)).digest('hex');
        sum = (sum + BigInt(`0x${hash}`)) % MODULUS;
      }
    },
    result: () => ({ rows, hash: sum.toString(16).padStart(64, '0') }),
  };
}

/** Reads a table to its end. */
async function measure(end: CopyEnd, table: string, columns: readonly string[]) {
  const tally = createTally();
  for await (const batch of end.rows(table, columns)) tally.add(batch);
  return tally.result();
}

/** Counts and hashes of all tables. */
export async function measureAll(end: CopyEnd): Promise<CopiedTable[]> {
  const measured: CopiedTable[] = [];
  for (const table of await end.tables()) {
    measured.push({ table, ...(await measure(end, table, await end.columns(table))) });
  }
  return measured;
}

async function requireSameShape(source: CopyEnd, target: CopyEnd): Promise<void> {
  const [from, to] = [await source.tables(), await target.tables()];
  const differing = [...new Set([...from, ...to])].filter(
    (name) => !from.includes(name) || !to.includes(name),
  );
  for (const table of differing.length > 0 ? [] : from) {
    const [left, right] = [await source.columns(table), await target.columns(table)];
    if (left.join() !== right.join()) differing.push(table);
  }
  if (differing.length > 0) {
    throw new CopyFault(
      `The two databases are not of one version (${differing.join(', ')} differ). Run on the source: migrate up`,
    );
  }
}

/** @throws {CopyFault} */
export async function requireEmpty(target: CopyEnd): Promise<void> {
  const filled: string[] = [];
  for (const table of await target.tables()) {
    for await (const _ of target.rows(table, await target.columns(table))) {
      filled.push(table);
      break;
    }
  }
  if (filled.length > 0) {
    throw new CopyFault(
      `The target is not empty: there are rows in ${filled.join(', ')}. Say --replace to lose them.`,
    );
  }
}

export interface CopyOptions {
  /** What a backup says of itself: a source that differs is damaged. */
  readonly expected?: readonly CopiedTable[];
  /** The rows of the target go, in the transaction that brings the others: both or neither. */
  readonly replace?: boolean;
}

/** @throws {CopyFault} and nothing is written */
export async function copyTables(
  source: CopyEnd,
  target: CopyEnd,
  report: Report,
  { expected, replace = false }: CopyOptions = {},
): Promise<CopiedTable[]> {
  await requireSameShape(source, target);
  if (replace) for (const table of await target.tables()) await target.empty(table);
  else await requireEmpty(target);
  const copied: CopiedTable[] = [];
  for (const table of await source.tables()) {
    const columns = await source.columns(table);
    const tally = createTally();
    for await (const batch of source.rows(table, columns)) {
      tally.add(batch);
      await target.insert(table, columns, batch);
    }
    const read = tally.result();
    const promised = expected?.find((one) => one.table === table);
    if (expected && (promised?.hash !== read.hash || promised.rows !== read.rows)) {
      throw new CopyFault(`The backup is damaged: ${table} is not what was written into it.`);
    }
    const written = await measure(target, table, columns);
    if (written.hash !== read.hash || written.rows !== read.rows) {
      throw new CopyFault(
        `${table} did not arrive as it was: ${read.rows} rows read, ${written.rows} written.`,
      );
    }
    report(`${table}: ${read.rows} ${read.rows === 1 ? 'row' : 'rows'}`);
    copied.push({ table, ...read });
  }
  await target.commit();
  return copied;
}
