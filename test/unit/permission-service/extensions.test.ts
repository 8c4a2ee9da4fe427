import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { createExtensions } from '../../../src/permission-service/extensions.js';
import { createModules } from '../../../src/permission-service/modules.js';
import { createPermissionProviders } from '../../../src/permission-service/permission-providers.js';
import { temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
const warnings: Record<string, unknown>[] = [];
const log = { warn: (fields: object) => void warnings.push({ ...fields }) };
/** Fires by hand: no test waits. */
const pending = new Set<() => void>();
const timer = (milliseconds: number, fire: () => void) => {
  expect(milliseconds).toBe(5000);
  pending.add(fire);
  return () => void pending.delete(fire);
};
const expire = () => {
  for (const fire of pending) fire();
};

beforeEach(() => {
  warnings.length = 0;
  pending.clear();
});

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const modules = () => createModules({ folder, log });
const extensions = (...names: string[]) => createExtensions({ names, modules: modules(), timer, log });

const USER = {
  id: 'u1',
  provider_id: 'google:1',
  username: 'bob',
  name: 'Bob',
  email: 'bob@example.org',
  avatar_url: null,
  join_date: 'now',
  idhash: 'h',
};

describe('row 60: extensions', () => {
  test('may change somebody new, each seeing what the one before it did', async () => {
    write('first.mjs', 'export function onNewUser(user) { user.id = "new-user"; }');
    write('second.mjs', 'export const onNewUser = async (user) => ({ ...user, name: user.id });');
    expect(await extensions('first', 'second').newUser(USER)).toEqual({
      ...USER,
      id: 'new-user',
      name: 'new-user',
    });
    expect(USER.id).toBe('u1');
  });

  test('may use the names of the originals, a default export, and a folder', async () => {
    write('old.mjs', 'export function on_new_user(user) { user.name = "old"; }');
    write('whole.mjs', 'export default { onNewUser(user) { user.username = "whole"; } };');
    mkdirSync(join(folder, 'inner'), { recursive: true });
    write('inner/index.mjs', 'export const onNewUser = (user) => { user.id = "inner"; };');
    expect(await extensions('old', 'whole', 'inner').newUser(USER)).toMatchObject({
      name: 'old',
      username: 'whole',
      id: 'inner',
    });
  });

  test('a missing hook is fine', async () => {
    write('quiet.mjs', 'export const other = 1; export const onUserLogin = "no function";');
    const quiet = extensions('quiet');
    expect(await quiet.newUser(USER)).toEqual(USER);
    await quiet.userLogin(USER);
    await quiet.userLogout(USER);
    expect(warnings).toEqual([]);
  });

  test.each(['throw new TypeError("boom")', 'return Promise.reject(new Error("boom"))'])(
    'one that fails (%s) is logged with its name and changes nothing, and the next one is still called',
    async (failure) => {
      const name = failure.startsWith('throw') ? 'thrower' : 'rejecter';
      write(`${name}.mjs`, `export function onNewUser(user) { user.id = "half"; ${failure}; }`);
      write('after.mjs', 'export function onNewUser(user) { user.name = "after"; }');
      expect(await extensions(name, 'after').newUser(USER)).toEqual({ ...USER, name: 'after' });
      expect(warnings).toEqual([
        { err: expect.objectContaining({ message: 'boom' }), extension: name, hook: 'onNewUser' },
      ]);
    },
  );

  test('one that takes too long is cut after five seconds, and cannot change anything afterwards', async () => {
    const state = globalThis as { release?: () => void };
    write(
      'slow.mjs',
      `export async function onNewUser(user) {
        await new Promise((done) => { globalThis.release = done; });
        user.id = "late";
      }`,
    );
    const running = extensions('slow').newUser(USER);
    while (pending.size === 0 || !state.release) await new Promise((done) => setImmediate(done));
    expire();
    const got = await running;
    expect(got).toEqual(USER);
    state.release?.();
    await new Promise((done) => setImmediate(done));
    expect(got).toEqual(USER);
    expect(warnings).toEqual([
      expect.objectContaining({ extension: 'slow', err: expect.objectContaining({ name: 'TookTooLong' }) }),
    ]);
    expect(pending.size).toBe(0);
  });

  test('one that is missing or broken is logged once', async () => {
    write('broken.mjs', 'export const = 1;');
    const all = extensions('absent', 'broken');
    await all.userLogin(USER);
    await all.userLogin(USER);
    expect(warnings.map(({ extension }) => extension)).toEqual(['absent', 'broken']);
  });

  test('without a folder nothing is found', async () => {
    const none = createModules({ folder: undefined, log });
    expect(await none.load('first')).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });
});

describe('row 59: permission providers', () => {
  const ask = (services: { name: string; module: string }[], own?: string[]) =>
    createPermissionProviders({ services, granted: async () => own, modules: modules(), timer, log });
  const asker = { accountId: 'a1', user: USER, roles: ['staff'] };

  test('answer by service and user, under the name the service was given', async () => {
    write(
      'rights.mjs',
      'export const getPermissions = (service, user) => ({ "provider-token": [service, user].join("-") });',
    );
    const find = ask([
      { name: 'rights', module: 'rights' },
      { name: 'example2', module: 'rights' },
    ]);
    expect(await find('rights', asker)).toEqual({ 'provider-token': 'rights-u1' });
    expect(await find('example2', asker)).toEqual({ 'provider-token': 'example2-u1' });
    expect(await find('servis', asker)).toBeUndefined();
  });

  test('get the person and their roles beside the id', async () => {
    write(
      'seeing.mjs',
      'export const get_permissions = (s, id, user) => ({ seen: [user.email, ...user.roles] });',
    );
    expect(await ask([{ name: 's', module: 'seeing' }])('s', asker)).toEqual({
      seen: ['bob@example.org', 'staff'],
    });
  });

  test.each([
    ['a missing module', 'nowhere', ''],
    ['a missing function', 'empty', 'export const x = 1;'],
    ['an error', 'failing', 'export function getPermissions() { throw new Error("boom"); }'],
    ['a list', 'listing', 'export const getPermissions = () => ["read"];'],
    ['nothing', 'silent', 'export const getPermissions = () => undefined;'],
    ['a text', 'texting', 'export const getPermissions = () => "all";'],
    ['far too much', 'huge', 'export const getPermissions = () => ({ x: "x".repeat(20000) });'],
    ['a circle', 'circle', 'export const getPermissions = () => { const x = {}; x.x = x; return x; };'],
  ])('%s gives no permissions, and a line in the log', async (_, module, text) => {
    if (text) write(`${module}.mjs`, text);
    expect(await ask([{ name: 's', module }])('s', asker)).toEqual({});
    expect(warnings.length).toBeGreaterThan(0);
  });

  test('too slow ones give none', async () => {
    write('never.mjs', 'export const getPermissions = () => new Promise(() => {});');
    const running = ask([{ name: 's', module: 'never' }])('s', asker);
    while (pending.size === 0) await new Promise((done) => setImmediate(done));
    expire();
    expect(await running).toEqual({});
  });

  test('what the tables grant stands beside it; the module wins where both speak', async () => {
    write('strict.mjs', 'export const getPermissions = () => ({ write: false, level: 3 });');
    const find = ask([{ name: 's', module: 'strict' }], ['read', 'write']);
    expect(await find('s', asker)).toEqual({ read: true, write: false, level: 3 });
    expect(await ask([], [])('s', asker)).toEqual({});
  });
});
