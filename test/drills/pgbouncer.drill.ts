/** Behind PgBouncer in transaction mode (issue 6 §4). Run by `npm run drill`: the pooler comes from apt. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { JSONWebKeySet } from 'jose';
import { createBrowser } from '../support/browser.js';
import { newPlace, type Place } from '../support/command-line.js';
import { measured, until } from '../support/figures.js';
import { getCode, introspect, post, redeem, refresh } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { type Pooler, startPgbouncer } from '../support/start-pgbouncer.js';
import { startServer, type TestServer } from '../support/server.js';
import { createSite } from '../support/site.js';

let pooler: Pooler;
let place: Place;

beforeAll(async () => {
  pooler = await startPgbouncer();
  place = newPlace();
});
afterAll(() => {
  pooler?.close();
  place?.remove();
});

async function everythingWorks(server: TestServer): Promise<void> {
  await server.createAccount();
  const client = await server.createClient({
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  });
  const browsers = Array.from({ length: 8 }, () => createBrowser());
  await Promise.all(
    browsers.map(async (browser) => {
      const grant = await getCode(server, client, { scope: 'openid profile offline_access' }, { browser });
      const first = await redeem(server, client, grant);
      expect(first.status).toBe(200);
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => refresh(server, client, first.body.refresh_token)),
      );
      expect(new Set(answers.map(({ status, body }) => `${status} ${body.access_token}`)).size).toBe(1);
      const token = answers[0]?.body.access_token;
      expect(await introspect(server, client, token)).toMatchObject({ active: true });
      await post(server, '/oauth/revoke', { token: answers[0]?.body.refresh_token }, client);
      expect(await introspect(server, client, token)).toMatchObject({ active: false });
    }),
  );
  const tokens = await Promise.all(
    Array.from({ length: 60 }, () =>
      post(server, '/oauth/token', { grant_type: 'client_credentials' }, client),
    ),
  );
  expect(tokens.filter(({ status }) => status !== 200)).toEqual([]);
  await server.container.signingKeys.rotate('RS256', 'cli', 0);
  await server.container.keyring.refresh();
  expect(server.logs.filter((line) => /"status":5\d\d/.test(line))).toEqual([]);
}

describe('PgBouncer in transaction mode', () => {
  test.each(['off', 'auto'])(
    'with DATABASE_DIRECT_URL and DATABASE_PREPARED=%s',
    async (prepared) => {
      expect(pooler.version).toMatch(/^PgBouncer 1\./);
      const direct = await freshPostgres();
      const server = await startServer({
        DATABASE_URL: pooler.through(direct),
        DATABASE_DIRECT_URL: direct,
        DATABASE_PREPARED: prepared,
      });
      await everythingWorks(server);
      await server.close();
      const env = { DATABASE_URL: pooler.through(direct), DATABASE_DIRECT_URL: direct };
      const taken = await place.run(`backup ${place.folder}/${prepared}.backup --json`, { env });
      expect([taken.stderr, taken.code]).toEqual(['', 0]);
    },
    180_000,
  );

  test('without DATABASE_DIRECT_URL, once it has been migrated past the pooler', async () => {
    const direct = await freshPostgres();
    await place.run('migrate up', { env: { DATABASE_URL: direct } });
    const server = await startServer({ DATABASE_URL: pooler.through(direct), DATABASE_PREPARED: 'off' });
    await everythingWorks(server);
    await server.close();
    const url = pooler.through(direct);
    const copied = await place.run(`db copy --to sqlite:${place.folder}/copy.sqlite`, {
      env: { DATABASE_URL: url },
    });
    expect([copied.code, copied.stdout]).toEqual([0, expect.stringContaining('counts and hashes agree')]);
  }, 180_000);

  test.each([
    ['told over DATABASE_DIRECT_URL', true, 5_000],
    ['without it by looking', false, 20_000],
  ])(
    'the program follows a withdrawn key, %s',
    async (how, told, limitMs) => {
      const direct = await freshPostgres();
      await place.run('migrate up', { env: { DATABASE_URL: direct } });
      const site = await createSite({
        DATABASE_URL: pooler.through(direct),
        DATABASE_PREPARED: 'off',
        ...(told ? { DATABASE_DIRECT_URL: direct } : {}),
      });
      const program = await site.start();
      try {
        const kids = async () => {
          const answer = await fetch(site.target.url('/oauth/jwks.json'));
          const { keys } = (await answer.json()) as JSONWebKeySet;
          return keys.map(({ kid }) => kid);
        };
        const [kid] = await kids();
        const { code } = await site.place.run(`keys revoke ${kid} --yes`, { env: site.env });
        expect(code).toBe(0);
        const took = await until('it is gone', async () => !(await kids()).includes(kid), limitMs);
        measured('PgBouncer', `a withdrawn key is gone from the key set after ${took} ms, ${how}`);
      } finally {
        await program.stop();
        site.place.remove();
      }
    },
    180_000,
  );
});
