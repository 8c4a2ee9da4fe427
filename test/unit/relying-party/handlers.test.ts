import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from '@jest/globals';
import { ConfigFault } from '../../../src/platform/config/config-fault.js';
import type { GuardedFetch } from '../../../src/platform/net/guarded-fetch.js';
import type { UpstreamIdentity } from '../../../src/relying-party/connector.js';
import { type HandlerModule, loadHandlerModules } from '../../../src/relying-party/handler-modules.js';
import type { HandlerEvent } from '../../../src/relying-party/handlers.js';
import { createHandlers } from '../../../src/relying-party/run-handlers.js';
import { createSignals } from '../../../src/relying-party/signals.js';
import { sampleUpstream } from '../../support/sample-upstream.js';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-handlers-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

async function load(files: Record<string, string>, ids = ['lab']) {
  const warnings: string[] = [];
  const modules = await loadHandlerModules(folderOf(files), ids, (line) => warnings.push(line));
  return { modules, warnings };
}

const faultOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof ConfigFault ? (error.faults[0]?.message ?? '') : String(error)),
  );

describe('loading', () => {
  test.each([
    ['a folder that is not there', undefined, 'cannot be read (ENOENT)'],
    ['a syntax error', 'export function authorized( {', 'lab.mjs cannot be loaded: '],
    ['a module that throws', 'throw new Error("no\\nway")', 'lab.mjs cannot be loaded: no way'],
    [
      'an unknown name',
      'export function authorised() {}',
      'lab.mjs exports authorised; handlers are authorized',
    ],
    ['an unknown part', 'export const signup = { inform() {} }', 'lab.mjs exports signup.inform'],
    ['no function', 'export const groups = ["staff"]', 'lab.mjs: groups is not a function'],
    ['a default export', 'export default function () {}', 'lab.mjs exports default'],
  ])('%s is told at the start', async (_name, text, message) => {
    const work =
      text === undefined
        ? loadHandlerModules('/nowhere/at/all', ['lab'], () => {})
        : load({ 'lab.mjs': text });
    expect(await faultOf(work)).toContain(message);
  });

  test('only files of upstreams are loaded; nothing outside of the folder is', async () => {
    const bomb = 'throw new Error("loaded")';
    const { modules, warnings } = await load(
      {
        'lab.mjs': 'export function groups() {}',
        'stranger.mjs': bomb,
        'lab.js': bomb,
        'lab.mjs.bak': bomb,
        'README.md': 'text',
      },
      ['lab', 'other', '../lab', '..'],
    );
    expect([...modules.keys()]).toEqual(['lab']);
    expect(warnings).toEqual(['HANDLERS_DIR: stranger.mjs is not loaded: no upstream is called "stranger".']);
  });

  test('a folder that is called like a file, and no setting at all', async () => {
    const folder = folderOf({});
    mkdirSync(join(folder, 'lab.mjs'));
    expect((await loadHandlerModules(folder, ['lab'], () => {})).size).toBe(0);
    expect((await loadHandlerModules(undefined, ['lab'], () => {})).size).toBe(0);
  });
});

const IDENTITY: UpstreamIdentity = {
  issuer: 'https://lab.example',
  subject: 'subject-1',
  attributes: { user_id: 'subject-1' },
  email: 'ann@lab.example',
  emailVerified: true,
  username: 'ann',
  claims: { groups: ['staff'] },
  extra: {},
};

const event: HandlerEvent = {
  upstream: sampleUpstream(),
  identity: IDENTITY,
  tokens: { accessToken: 'the access token' },
  door: 'linked',
  purpose: 'sign_in',
};

const owned = { ...event, accountId: 'account-1' };

function handlersWith(module: HandlerModule, fetch: GuardedFetch = unused) {
  const logs: { handler?: string; signal?: string; err?: Error }[] = [];
  const log = { error: (fields: object) => void logs.push(fields) };
  const signals = createSignals(log);
  const handlers = createHandlers({
    modules: new Map([['lab', module]]),
    signals,
    vault: { tokenFor: async (accountId, upstreamId) => ({ accessToken: `${accountId} at ${upstreamId}` }) },
    fetch,
    log,
    patience: 50,
  });
  return { handlers, signals, logs };
}

const unused = async (): Promise<never> => {
  throw new Error('nothing is fetched');
};

const boom = () => {
  throw new Error('boom');
};

describe('running', () => {
  test.each([
    ['throws', boom],
    ['throws later', async () => boom()],
    ['never answers', () => new Promise(() => {})],
    ['answers what cannot be', () => ({ refuze: 'x' })],
    ['answers yes', () => true],
  ])('authorized that %s lets nobody in', async (_name, authorized) => {
    const { handlers, logs } = handlersWith({ authorized });
    await expect(handlers.authorized(event)).rejects.toMatchObject({ fault: 'not_allowed', status: 403 });
    expect(logs).toMatchObject([{ handler: 'authorized', upstream: 'lab' }]);
  });

  test('authorized refuses in its own words, and says where to go on, on this server', async () => {
    const refuse = handlersWith({ authorized: () => ({ refuse: 'Members only.' }) }).handlers;
    await expect(refuse.authorized(event)).rejects.toMatchObject({ message: 'Members only.', status: 403 });
    const lead = (returnTo: string) =>
      handlersWith({ authorized: async () => ({ returnTo }) }).handlers.authorized(event);
    expect(await lead('/welcome?a=b')).toEqual({ returnTo: '/welcome?a=b' });
    expect(await lead('https://evil.example/')).toEqual({ returnTo: '/' });
    expect(await lead('//evil.example/')).toEqual({ returnTo: '/' });
    expect(await handlersWith({ authorized: () => undefined }).handlers.authorized(event)).toEqual({});
    expect(await handlersWith({}).handlers.authorized(event)).toEqual({});
  });

  test.each([
    ['the subject', { subject: 'another' }],
    ['the issuer', { issuer: 'https://other.example' }],
    ['no address', { email: 'nobody' }],
    ['verified by a word', { email: 'a@b.example', emailVerified: 'true' }],
    ['a list', ['ann']],
  ])('signup.info that answers %s refuses the login', async (_name, answer) => {
    const { handlers, logs } = handlersWith({ 'signup.info': () => answer });
    await expect(handlers.info(event)).rejects.toMatchObject({ fault: 'not_allowed' });
    expect(logs).toMatchObject([{ handler: 'signup.info' }]);
  });

  test('signup.info puts right what is known; another address is not proven by the former one', async () => {
    const { handlers } = handlersWith({ 'signup.info': () => ({ email: 'ann@Other.Example' }) });
    expect(await handlers.info(event)).toEqual({
      ...IDENTITY,
      email: 'ann@other.example',
      emailVerified: false,
    });
    const sure = handlersWith({
      'signup.info': () => ({ email: 'ann@other.example', emailVerified: true, displayName: ' Ann ' }),
    }).handlers;
    expect(await sure.info(event)).toMatchObject({
      emailVerified: true,
      displayName: 'Ann',
      subject: 'subject-1',
    });
    expect(await handlersWith({ 'signup.info': boomNever }).handlers.info(event)).toEqual(IDENTITY);
  });

  const boomNever = () => null;

  test('setup keeps JSON with the link; a failure keeps nothing and stands in no way', async () => {
    const kept = handlersWith({
      'signup.setup': (data) => ({ of: (data as typeof owned).accountId, n: [1] }),
    });
    expect(await kept.handlers.setup(owned)).toEqual({ of: 'account-1', n: [1] });
    for (const answer of [{ big: 'x'.repeat(20_000) }, { f: () => {} }, 'text', 7]) {
      const { handlers, logs } = handlersWith({ 'signup.setup': () => answer });
      expect(await handlers.setup(owned)).toEqual({});
      expect(logs).toMatchObject([{ handler: 'signup.setup' }]);
    }
    expect(await handlersWith({ 'signup.setup': boom }).handlers.setup(owned)).toEqual({});
    expect(await handlersWith({}).handlers.setup(owned)).toEqual({});
  });

  test('view fills the form in; a failure leaves the form as it is', async () => {
    const view = { notice: 'Hello', values: { username: 'ann' } };
    expect(await handlersWith({ 'signup.view': () => view }).handlers.view(event)).toEqual(view);
    expect(await handlersWith({ 'signup.view': boom }).handlers.view(event)).toEqual({});
    expect(await handlersWith({ 'signup.view': () => ({ values: { a: 1 } }) }).handlers.view(event)).toEqual(
      {},
    );
  });

  test('groups: names or descriptions of groups; who fails gives none; who has no handler says nothing', async () => {
    const groups = () => ['staff', { id: 'g1', name: 'Group 1', description: 'The first' }];
    expect(await handlersWith({ groups }).handlers.groups(event)).toEqual([
      { id: 'staff' },
      { id: 'g1', name: 'Group 1', description: 'The first' },
    ]);
    expect(await handlersWith({ groups: boom }).handlers.groups(event)).toEqual([]);
    expect(await handlersWith({ groups: () => [7] }).handlers.groups(event)).toEqual([]);
    expect(await handlersWith({}).handlers.groups(event)).toBeUndefined();
  });

  test('disconnect may clean up with the stored token; its failure stands in no way', async () => {
    const seen: unknown[] = [];
    const link = { upstream: sampleUpstream(), accountId: 'account-1', subject: 's', extra: { id: 7 } };
    const { handlers } = handlersWith({
      disconnect: async (data, tools) => void seen.push(data, await tools.accessToken()),
    });
    await handlers.disconnect(link);
    expect(seen).toEqual([
      {
        upstream: { id: 'lab', title: 'The Lab', issuer: 'https://lab.example' },
        accountId: 'account-1',
        subject: 's',
        extra: { id: 7 },
      },
      'account-1 at lab',
    ]);
    const broken = handlersWith({ disconnect: boom });
    await broken.handlers.disconnect(link);
    expect(broken.logs).toMatchObject([{ handler: 'disconnect' }]);
  });

  test('handlers get plain data that they cannot change, and none of our secrets', async () => {
    let given: { identity: { attributes: object } } | undefined;
    const { handlers } = handlersWith({
      authorized(data) {
        given = data as typeof given;
        expect(() => Object.assign((data as typeof given)?.identity ?? {}, { subject: 'x' })).toThrow(
          TypeError,
        );
      },
    });
    await handlers.authorized(event);
    const text = JSON.stringify(given);
    expect(text).not.toContain('our secret there');
    expect(text).not.toContain('the access token');
    expect(Object.isFrozen(given?.identity.attributes)).toBe(true);
    expect(event.identity.subject).toBe('subject-1');
  });

  test('row 103: each signal tells its listeners and its hook, once; failures are logged', async () => {
    const heard: unknown[] = [];
    const hook = (name: string) => (data: unknown) =>
      void heard.push([name, (data as { extra?: object }).extra]);
    const { handlers, signals, logs } = handlersWith({
      'signup.setup': () => ({ id: 7 }),
      accountInfoReceived: hook('info hook'),
      setupReceived: hook('setup hook'),
      setupCommitted: boom,
    });
    for (const name of ['account-info-received', 'setup-received', 'setup-committed'] as const)
      signals.on(name, ({ identity }, extra) => void heard.push([name, identity.subject, extra]));
    signals.on('setup-received', boom);
    await handlers.info(event);
    await handlers.setup(owned);
    await handlers.committed(owned);
    expect(heard).toEqual([
      ['info hook', undefined],
      ['account-info-received', 'subject-1', undefined],
      ['setup hook', { id: 7 }],
      ['setup-received', 'subject-1', { id: 7 }],
      ['setup-committed', 'subject-1', undefined],
    ]);
    expect(logs).toMatchObject([{ signal: 'setup-received' }, { handler: 'setupCommitted' }]);
  });
});

describe('the example', () => {
  const folder = fileURLToPath(new URL('../../../scripts/examples/handlers', import.meta.url));

  async function example(answers: Record<string, [number, unknown]>) {
    const modules = await loadHandlerModules(folder, ['github'], () => {});
    const asked: string[] = [];
    const { handlers, logs } = handlersWith(
      modules.get('github') as HandlerModule,
      async (url, { method = 'GET', body: sent } = {}) => {
        const path = String(url).replace('https://api.github.com', '');
        asked.push(method === 'GET' ? path : `${method} ${path} ${sent}`);
        const [status, body] = answers[path] ?? [404, {}];
        return status === 204 ? new Response(null, { status }) : Response.json(body, { status });
      },
    );
    return { handlers, logs, asked };
  }

  const MEMBERSHIP = '/user/memberships/orgs/example-lab';
  const TEAMS = '/user/teams?per_page=100';

  test('strangers, and members while GitHub is down, stay outside; members come in', async () => {
    for (const answer of [
      [404, {}],
      [500, {}],
      [200, { state: 'pending' }],
    ] as [number, unknown][]) {
      const { handlers } = await example({ [MEMBERSHIP]: answer });
      await expect(handlers.authorized(event)).rejects.toMatchObject({ fault: 'not_allowed' });
    }
    const { handlers, asked } = await example({ [MEMBERSHIP]: [200, { state: 'active' }] });
    expect(await handlers.authorized(event)).toEqual({});
    expect(asked).toEqual([MEMBERSHIP]);
  });

  test('teams become groups, data is put right and kept', async () => {
    const team = (login: string, slug: string) => ({
      slug,
      name: slug,
      description: null,
      organization: { login },
    });
    const { handlers } = await example({
      [TEAMS]: [200, [team('example-lab', 'optics'), team('other', 'x')]],
    });
    expect(await handlers.groups(event)).toEqual([{ id: 'example-lab:optics', name: 'optics' }]);
    expect(await handlers.info(event)).toMatchObject({ displayName: 'ann' });
    expect(await handlers.setup(owned)).toEqual({ login: 'ann', id: 'subject-1' });
    expect((await handlers.view(event)).notice).toContain('example-lab');
  });

  test('disconnecting takes the permission back; GitHub in trouble is logged', async () => {
    const link = { upstream: sampleUpstream(), accountId: 'account-1', subject: 's', extra: {} };
    const path = '/applications/our-client/grant';
    const good = await example({ [path]: [204, undefined] });
    const bad = await example({});
    const ours = { UPSTREAM_GITHUB_CLIENT_ID: 'our-client', UPSTREAM_GITHUB_CLIENT_SECRET: 'secret' };
    Object.assign(process.env, ours);
    try {
      await good.handlers.disconnect(link);
      await bad.handlers.disconnect(link);
    } finally {
      for (const name of Object.keys(ours)) delete process.env[name];
    }
    expect(good.asked).toEqual([`DELETE ${path} {"access_token":"account-1 at lab"}`]);
    expect(good.logs).toEqual([]);
    expect(bad.asked).toEqual(good.asked);
    expect(bad.logs).toMatchObject([{ handler: 'disconnect' }]);
  });
});
