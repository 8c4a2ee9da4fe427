/**
 * R08: who migrates is killed within a migration, the next one too, and so on. On the way up nothing of a killed run
 * is there; on the way down what was undone before, whole. Whoever comes after does all that is left. In drills within
 * each migration of the later two thirds, in `npm test` within two of them.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { migrations } from '../../migrations/index.js';
import type { DatabaseSettings } from '../../src/platform/database/database.js';
import { migrateUp, migrationStatus } from '../../src/platform/database/migrate.js';
import { newPlace, type Place } from '../support/command-line.js';
import { createDatabaseFixture, DIALECTS } from '../support/databases.js';
import { measured, SHORT } from '../support/figures.js';

const NAMES = migrations.map(({ name }) => name);
/** What is there before; the rest is what the killed ones are at. */
const OLDER = migrations.slice(0, 4);
const PENDING = NAMES.slice(OLDER.length);
const AT = SHORT ? [PENDING[0], PENDING.at(-1)] : PENDING;
const TIMEOUT = 300_000;

const SHAPES = {
  sqlite: `SELECT name || ' ' || coalesce(sql, '') AS line FROM sqlite_master ORDER BY line`,
  postgres: `SELECT indexdef AS line FROM pg_indexes WHERE schemaname = 'public' UNION ALL
    SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace UNION ALL
    SELECT table_name || '.' || column_name || ' ' || data_type || is_nullable || coalesce(column_default, '')
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY line`,
};

const KILLER = `--import ${new URL('../support/killed-at.mjs', import.meta.url).href}`;

/** Ends the program, as `kill -9` would, at the first statement it has run after it has said this. */
const dyingAfter = (words: string): Record<string, string> => ({ NODE_OPTIONS: KILLER, KILLED_AFTER: words });

/** Runs a statement on whichever it is, past the program. */
async function ask({ dialect, file = '', connectionString }: DatabaseSettings, statement: string) {
  if (dialect === 'sqlite') {
    const handle = new BetterSqlite3(file);
    try {
      const prepared = handle.prepare<[], { line: string }>(statement);
      if (prepared.reader) return prepared.all();
      prepared.run();
      return [];
    } finally {
      handle.close();
    }
  }
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<{ line: string }>(statement)).rows;
  } finally {
    await client.end();
  }
}

describe.each(DIALECTS)('on %s', (dialect) => {
  const fixture = createDatabaseFixture();
  const places: Place[] = [];
  afterEach(async () => {
    for (const place of places.splice(0)) place.remove();
    await fixture.close();
  });

  /** However it is written: SQLite keeps the text, and undoing a migration writes some of it anew. */
  const shapeOf = async (settings: DatabaseSettings) =>
    (await ask(settings, SHAPES[dialect]))
      .map(({ line }) => line.replaceAll(/[`"]/g, '').toLowerCase())
      .sort();
  const appliedTo = async (settings: DatabaseSettings) => (await migrationStatus(settings)).applied;

  test(
    'R08: a migrator is killed at one migration after another, and the next one does it all',
    async () => {
      const clean = await fixture.settingsOf(dialect);
      await migrateUp(clean);
      const settings = await fixture.settingsOf(dialect);
      await migrateUp(settings, () => {}, { list: OLDER });
      await ask(settings, `INSERT INTO throttle (key, points, expires_at) VALUES ('of before', 7, 1)`);
      const older = await shapeOf(settings);

      const place = newPlace();
      places.push(place);
      const DATABASE_URL =
        dialect === 'sqlite' ? `sqlite:${settings.file}` : (settings.connectionString as string);
      const migrate = (args: string, dying: Record<string, string> = {}) =>
        place.spawn(`migrate ${args}`, { env: { DATABASE_URL, ...dying } });

      for (const name of AT) {
        expect((await migrate('up', dyingAfter(`Applying migration ${name}`))).code).toBe(-1);
        // One transaction for all.
        expect(await appliedTo(settings)).toEqual(OLDER.map(({ name: done }) => done));
        expect(await shapeOf(settings)).toEqual(older);
      }
      const done = await migrate('up');
      expect(done).toMatchObject({
        code: 0,
        stderr: expect.stringContaining(`Applying migration ${NAMES.at(-1)}`),
      });
      expect(await appliedTo(settings)).toEqual(NAMES);
      expect(await shapeOf(settings)).toEqual(await shapeOf(clean));
      expect(await ask(settings, `SELECT key AS line FROM throttle`)).toEqual([{ line: 'of before' }]);

      for (const name of [...AT].reverse()) {
        expect((await migrate('down --all --yes', dyingAfter(`Undoing migration ${name}`))).code).toBe(-1);
        // One for each.
        const left = NAMES.indexOf(name as string) + 1;
        expect(await appliedTo(settings)).toEqual(NAMES.slice(0, left));
        const same = await fixture.settingsOf(dialect);
        await migrateUp(same, () => {}, { list: migrations.slice(0, left) });
        expect(await shapeOf(settings)).toEqual(await shapeOf(same));
        expect((await migrate('up')).code).toBe(0);
        expect(await shapeOf(settings)).toEqual(await shapeOf(clean));
      }
      measured(
        'R08',
        `${dialect}: ${AT.length} migrators killed on the way up, ${AT.length} on the way down: no half of one`,
      );
    },
    TIMEOUT,
  );
});
