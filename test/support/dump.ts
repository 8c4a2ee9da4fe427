/** Everything a database holds, read past the program: every table, every column, on both dialects. */
import { existsSync, readFileSync } from 'node:fs';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import type { Config } from '../../src/platform/config/config.js';

export interface Cell {
  /** `table.column` */
  readonly place: string;
  readonly value: string;
}

type Table = readonly [name: string, rows: readonly Record<string, unknown>[]];

function sqliteTables(file: string): Table[] {
  const handle = new BetterSqlite3(file, { readonly: true });
  try {
    const names = handle
      .prepare<[], string>(`SELECT name FROM sqlite_master WHERE type = 'table'`)
      .pluck()
      .all();
    return names.map((name) => [
      name,
      handle.prepare(`SELECT * FROM "${name}"`).all() as Record<string, unknown>[],
    ]);
  } finally {
    handle.close();
  }
}

async function postgresTables(connectionString: string): Promise<Table[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name FROM information_schema.tables
       WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`,
    );
    const tables: Table[] = [];
    for (const { name } of rows) tables.push([name, (await client.query(`SELECT * FROM ${name}`)).rows]);
    return tables;
  } finally {
    await client.end();
  }
}

export async function dump({ database }: Config): Promise<Cell[]> {
  const tables =
    database.dialect === 'sqlite'
      ? sqliteTables(database.file as string)
      : await postgresTables(database.connectionString as string);
  const cells: Cell[] = [];
  for (const [table, rows] of tables) {
    for (const row of rows) {
      for (const [column, value] of Object.entries(row)) {
        if (value === null) continue;
        const text = Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
        cells.push({ place: `${table}.${column}`, value: text });
      }
    }
  }
  return cells;
}

/** The bytes on disk, in which deleted rows may linger. */
export const fileBytes = (file: string): Buffer =>
  Buffer.concat(
    ['', '-wal'].map((end) => (existsSync(file + end) ? readFileSync(file + end) : Buffer.alloc(0))),
  );

/** A stored text and every text within it: members of JSON, however deep, and the names of members. */
export function leavesOf(text: string): string[] {
  if (!/^\s*[[{"]/.test(text)) return [text];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [text];
  }
  const inner = (value: unknown): string[] => {
    if (typeof value === 'string') return leavesOf(value);
    if (typeof value !== 'object' || value === null) return [String(value)];
    return Object.entries(value).flatMap(([name, member]) => [name, ...inner(member)]);
  };
  return [text, ...inner(parsed)];
}

/** The ways in which a value could have been written down. */
export function disguisesOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const decoded = Buffer.from(value, 'base64url');
  return [
    value,
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    [...value].reverse().join(''),
    // Of a random value, the bytes it stands for.
    ...(decoded.length >= 16 ? [decoded.toString('hex'), decoded.toString('latin1')] : []),
  ];
}
