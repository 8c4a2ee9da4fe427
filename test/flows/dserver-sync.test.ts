/** Row 31: names made known to a dserver, played by a server of the test that checks tokens as dserver does. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { acceptedByDserver } from '../support/flask-jwt.js';
import { postJson } from '../support/json-calls.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

interface DserverUser {
  readonly is_admin: boolean;
  readonly display_name?: string;
}

let users: Map<string, DserverUser>;
let down: boolean;
/** Hangs up before it answers. */
let away: boolean;
/** What it does before it answers. */
let before: () => Promise<unknown>;
let seen: string[];
let dserver: Server;
let server: TestServer;

async function bodyOf(req: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of req) text += chunk;
  return text;
}

beforeEach(async () => {
  users = new Map([['admin', { is_admin: true }]]);
  down = false;
  away = false;
  before = async () => {};
  seen = [];
  let pem = '';
  dserver = createServer(async (req, res) => {
    const body = await bodyOf(req);
    const name = decodeURIComponent((req.url ?? '').split('/').at(-1) ?? '');
    const token = (req.headers.authorization ?? '').replace('Bearer ', '');
    seen.push(`${req.method} ${name}`);
    if (away) return req.socket.destroy();
    await before();
    if (down) return res.writeHead(500).end();
    const by = acceptedByDserver(token, pem, server.clock.now());
    if (!users.get(by)?.is_admin) return res.writeHead(403).end();
    if (req.method === 'GET') return res.writeHead(users.has(name) ? 200 : 404).end();
    users.set(name, JSON.parse(body));
    return res.writeHead(201).end();
  });
  await new Promise<void>((resolve) => dserver.listen(0, '127.0.0.1', resolve));
  server = await startServer({
    DSERVER_SYNC_URL: `http://127.0.0.1:${(dserver.address() as AddressInfo).port}/`,
    DSERVER_SYNC_ADMIN: 'admin',
  });
  pem = await server.container.dserver.key.publicPem();
});
afterEach(async () => {
  await server.close();
  dserver.closeAllConnections();
  await new Promise((resolve) => dserver.close(resolve));
});

const firstToken = async (username: string, more: object = {}) => {
  await server.createAccount(username, more);
  return postJson(server, '/token', { username, password: PASSWORD });
};
const run = (signal?: AbortSignal) => server.container.dserver.sync.run(signal);
/** Of the ledger and of the audit trail. */
async function tokensOfSync(): Promise<[number, number]> {
  const { dserver: ours, auditStore } = server.container;
  const noted = await ours.ledger.list({ limit: 100 });
  const told = await auditStore.list({ limit: 100 });
  return [
    noted.filter(({ reason }) => reason === 'sync').length,
    told.filter(({ event, detail }) => event === 'dserver.minted' && detail?.reason === 'sync').length,
  ];
}

test('a new name becomes a user, once, without rights and with the name people see', async () => {
  await firstToken('ada', { displayName: 'Ada Lovelace' });
  expect(await run()).toEqual([{ name: 'ada', outcome: 'created' }]);
  expect(users.get('ada')).toEqual({ username: 'ada', is_admin: false, display_name: 'Ada Lovelace' });
  expect(await run()).toEqual([]);
  const events = await server.container.auditStore.list({ limit: 20 });
  expect(events.map(({ event }) => event)).toContain('dserver.user_created');
});

test('whom dserver knows is left as it is: an administrator there stays one', async () => {
  users.set('boss', { is_admin: true, display_name: 'The boss' });
  await firstToken('boss');
  expect(await run()).toEqual([{ name: 'boss', outcome: 'known' }]);
  expect(users.get('boss')).toEqual({ is_admin: true, display_name: 'The boss' });
  expect(seen).toEqual(['GET boss']);
});

test('a dserver that is away delays no login and is asked again later', async () => {
  down = true;
  expect((await firstToken('late')).status).toBe(200);
  expect(seen).toEqual([]);
  expect(await run()).toEqual([{ name: 'late', outcome: 'failed', reason: 'GET answered 500' }]);
  expect(await run()).toEqual([]);
  down = false;
  server.clock.advance(301);
  expect(await run()).toEqual([{ name: 'late', outcome: 'created' }]);
});

test('of a dserver that cannot be reached nothing more is asked, and one token was made', async () => {
  for (const username of ['ada', 'bea', 'cyd']) await firstToken(username);
  away = true;
  expect(await run()).toMatchObject([{ outcome: 'failed', reason: expect.stringContaining('reached') }]);
  expect(seen).toHaveLength(1);
  expect(await tokensOfSync()).toEqual([1, 1]);
  away = false;
  expect(await run()).toMatchObject([{ outcome: 'created' }, { outcome: 'created' }]);
  server.clock.advance(301);
  expect(await run()).toMatchObject([{ outcome: 'created' }]);
});

test('one token does for all names of a run, and none is made where no name is new', async () => {
  for (const username of ['ada', 'bea', 'cyd']) await firstToken(username);
  expect(await run()).toHaveLength(3);
  expect(await tokensOfSync()).toEqual([1, 1]);
  expect(await run()).toEqual([]);
  expect(await tokensOfSync()).toEqual([1, 1]);
});

test('a server that stops waits for no answer, and puts nothing off', async () => {
  await firstToken('ada');
  const halt = new AbortController();
  before = async () => {
    halt.abort();
    await new Promise(() => {});
  };
  expect(await run(halt.signal)).toEqual([]);
  before = async () => {};
  expect(await run()).toEqual([{ name: 'ada', outcome: 'created' }]);
});

test('a name with a slash in it is one segment of the address', async () => {
  await server.container.dserver.mint({ subject: 'x', facts: { permissions: [] }, reason: 'test' });
  const { id } = await server.createAccount('carol');
  const { steps } = await server.container.dserver.names.settle(id, {
    name: 'http://cilogon.org/a/1',
    source: 'upstream:x',
  });
  await server.container.database.write(steps);
  await run();
  expect(users.has('http://cilogon.org/a/1')).toBe(true);
});

test('its tokens last five minutes and are not refreshed', async () => {
  await firstToken('short');
  await run();
  const [minted] = await server.container.dserver.ledger.list({ limit: 1 });
  expect(minted).toMatchObject({ subject: 'admin', reason: 'sync' });
  expect((minted?.expiresAt ?? 0) - (minted?.createdAt ?? 0)).toBeLessThanOrEqual(300_000);
  const sync = { subject: 'admin', facts: { permissions: [] }, reason: 'sync' } as const;
  const { token } = await server.container.dserver.mint(sync);
  expect((await postJson(server, '/auth/refresh', { token })).status).toBe(401);
});
