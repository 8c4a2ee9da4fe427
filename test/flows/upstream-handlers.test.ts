/** Handlers of `HANDLERS_DIR` in a whole server: what they are told, how often, and what they decide. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, type Page } from '../support/browser.js';
import { signIn } from '../support/flow.js';
import { ADA, connectThrough, loginThrough, startWorld, type World } from '../support/login-world.js';
import { PASSWORD, startServer } from '../support/server.js';
import type { OidcUpstream } from '../support/upstreams.js';

/** Writes down each call; the two of the setup keep and tell what they are for. */
const MODULE = `
import { appendFileSync } from 'node:fs';
const heard = new URL('./heard', import.meta.url);
const note = (name, { accountId, identity, subject, extra }, more = {}) =>
  appendFileSync(heard, JSON.stringify({ name, accountId, subject: subject ?? identity.subject, extra, ...more }) + '\\n');
export const accountInfoReceived = (data) => note('info', data);
export const setupReceived = (data) => note('setup', data);
export const setupCommitted = (data) => note('committed', data);
export function authorized({ identity }) {
  if (identity.subject.startsWith('barred')) return { refuse: 'Members only.' };
  if (identity.subject.startsWith('led')) return { returnTo: '/demo?led=1' };
}
export async function groups({ identity }, tools) {
  if (!identity.subject.startsWith('grouped')) return undefined;
  const headers = { authorization: 'Bearer ' + (await tools.accessToken()) };
  const answer = await tools.fetch(new URL('/me', identity.issuer), { headers });
  note('groups', { identity }, { status: answer.status, sub: (await answer.json()).sub });
  const barred = await tools.fetch('http://169.254.169.254/').catch((error) => error.reason);
  note('barred', { identity }, { reason: barred });
  return ['lab-members', { id: 'lab-leads', name: 'Leads' }, 'admin'];
}
export const signup = {
  setup: ({ identity }) => ({ kept: identity.subject }),
  view: () => ({ notice: 'Welcome to the lab.' }),
};
export async function disconnect(data, tools) {
  note('disconnect', data, { token: await tools.accessToken() });
  throw new Error('the upstream is down');
}
`;

interface Heard {
  readonly name: string;
  readonly accountId?: string;
  readonly subject: string;
  readonly extra?: object;
  readonly token?: string;
  readonly status?: number;
  readonly sub?: string;
  readonly reason?: string;
}

let folder: string;
let world: World;
let other: OidcUpstream;
let browser: Browser;
let count = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-handlers-'));
  writeFileSync(join(folder, 'other.mjs'), MODULE);
  world = await startWorld({ env: { HANDLERS_DIR: folder } });
  other = world.upstreams.other as OidcUpstream;
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  count += 1;
  browser = createBrowser();
  writeFileSync(join(folder, 'heard'), '');
  be(`h-${count}`);
});

function be(sub: string, more: object = {}): void {
  other.person = {
    ...ADA,
    sub,
    preferred_username: `hand${count}`,
    email: `h${count}@there.example`,
    ...more,
  };
}
const heard = (): Heard[] =>
  readFileSync(join(folder, 'heard'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Heard);
const told = () => heard().map(({ name, accountId }) => [name, accountId]);
const login = () => loginThrough(world, '/oauth/login/other/', browser);
const connect = () => connectThrough(world, '/oauth/login/other/', browser);
const accountOf = async (name: string) =>
  (await world.server.container.accounts.findByUsernameKey(name))?.id ?? 'nobody';
const once = (accountId: string) => [
  ['info', undefined],
  ['setup', accountId],
  ['committed', accountId],
];

describe('row 103: each signal once', () => {
  test('in a first login; in a later one who it is alone', async () => {
    await login();
    expect(told()).toEqual(once(await accountOf(`hand${count}`)));
    expect(heard()[1]).toMatchObject({ subject: `h-${count}`, extra: { kept: `h-${count}` } });
    writeFileSync(join(folder, 'heard'), '');
    browser = createBrowser();
    await login();
    expect(told()).toEqual([['info', undefined]]);
  });

  test('through the sign-up page, however often the form is sent', async () => {
    await world.server.createAccount(`taken${count}`);
    other.person = { sub: `h-${count}` };
    const form = await browser.get((await login()).location ?? '');
    expect(form.text).toContain('Welcome to the lab.');
    const send = (page: Page, username: string) =>
      browser.submit(page, '/oauth/signup/', { username, email: `h${count}@there.example`, full_name: 'H' });
    let page = form;
    for (const name of ['admin', `taken${count}`, `Taken${count}`]) {
      page = await send(page, name);
      expect(page.status).toBe(400);
    }
    expect(told()).toEqual([['info', undefined]]);
    const done = await send(page, `hand${count}`);
    expect(done.status).toBe(303);
    expect(done.location).toContain('/account/settings/linkedaccounts/');
    expect(told()).toEqual(once(await accountOf(`hand${count}`)));
  });

  test('through the link desk, after a wrong password too', async () => {
    const { id } = await world.server.createAccount(`own${count}`, {
      email: `h${count}@there.example`,
      emailVerified: true,
    });
    const desk = await browser.get((await login()).location ?? '');
    const prove = (password: string) =>
      browser.submit(desk, '/oauth/link/', { username: `own${count}`, password });
    expect((await prove('not this one at all')).status).toBe(400);
    expect(told()).toEqual([['info', undefined]]);
    expect((await prove(PASSWORD)).location).toContain('/account/settings/linkedaccounts/');
    expect(told()).toEqual(once(id));
  });

  test('where it is connected on the account page', async () => {
    const { id } = await world.server.createAccount(`own${count}`);
    await signIn(world.server, browser, `own${count}`);
    await connect();
    expect(told()).toEqual(once(id));
  });
});

describe('what they decide', () => {
  test('authorized refuses before anything is made, and says where it goes on', async () => {
    be(`barred-${count}`);
    const refused = await login();
    expect(refused.status).toBe(403);
    expect(refused.text).toContain('Members only.');
    expect(await accountOf(`hand${count}`)).toBe('nobody');
    be(`led-${count}`);
    browser = createBrowser();
    expect((await login()).location).toBe(world.server.url('/demo?led=1'));
  });

  test('groups asks the upstream with the token of this login, and what it says are the roles until it says otherwise', async () => {
    be(`grouped-${count}`);
    await login();
    expect(heard().filter(({ name }) => name === 'groups' || name === 'barred')).toMatchObject([
      { status: 200, sub: `grouped-${count}` },
      { reason: 'address' },
    ]);
    const { accounts } = world.server.container;
    const rolesOf = async () => (await accounts.findByUsernameKey(`hand${count}`))?.roles;
    // A handler gives nobody our own rights.
    expect([...((await rolesOf()) ?? [])].sort()).toEqual(['lab-leads', 'lab-members']);
    await browser.get(world.server.url('/oauth/logout'));
    expect(await rolesOf()).toEqual([]);
  });

  test('disconnect is told before the link goes, with the token that was kept; its failure stops nothing', async () => {
    const { id } = await world.server.createAccount(`own${count}`);
    await signIn(world.server, browser, `own${count}`);
    await connect();
    writeFileSync(join(folder, 'heard'), '');
    const path = '/oauth/disconnect/other/';
    const page = await browser.get(world.server.url(path));
    expect(heard()).toEqual([]);
    expect((await browser.submit(page, path)).status).toBe(303);
    expect(heard()).toMatchObject([
      { name: 'disconnect', accountId: id, subject: `h-${count}`, extra: { kept: `h-${count}` } },
    ]);
    expect(heard()[0]?.token).toMatch(/^.{20,}$/);
    expect(await world.server.container.identities.find(other.issuer, `h-${count}`)).toBeUndefined();
    expect(world.server.logs.join('')).toContain('the upstream is down');
  });
});

test('a handler that cannot be loaded stops the start', async () => {
  const wrong = mkdtempSync(join(tmpdir(), 'postern-handlers-'));
  writeFileSync(join(wrong, 'other.mjs'), 'export function authorised() {}');
  const { issuer, clientId } = other;
  const start = startServer({
    HANDLERS_DIR: wrong,
    UPSTREAM_OTHER_ISSUER: issuer,
    UPSTREAM_OTHER_CLIENT_ID: clientId,
    UPSTREAM_OTHER_CLIENT_SECRET: 's',
  });
  const fault = await start.then(
    async (server) => void (await server.close()),
    (error: unknown) => error,
  );
  rmSync(wrong, { recursive: true, force: true });
  expect(fault).toMatchObject({
    faults: [{ setting: 'HANDLERS_DIR', message: expect.stringContaining('authorised') }],
  });
});
