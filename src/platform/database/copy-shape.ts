/**
 * What a copy is of: the tables and columns that this program makes. An operator may keep others in the same
 * database, as Litestream and PostGIS do; those are named, and stay where they are.
 */
import type { CopySide } from './copy-side.js';
import { sqliteSide } from './copy-sqlite.js';
import { openMigratedMemory } from './migrate.js';

/** The columns of each table; both in alphabetical order. */
export type Shape = ReadonlyMap<string, readonly string[]>;

export async function shapeOf(side: CopySide): Promise<Shape> {
  const shape = new Map<string, readonly string[]>();
  for (const table of await side.tables()) shape.set(table, await side.columns(table));
  return shape;
}

/** Of a database that has just been migrated. */
export async function ownShape(): Promise<Shape> {
  const fresh = sqliteSide(await openMigratedMemory());
  return shapeOf(fresh).finally(() => fresh.close());
}

/** What `shape` has and `other` has not: tables, and columns as `table.column`. */
export function beyond(shape: Shape, other: Shape): string[] {
  return [...shape].flatMap(([table, columns]) => {
    const known = other.get(table);
    if (known === undefined) return [table];
    return columns.filter((column) => !known.includes(column)).map((column) => `${table}.${column}`);
  });
}
