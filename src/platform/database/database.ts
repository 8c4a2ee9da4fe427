import type { Knex } from 'knex';
import type { MaybeLater } from './maybe-later.js';

/**
 * The executor contract. Stores build SQL with knex (or hold hot statements as text) and hand it here;
 * knex itself never executes a statement while the server runs (a second SQLite handle in one thread
 * blocks on the first one's lock). There are no interactive transactions: a write is one atomic unit
 * that is complete when it is handed over.
 */
export type Dialect = 'sqlite' | 'postgres';

/** The part of `Config` that this folder reads. */
export interface DatabaseSettings {
  /** What a person called it, where it is not `DATABASE_URL`. */
  readonly name?: string;
  readonly dialect: Dialect;
  /** SQLite: the file, or `:memory:`. */
  readonly file?: string | undefined;
  readonly connectionString?: string | undefined;
  /** PostgreSQL past the pooler: migrations hold a session lock, which a transaction pooler loses. The same database. */
  readonly directUrl?: string | undefined;
  readonly prepared: 'auto' | 'on' | 'off';
  readonly poolMax: number;
  /** How long a statement may wait for a lock, a connection or its turn before `Unavailable`. */
  readonly timeoutMs: number;
}

/** What this folder needs of a logger; pino fits. */
export interface DatabaseLog {
  warn(fields: object, message: string): void;
}

/** Told how long things took, in milliseconds. */
export interface DatabaseWatch {
  /** SQLite: one common transaction, and how many units were in it. */
  committed(milliseconds: number, units: number): void;
  /** PostgreSQL: one statement or transaction on a connection in hand. */
  roundTrip(milliseconds: number): void;
  /** PostgreSQL: the wait for that connection. */
  waited(milliseconds: number): void;
}

/** What knex' builders are: anything that renders to text and bindings. */
export type Query = Pick<Knex.QueryBuilder, 'toSQL'>;

/** One statement of a unit. */
export interface Step {
  readonly query: Query;
  /**
   * A guard: the statement must change at least one row, otherwise the whole unit is given up,
   * nothing of it is written and `write` answers `false`. Guards come first.
   */
  readonly guard?: boolean;
}

export interface Database {
  readonly dialect: Dialect;
  /** Builds SQL for this dialect. It has no connection. */
  readonly sql: Knex;
  all<Row>(query: Query): Promise<Row[]>;
  first<Row>(query: Query): Promise<Row | undefined>;
  /**
   * A read of one text that is asked on nearly every request: rendered now, since rendering costs several
   * times what the read does. The values given to it stand in the order of the query's own, which are examples:
   * each is a text, or a whole number.
   */
  reader<Row>(query: Query): (...values: readonly unknown[]) => MaybeLater<Row[]>;
  /**
   * Runs the steps as one atomic unit; `false` where a guard held nothing.
   * A unique violation is thrown as `UniqueViolation`.
   * @throws {Unavailable} when the database is busy, full or away
   */
  write(steps: readonly Step[]): Promise<boolean>;
  /** One statement; the number of rows it changed. Atomic by itself. */
  run(query: Query): Promise<number>;
  /** Answers `SELECT 1`, or throws. For `/readyz`. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A unique index refused a row. */
export class UniqueViolation extends Error {
  /** The index by PostgreSQL's name on both databases: `accounts_username_key_unique`, `accounts_pkey`. */
  readonly constraint: string;

  constructor(constraint: string, cause: unknown) {
    super(`unique violation: ${constraint}`, { cause });
    this.name = 'UniqueViolation';
    this.constraint = constraint;
  }
}
