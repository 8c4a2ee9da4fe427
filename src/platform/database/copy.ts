/**
 * Copies every table from one database to another, whichever kinds they are, and proves it: counts and hashes
 * of each table are taken from what was read and again from what was written, before anything is committed.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { CopySide, CopyRow } from './copy-side.js';
import { beyond, ownShape, type Shape, shapeOf } from './copy-shape.js';
import { openSqliteSide } from './copy-sqlite.js';
import type { DatabaseSettings } from './database.js';
import type { Report } from './migrator.js';
import { namedSide, naming } from './place-fault.js';

export interface CopiedTable {
  readonly table: string;
  readonly rows: number;
  /** SHA-256 of each row, added up: the same whatever order the rows come in. */
  readonly hash: string;
}

export interface Copied {
  readonly tables: readonly CopiedTable[];
  /** What the source has beside our tables and columns. */
  readonly notCopied: readonly string[];
}

/** A copy that cannot be made, or that did not turn out the same. Nothing was written. */
export class CopyFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CopyFault';
  }
}

/**
 * A copy is one transaction, so that a pooler may stand between; past it, it takes none of the pooler's connections.
 * That both addresses lead to one database has been seen to where the schema was looked at (`migrator.ts`).
 */
export type CopyPlace = Pick<
  DatabaseSettings,
  'dialect' | 'file' | 'connectionString' | 'directUrl' | 'name'
>;

export async function openSide(place: CopyPlace, mode: 'read' | 'write'): Promise<CopySide> {
  const side = await naming(place.name, () => openUnnamed(place, mode));
  return place.name === undefined ? side : namedSide(side, place.name);
}

const openUnnamed = async (place: CopyPlace, mode: 'read' | 'write'): Promise<CopySide> =>
  place.dialect === 'sqlite'
    ? openSqliteSide(place.file ?? '', mode)
    : (await import('./copy-postgres.js')).openPostgresSide(
        place.directUrl ?? place.connectionString ?? '',
        mode,
      );

/** Whether both are one database, however they are written. */
export async function isOnePlace(one: CopyPlace, other: CopyPlace): Promise<boolean> {
  if (one.dialect !== other.dialect) return false;
  if (one.dialect === 'sqlite') return isOneFile(one.file ?? '', other.file ?? '');
  const { leadToOnePlace } = await import('./one-database.js');
  return leadToOnePlace(one, other);
}

function isOneFile(one: string, other: string): boolean {
  const [here, there] = [one, other].map((file) => statSync(file, { bigint: true, throwIfNoEntry: false }));
  return here !== undefined && here.dev === there?.dev && here.ino === there.ino;
}

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
async function measure(side: CopySide, table: string, columns: readonly string[]) {
  const tally = createTally();
  for await (const batch of side.rows(table, columns)) tally.add(batch);
  return tally.result();
}

/** Counts and hashes of our tables. */
export async function measureAll(side: CopySide): Promise<CopiedTable[]> {
  const measured: CopiedTable[] = [];
  for (const [table, columns] of await ownShape()) {
    measured.push({ table, ...(await measure(side, table, columns)) });
  }
  return measured;
}

/**
 * Answers what `side` has beside ours.
 * @throws {CopyFault} where something of ours is missing
 */
async function requireOurs(side: CopySide, ours: Shape, name: string): Promise<string[]> {
  const shape = await shapeOf(side);
  const missing = beyond(ours, shape);
  if (missing.length > 0) {
    throw new CopyFault(`The ${name} lacks ${missing.join(', ')}, although it has been migrated.`);
  }
  return beyond(shape, ours);
}

/** Those of the tables that have rows. */
export async function filledTables(side: CopySide, tables: Iterable<string>): Promise<string[]> {
  const filled: string[] = [];
  for (const table of tables) {
    for await (const _ of side.rows(table, await side.columns(table))) {
      filled.push(table);
      break;
    }
  }
  return filled;
}

async function requireEmpty(target: CopySide, ours: Shape, wayOut: string): Promise<void> {
  const filled = await filledTables(target, ours.keys());
  if (filled.length > 0) {
    throw new CopyFault(`The target is not empty: there are rows in ${filled.join(', ')}. ${wayOut}`);
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
  source: CopySide,
  target: CopySide,
  report: Report,
  { expected, replace = false }: CopyOptions = {},
): Promise<Copied> {
  const ours = await ownShape();
  const notCopied = await requireOurs(source, ours, 'source');
  await requireOurs(target, ours, 'target');
  // Before it is looked at: a server that has just been started on the target would write beside the copy.
  await target.hold(ours.keys());
  if (replace) for (const table of ours.keys()) await target.empty(table);
  else {
    const isBackup = expected !== undefined;
    await requireEmpty(target, ours, isBackup ? 'Name an empty database.' : 'Say --replace to lose them.');
  }
  const tables: CopiedTable[] = [];
  for (const [table, columns] of ours) {
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
    tables.push({ table, ...read });
  }
  await target.commit();
  return { tables, notCopied };
}
