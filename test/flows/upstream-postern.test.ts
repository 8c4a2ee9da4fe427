/** A second Postern as the upstream, on PostgreSQL here: both ends of one login are ours. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { walk } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { freePort } from '../support/free-port.js';
import { startServer, type TestServer } from '../support/server.js';

let ours: TestServer;
let theirs: TestServer;

beforeAll(async () => {
  const port = await freePort();
  theirs = await startServer();
  await theirs.createAccount('carol', { email: 'carol@there.example', emailVerified: true });
  const client = await theirs.createClient({
    redirect_uris: [`http://localhost:${port}/oauth/authorized/house/`],
    scope: 'openid profile email',
    client_name: 'Our house',
  });
  ours = await startServer(
    {
      DATABASE_URL: await freshPostgres(),
      UPSTREAM_HOUSE_ISSUER: theirs.issuer,
      UPSTREAM_HOUSE_CLIENT_ID: client.clientId,
      UPSTREAM_HOUSE_CLIENT_SECRET: client.secret,
      UPSTREAM_HOUSE_TITLE: 'The other house',
    },
    port,
  );
});
afterAll(async () => {
  await ours.close();
  await theirs.close();
});

test('a person of the other server signs in here; of twenty callbacks at once one wins', async () => {
  const browser = createBrowser();
  const begun = await browser.get(ours.url('/login/upstream/house?next=/account'));
  // Another browser's jar: the two share a host, and so would their cookies.
  const there = createBrowser();
  const back = await walk(theirs, there, { ...begun, url: theirs.issuer }, 'carol');
  expect(back.location).toContain('/oauth/authorized/house/?code=');
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const one = browser.copy();
      const { status } = await one.get(back.location ?? '');
      return { status, one };
    }),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(19).fill(403)]);
  const winner = answers.find(({ status }) => status === 303)?.one;
  const page = await winner?.get(ours.url('/account'));
  expect(page?.text).toContain('carol');
  const { accounts, identities } = ours.container;
  const account = await accounts.findByUsernameKey('carol');
  expect(account).toMatchObject({ email: 'carol@there.example', emailVerified: true });
  const held = await identities.listOf(account?.id ?? '');
  expect(held.map(({ issuer, linkedBy }) => [issuer, linkedBy])).toEqual([[theirs.issuer, 'sign_up']]);
});
