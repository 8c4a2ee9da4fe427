/** `DATABASE_DIRECT_URL` beside `DATABASE_URL`: two ways to one database, or nothing is done in either. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { newPlace, type Place } from '../support/command-line.js';
import { freshPostgres } from '../support/postgres.js';
import { startServer } from '../support/server.js';

let place: Place;
let served: string;
let forgotten: string;

beforeAll(async () => {
  place = newPlace();
  [served, forgotten] = [await freshPostgres(), await freshPostgres()];
  for (const DATABASE_URL of [served, forgotten]) await place.run('migrate up', { env: { DATABASE_URL } });
});
afterAll(() => place.remove());

const both = (): Record<string, string> => ({ DATABASE_URL: served, DATABASE_DIRECT_URL: forgotten });

const withOption = (address: string, name: string, value: string): string => {
  const url = new URL(address);
  url.searchParams.set(name, value);
  return url.href;
};

const appliedTo = async (DATABASE_URL: string): Promise<number> =>
  (await place.run('migrate status --json', { env: { DATABASE_URL } })).json().applied.length;

describe('a direct address that leads elsewhere', () => {
  test.each(['migrate down --all --yes', 'migrate up', 'migrate status', 'backup FILE', 'user list'])(
    '%s: refused in one line, with both names and no password',
    async (verb) => {
      const before = [await appliedTo(served), await appliedTo(forgotten)];
      const args = verb.replace('FILE', `${place.folder}/of-which.backup`);
      const { code, stdout, stderr } = await place.run(args, { env: both() });
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^DATABASE_DIRECT_URL: [^\n]*DATABASE_URL[^\n]*\n$/);
      expect(stderr).not.toContain(new URL(served).password);
      expect([await appliedTo(served), await appliedTo(forgotten)]).toEqual(before);
    },
  );

  test.each(['on', 'off'])('no server starts on it, with MIGRATE=%s', async (MIGRATE) => {
    await expect(startServer({ ...both(), MIGRATE })).rejects.toThrow('DATABASE_DIRECT_URL');
  });

  test('another schema of the same database is elsewhere', async () => {
    const client = new pg.Client({ connectionString: served });
    await client.connect();
    await client.query('CREATE SCHEMA other').finally(() => client.end());
    const env = { ...both(), DATABASE_DIRECT_URL: withOption(served, 'options', '-c search_path=other') };
    expect((await place.run('migrate status', { env })).code).toBe(1);
  });
});

test('the same database by another spelling is no other', async () => {
  const env = { ...both(), DATABASE_DIRECT_URL: withOption(served, 'application_name', 'direct') };
  const { code, stderr } = await place.run('migrate status', { env });
  expect([code, stderr]).toEqual([0, '']);
});

test('what is about to be lost is named, without its password', async () => {
  const { host, pathname, password } = new URL(served);
  for (const verb of ['migrate down', `db copy --to ${served} --replace`]) {
    const env = { DATABASE_URL: verb.startsWith('db') ? forgotten : served };
    const { code, stderr } = await place.run(verb, { env });
    expect([code, stderr]).toEqual([2, expect.stringContaining(`PostgreSQL at ${host}${pathname}`)]);
    expect(stderr).not.toContain(password);
  }
});
