/**
 * R08: during a rolling upgrade the previous program works on the tables of the next one. So a migration leaves
 * every older column as it was, and what it adds to an older table can be left out by who does not know of it.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { migrations } from '../../migrations/index.js';
import type { DatabaseSettings } from '../../src/platform/database/database.js';
import { migrateUp } from '../../src/platform/database/migrate.js';
import { createDatabaseFixture, DIALECTS } from '../support/databases.js';

interface Column {
  readonly place: string;
  readonly type: string;
  readonly optional: boolean;
}

const SQLITE = `SELECT m.name || '.' || c.name AS place, c.type, (c."notnull" = 0 OR c.dflt_value IS NOT NULL) AS optional
  FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'knex%'`;
const POSTGRES = `SELECT table_name || '.' || column_name AS place, data_type AS type,
    (is_nullable = 'YES' OR column_default IS NOT NULL) AS optional
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'knex%'`;

async function columnsOf({ file, connectionString }: DatabaseSettings): Promise<Column[]> {
  if (file !== undefined) {
    const handle = new BetterSqlite3(file, { readonly: true });
    const rows = handle.prepare<[], Column>(SQLITE).all();
    handle.close();
    return rows.map((row) => ({ ...row, optional: Boolean(row.optional) }));
  }
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<Column>(POSTGRES);
  await client.end();
  return rows;
}

const tableOf = ({ place }: Column) => place.split('.')[0];

describe.each(DIALECTS)('on %s', (dialect) => {
  const fixture = createDatabaseFixture();
  afterEach(fixture.close);

  test('R08: no migration takes from what is older, or asks more of it', async () => {
    const settings = await fixture.settingsOf(dialect);
    let before: Column[] = [];
    const broken: string[] = [];
    for (const [index, { name }] of migrations.entries()) {
      await migrateUp(settings, () => {}, { list: migrations.slice(0, index + 1) });
      const after = await columnsOf(settings);
      const known = new Set(before.map(tableOf));
      for (const old of before) {
        const now = after.find(({ place }) => place === old.place);
        if (now?.type !== old.type) broken.push(`${name}: ${old.place} is ${now?.type ?? 'gone'}`);
        else if (old.optional && !now.optional) broken.push(`${name}: ${old.place} must be given`);
      }
      for (const now of after) {
        const added = known.has(tableOf(now)) && !before.some(({ place }) => place === now.place);
        if (added && !now.optional) broken.push(`${name}: ${now.place} must be given`);
      }
      before = after;
    }
    expect(before.length).toBeGreaterThan(100);
    expect(broken).toEqual([]);
  }, 90_000);
});
