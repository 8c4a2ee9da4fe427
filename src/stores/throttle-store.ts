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
    async addBelow(key, most, { points, expiresAt }, now) {
      const below = `${add(1)} WHERE throttle.expires_at <= ? OR throttle.points < ?`;
      const changed = await database.run(sql.raw(below, [key, points, expiresAt, now, now, now, most]));
      return changed > 0;
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
    remove: async (...keys) => (await database.run(table().whereIn('key', keys).delete())) > 0,
    prune(before, limit) {
      const ended = table().select('key').where('expires_at', '<', before).limit(limit);
      return database.run(table().whereIn('key', ended).delete());
    },
  };
}

const toPoints = (row: ThrottleRow): Points => ({ points: row.points, expiresAt: Number(row.expires_at) });
