/** Services, roles and `verify` on the command line, and what the administrators' page shows of them. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { newPlace, type Place } from '../support/command-line.js';
import { signIn } from '../support/flow.js';
import { newUser } from '../support/permission-login.js';
import { startServer, type TestServer } from '../support/server.js';

describe('service and role', () => {
  let place: Place;
  beforeEach(async () => {
    place = newPlace();
    await place.run('user create bob --one-time');
  });
  afterEach(() => place.remove());

  test('wrong ones first: unknown service, user and role, both or neither grantee, bad names', async () => {
    expect((await place.run('service create editor --title Editor')).code).toBe(0);
    for (const [line, code, words] of [
      ['service create editor', 1, /already/],
      ['service create auth', 1, /own/],
      ['service create ../x', 1, /named with/],
      ['service grant nowhere read --user bob', 1, /no service named nowhere/],
      ['service grant editor read --user nobody', 1, /no user named nobody/],
      ['service grant editor read --role nobody', 1, /no role named nobody/],
      ['service grant editor read', 2, /one of --user and --role/],
      ['service grant editor read --user bob --role x', 2, /one of --user and --role/],
      ['service grant editor \u0007 --user bob', 1, /permission/],
      ['service delete editor', 2, /--yes/],
      ['service delete nowhere --yes', 1, /no service/],
      ['role create 1x', 1, /named with/],
      ['role delete admin --yes', 1, /nobody could administer/],
      ['role delete nobody --yes', 1, /no role/],
    ] as const) {
      const ran = await place.run(line);
      expect([line, ran.code]).toEqual([line, code]);
      expect(ran.stderr).toMatch(words);
    }
  });

  test('create, grant, list, revoke, delete', async () => {
    await place.run('service create editor --title Editor');
    await place.run('role create staff --description Colleagues');
    expect((await place.run('role create staff')).stderr).toMatch(/already/);
    await place.run('user role bob add staff');
    const granted = await place.run('service grant editor read write --role staff --json');
    expect(granted.json()).toMatchObject({ service: 'editor', changed: ['read', 'write'], unchanged: [] });
    const again = await place.run('service grant editor write publish --user bob');
    expect(again.stdout).toMatch(/write, publish granted to the user bob/);
    expect((await place.run('service grant editor publish --user bob')).stdout).toMatch(/As before/);
    // One name that cannot be: nothing is done.
    expect((await place.run('service grant editor draft b@d --user bob')).code).toBe(1);
    const listed = (await place.run('service list --json')).json();
    expect(JSON.stringify(listed)).not.toContain('draft');
    expect(listed.services).toEqual([
      expect.objectContaining({
        name: 'editor',
        title: 'Editor',
        created_by: 'cli',
        grants: expect.arrayContaining([
          expect.objectContaining({ permission: 'read', to: 'role', name: 'staff' }),
          expect.objectContaining({ permission: 'publish', to: 'user', name: 'bob' }),
        ]),
      }),
    ]);
    expect((await place.run('service list')).stdout).toMatch(/editor\s+publish\s+user bob/);
    expect((await place.run('role list --json')).json().roles).toContainEqual({
      name: 'staff',
      description: 'Colleagues',
      holders: 1,
      permissions: ['editor:read', 'editor:write'],
    });
    expect((await place.run('service revoke editor write burn --role staff')).stdout).toMatch(
      /write taken from the role staff.\nAs before \(not granted\): burn/,
    );
    expect((await place.run('service delete editor --yes --json')).json()).toMatchObject({ deleted: true });
    expect((await place.run('service list')).stdout).toMatch(/No services yet/);
    expect((await place.run('role delete staff --yes')).code).toBe(0);
    expect((await place.run('user list --json')).stdout).not.toContain('staff');
  });

  test('list says which modules of ALLOWED_SERVICES can be used', async () => {
    writeFileSync(join(place.folder, 'good.mjs'), 'export const getPermissions = () => ({});');
    writeFileSync(join(place.folder, 'empty.mjs'), 'export {};');
    const env = { EXTENSIONS_DIR: place.folder, ALLOWED_SERVICES: 'wiki:good;empty;absent' };
    const { modules } = (await place.run('service list --json', { env })).json();
    expect(modules).toEqual([
      { name: 'wiki', module: 'good', usable: true },
      { name: 'empty', module: 'empty', usable: false },
      { name: 'absent', module: 'absent', usable: false },
    ]);
  });
});

describe('verify', () => {
  let server: TestServer;
  let place: Place;
  let user: string;
  let service: string;
  beforeAll(async () => {
    server = await startServer();
    place = newPlace();
    const { services } = server.container.permissionService;
    await services.create({ name: 'editor' }, { actorId: 'cli' });
    const made = await newUser(server, 'alice');
    const grantee = { kind: 'account', accountId: made.id } as const;
    await services.grant({ service: 'editor', permission: 'read', grantee }, { actorId: 'cli' });
    user = made.token;
    const answer = await fetch(server.url(`/auth/authorize?service=editor&jwt=${user}`));
    service = ((await answer.json()) as { token: string }).token;
    writeFileSync(join(place.folder, 'key.pem'), await server.container.dserver.key.publicPem());
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(join(place.folder, 'other.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    writeFileSync(join(place.folder, 'ec.pem'), ec.export({ type: 'spki', format: 'pem' }));
    writeFileSync(join(place.folder, 'no.pem'), 'no key');
  });
  afterAll(async () => {
    place.remove();
    await server.close();
  });

  const verify = (stdin: string, more = '', key = 'key.pem') =>
    place.run(`verify --key ${join(place.folder, key)} --issuer ${server.issuer} ${more}`, { stdin });

  test('refuses what is not valid, with exit code 1 and the reason', async () => {
    const [head, body, signature = ''] = service.split('.');
    const none = Buffer.from('{"alg":"none","typ":"postern-service+jwt"}').toString('base64url');
    for (const [token, more, key, words] of [
      ['nonsense', '', 'key.pem', /not a JWT/],
      [`${head}.${body}.${signature.slice(4)}AAAA`, '', 'key.pem', /signature/],
      [service, '', 'other.pem', /signature/],
      [service, '--service viewer', 'key.pem', /aud/],
      [user, '--service editor', 'key.pem', /who somebody is/],
      [service, '', 'ec.pem', /fit/],
      [`${none}.${body}.`, '', 'key.pem', /fit/],
      [service, '', 'no.pem', /no public key/],
      [service, '', 'absent.pem', /cannot be read/],
    ] as const) {
      const ran = await verify(token, more, key);
      expect([words, ran.code]).toEqual([words, 1]);
      expect(ran.stdout + ran.stderr).toMatch(words);
    }
    const elsewhere = await place.run(`verify --key ${join(place.folder, 'key.pem')}`, { stdin: service });
    expect([elsewhere.code, elsewhere.stdout]).toEqual([1, expect.stringMatching(/iss/)]);
    expect((await place.run('verify --issuer http://x', { stdin: service })).code).toBe(2);
    expect((await place.run('verify')).code).toBe(2);
  });

  test('says what a good one holds, by the public key alone', async () => {
    const judged = (await verify(service, '--service editor --json')).json();
    expect(judged).toMatchObject({
      valid: true,
      kind: 'service token',
      claims: { service: 'editor', permissions: { read: true } },
    });
    const shown = await verify(user);
    expect([shown.code, shown.stdout]).toEqual([0, expect.stringMatching(/user token/)]);
  });

  test('without --key judges by this server’s own key', async () => {
    const ran = await place.run('verify --json', { stdin: service });
    expect([ran.code, ran.json().valid]).toEqual([1, false]);
  });
});

describe('/admin/services', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await server.createAccount('root1', { roles: ['admin'] });
    await server.createAccount('alice');
  });
  afterAll(() => server.close());

  test('is for administrators', async () => {
    const browser = createBrowser();
    const anonymous = await browser.get(server.url('/admin/services'));
    expect([anonymous.status, anonymous.location]).toEqual([
      303,
      server.url('/login?next=%2Fadmin%2Fservices'),
    ]);
    await signIn(server, browser);
    expect((await browser.get(server.url('/admin/services'))).status).toBe(403);
  });

  test('shows services, roles and grants', async () => {
    const { permissionService, roles, accounts } = server.container;
    const by = { actorId: 'cli' };
    await permissionService.services.create({ name: 'editor', title: '<b>Editor</b>' }, by);
    const alice = await accounts.findByUsernameKey('alice');
    const grantee = { kind: 'account', accountId: alice?.id ?? '' } as const;
    await permissionService.services.grant({ service: 'editor', permission: 'read', grantee }, by);
    await roles.createRole({ name: 'staff' }, by);
    const role = { kind: 'role', role: 'staff' } as const;
    await permissionService.services.grant({ service: 'editor', permission: 'write', grantee: role }, by);
    const browser = createBrowser();
    await signIn(server, browser, 'root1');
    const { status, text } = await browser.get(server.url('/admin/services'));
    expect(status).toBe(200);
    expect(text).toContain('&lt;b&gt;Editor&lt;/b&gt;');
    expect(text).toContain('<bdi>alice</bdi>');
    expect(text).toContain('everybody with the role staff');
    expect(text).toContain('write in editor');
  });
});
