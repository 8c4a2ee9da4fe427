/** What one node changes the others see within a second, told by PostgreSQL's NOTIFY (issue 6 §4). */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import pg from 'pg';
import { listeningAddress } from '../../src/platform/database/change-listener.js';
import type { ChangeListener } from '../../src/platform/database/change-listener.js';
import { followChanges } from '../../src/serve/follow-changes.js';
import { postgresSettings, sqliteSettings } from '../support/databases.js';
import { post } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

const API = 'https://api.example/changes';
const SECOND = 1000;

let url: string;
let nodes: readonly TestServer[];
let follower: ChangeListener;
let client: TestClient;
const [near, far] = [() => nodes[0] as TestServer, () => nodes[1] as TestServer];

beforeAll(async () => {
  url = await freshPostgres();
  const env = { DATABASE_URL: url, SECRET_KEY: 'one secret for both of them, long enough' };
  nodes = [await startServer(env), await startServer(env)];
  // The second one alone listens; neither looks by itself.
  follower = await followChanges(far().container);
  await near().container.resources.create({
    identifier: API,
    scopes: ['read'],
    token_format: 'jwt',
    signing_alg: 'ES256',
  });
  client = await near().createClient({
    grant_types: ['client_credentials'],
    scope: 'read',
    redirect_uris: [],
    response_types: [],
  });
  await until(() => follower.listening);
});
afterAll(async () => {
  await follower?.close();
  for (const node of nodes) await node.close();
});

/** Milliseconds until it held. */
async function until(holds: () => boolean | Promise<boolean>): Promise<number> {
  const begun = performance.now();
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
  return performance.now() - begun;
}

const kids = (node: TestServer) => node.container.loadedKeys.map(({ kid }) => kid);

async function signerAt(node: TestServer): Promise<string | undefined> {
  const form = { grant_type: 'client_credentials', resource: API, scope: 'read' };
  const { body } = await post(node, '/oauth/token', form, client);
  return decodeProtectedHeader(body.access_token).kid;
}

const rotate = async () => (await near().container.signingKeys.rotate('ES256', 'cli', 0))?.kid as string;

/** Cuts every connection that listens; answers how many. */
async function cut(): Promise<number> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const { rows } = await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`,
  );
  await admin.end();
  return rows.length;
}

describe('a node that is told', () => {
  test('signs with a new key within a second, and drops a withdrawn one', async () => {
    const kid = await rotate();
    expect(await until(() => kids(far()).includes(kid))).toBeLessThan(SECOND);
    expect(await signerAt(far())).toBe(kid);
    expect(await near().container.signingKeys.revoke(kid, 'cli')).toBe(true);
    expect(await until(() => !kids(far()).includes(kid))).toBeLessThan(SECOND);
    expect(await signerAt(far())).not.toBe(kid);
  });

  test('sees a change of a client at its next request, told or not', async () => {
    expect(await signerAt(far())).toBeDefined();
    const former = client;
    client = { ...client, secret: await near().container.clients.rotateSecret(client.clientId) };
    const form = { grant_type: 'client_credentials', resource: API, scope: 'read' };
    expect((await post(far(), '/oauth/token', form, former)).status).toBe(401);
    expect(await signerAt(far())).toBeDefined();
  });

  test('comes back after its connection was cut, and finds what it missed', async () => {
    expect(await cut()).toBe(1);
    await until(() => !follower.listening);
    const missed = await rotate();
    await until(() => follower.listening);
    await until(() => kids(far()).includes(missed));
    const heard = await rotate();
    expect(await until(() => kids(far()).includes(heard))).toBeLessThan(SECOND);
    expect(await cut()).toBe(1);
  });

  test('still serves where nobody can be heard, and looks by itself', async () => {
    await follower.close();
    expect(await cut()).toBe(0);
    const kid = await rotate();
    expect(await signerAt(far())).not.toBe(kid);
    // What every process does each 15 seconds.
    await far().container.keyring.refresh();
    expect(await signerAt(far())).toBe(kid);
    follower = await followChanges(far().container);
    await until(() => follower.listening);
  });
});

test('a LISTEN goes past a pooler, or is not tried', () => {
  const direct = 'postgres://db.example/postern';
  expect(listeningAddress(postgresSettings(direct))).toBe(direct);
  const pooled = postgresSettings('postgres://db.example:6432/postern');
  expect(listeningAddress(pooled)).toBeUndefined();
  expect(listeningAddress({ ...postgresSettings(direct), prepared: 'off' })).toBeUndefined();
  expect(listeningAddress({ ...pooled, directUrl: direct })).toBe(direct);
  expect(listeningAddress(sqliteSettings('x.sqlite'))).toBeUndefined();
});
