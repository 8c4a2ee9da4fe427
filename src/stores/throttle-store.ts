import type { Database } from '../platform/database/database.js';
import type { Points, ThrottleTable } from '../platform/throttle/throttle.js';

/** The counters all processes share; each change is one statement, so none is ever lost. */
export interface ThrottleStore extends ThrottleTable {
  /** Removes at most `limit` counters that ended before `before` (ms); resolves to how many. */
  prune(before: number, limit: number): Promise<number>;
}

interface ThrottleRow {
  points: number;
  expires_at: number | string;
}

export function createThrottleStore(database: Database): ThrottleStore {
  const { sql } = database;
  const table = () => sql('throttle');
  const live = database.reader<ThrottleRow>(
    table().select('points', 'expires_at').where({ key: '' }).where('expires_at', '>', 0),
  );
  // `excluded` is the row that was to be inserted; an expired counter starts again from it.
  const add = (rows: number) => `INSERT INTO throttle (key, points, expires_at)
    VALUES ${Array(rows).fill('(?, ?, ?)').join(', ')}
    ON CONFLICT (key) DO UPDATE SET
      points = CASE WHEN throttle.expires_at > ? THEN throttle.points + excluded.points ELSE excluded.points END,
      expires_at = CASE WHEN throttle.expires_at > ? THEN throttle.expires_at ELSE excluded.expires_at END`;
  const RETURNING = 'RETURNING key, points, expires_at';

  return {
    async find(key, now) {
      const [row] = await live(key, now);
      return row && toPoints(row);
    },
    async add(key, { points, expiresAt }, now) {
      const [row] = await database.all<ThrottleRow>(
        sql.raw(`${add(1)} ${RETURNING}`, [key, points, expiresAt, now, now]),
      );
      return row === undefined ? { points, expiresAt } : toPoints(row);
    },
    async hold(key, most, { heldUntil, expiresAt }, now) {
      const names = { key, heldUntil, expiresAt, now, most };
      return (await database.run(sql.raw(HOLD, names))) > 0;
    },
    async confirm(key, { points, expiresAt }, now) {
      await database.run(sql.raw(CONFIRM, { key, points, expiresAt, now }));
    },
    async release(key, now) {
      const held = table().where({ key }).where('held_until', '>', now).where('held', '>', 0);
      await database.run(held.update({ held: sql.raw('held - 1') }));
    },
    async addAll(starts, now) {
      if (starts.length === 0) return new Map();
      // In one order, or two processes that count the same would wait for one another.
      const sorted = starts.toSorted((one, other) => (one.key < other.key ? -1 : 1));
      const values = sorted.flatMap(({ key, points, expiresAt }) => [key, points, expiresAt]);
      const rows = await database.all<ThrottleRow & { key: string }>(
        sql.raw(`${add(sorted.length)} ${RETURNING}`, [...values, now, now]),
      );
      return new Map(rows.map((row) => [row.key, toPoints(row)]));
    },
    async set(key, { points, expiresAt }) {
      await database.run(
        table()
          .insert({ key, points, expires_at: expiresAt })
          .onConflict('key')
          .merge(['points', 'expires_at']),
      );
    },
    async giveBack(key, most, now) {
      await database.run(
        table()
          .where({ key })
          .where('expires_at', '>', now)
          .whereBetween('points', [1, most])
          .update({ points: sql.raw('points - 1') }),
      );
    },
    remove: async (key) => (await database.run(table().where({ key }).delete())) > 0,
    prune(before, limit) {
      const ended = table().select('key').where('expires_at', '<', before).limit(limit);
      // Asked again, since one may have begun anew meanwhile; with `+`, so that no plan takes the index for it.
      return database.run(table().whereIn('key', ended).whereRaw('+expires_at < ?', [before]).delete());
    },
  };
}

/** Points and held ones of a row that is there, as of `:now`. */
const POINTS = 'CASE WHEN throttle.expires_at > :now THEN throttle.points ELSE 0 END';
const HELD = 'CASE WHEN throttle.held_until > :now THEN throttle.held ELSE 0 END';
const ENDS = 'CASE WHEN throttle.expires_at > :now THEN throttle.expires_at ELSE excluded.expires_at END';

/** One row holds both, so that the two are compared with the limit, and one becomes the other, in one statement. */
const HOLD = `INSERT INTO throttle (key, points, expires_at, held, held_until) VALUES (:key, 0, :expiresAt, 1, :heldUntil)
  ON CONFLICT (key) DO UPDATE SET points = ${POINTS}, expires_at = ${ENDS}, held = 1 + ${HELD},
    held_until = CASE WHEN ${HELD} > 0 THEN throttle.held_until ELSE excluded.held_until END
  WHERE ${POINTS} + ${HELD} < :most`;

const CONFIRM = `INSERT INTO throttle (key, points, expires_at) VALUES (:key, :points, :expiresAt)
  ON CONFLICT (key) DO UPDATE SET points = ${POINTS} + excluded.points, expires_at = ${ENDS},
    held = CASE WHEN throttle.held > 0 THEN throttle.held - 1 ELSE 0 END`;

const toPoints = (row: ThrottleRow): Points => ({ points: row.points, expiresAt: Number(row.expires_at) });
