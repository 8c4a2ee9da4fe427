/**
 * The permission service over HTTP, row by row of the original's tests (seed-systems §2.7) and of rows 45 to 61.
 * How people come to it through an upstream is in `permission-login.test.ts`.
 */
import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, importSPKI, jwtVerify, SignJWT } from 'jose';
import { EXACT } from '../../src/keys/verify-by.js';
import { temporaryFolder } from '../support/folder.js';
import { getWith, introspect, post } from '../support/flow.js';
import { comeIn, newUser } from '../support/permission-login.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';
import { whileSigning } from '../support/while-signing.js';

const APP = 'https://app.example';
const DAY = 86_400;
const folder = temporaryFolder();
const EXAMPLES = fileURLToPath(new URL('../../scripts/examples/', import.meta.url));

let server: TestServer;
beforeAll(async () => {
  writeFileSync(
    join(folder, 'rights.mjs'),
    'export const getPermissions = (service, userid) => ({ "provider-token": [service, userid].join("-") });',
  );
  server = await startServer({
    ALLOWED_ORIGINS: APP,
    EXTENSIONS_DIR: folder,
    ALLOWED_SERVICES: 'rights;example2:rights;gone:nowhere',
  });
});
afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was answered.
  readonly body: any;
}

async function call(
  path: string,
  params: Record<string, string | undefined> = {},
  init: RequestInit = {},
  on: TestServer = server,
): Promise<Answer> {
  const said = Object.entries(params).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const response = await fetch(on.url(`${path}?${new URLSearchParams(said)}`), init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}

const check = (jwt?: string, more = {}, on = server) => call('/auth/check', { jwt, ...more }, {}, on);
const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** Claims signed with the dserver key under any type: what only this server could make. */
const forge = (claims: object, typ: string) => server.container.dserver.key.sign({ ...claims }, typ);

describe('row 46: check', () => {
  test.each([
    ['no token', async () => undefined],
    ['an empty token', async () => ''],
    ['a bad token', async () => 'no.such.token'],
    [
      'a token of a user who does not exist',
      async () => {
        const { token } = await newUser(server, `gone${Date.now()}`);
        const { jti } = decodeJwt(token);
        const now = Math.floor(Date.now() / 1000);
        return forge(
          { iss: server.issuer, aud: 'auth', userid: 'nobody', jti: `${jti}x`, iat: now, exp: now + 60 },
          'postern-user+jwt',
        );
      },
    ],
    [
      'a token signed by somebody else',
      async () =>
        new SignJWT({ userid: 'x' })
          .setProtectedHeader({ alg: 'HS256', typ: 'postern-user+jwt' })
          .setIssuer(server.issuer)
          .setAudience('auth')
          .setJti('1')
          .setIssuedAt()
          .setExpirationTime('1h')
          .sign(Buffer.from(await server.container.dserver.key.publicPem())),
    ],
  ])('with %s: not authenticated', async (_, make) => {
    const { status, body, headers } = await check(await make());
    expect(status).toBe(200);
    expect(body).toEqual({ authenticated: false, providers: {} });
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test('with an expired token: not authenticated, after 14 days and not before (row 55)', async () => {
    const own = await startServer();
    try {
      const { token } = await newUser(own, 'early');
      const { iat = 0, exp = 0 } = decodeJwt(token);
      expect(exp - iat).toBe(14 * DAY);
      own.clock.advance(14 * DAY - 60);
      expect((await check(token, {}, own)).body.authenticated).toBe(true);
      own.clock.advance(61);
      expect((await check(token, {}, own)).body.authenticated).toBe(false);
    } finally {
      await own.close();
    }
  });

  test('and is believed at once where a clock is behind the one that made it', async () => {
    const { token } = await newUser(server, 'ahead');
    const now = server.clock.now() / 1000;
    const { iat = 0, nbf = 0 } = decodeJwt(token);
    // What checks times without leeway, ten seconds ago.
    expect(Math.max(iat, nbf)).toBeLessThanOrEqual(now - 10);
    const ahead = { ...decodeJwt(token), iat: Math.floor(now) + 45, nbf: Math.floor(now) + 45 };
    expect((await check(await forge(ahead, 'postern-user+jwt'))).body.authenticated).toBe(true);
    const far = { ...ahead, nbf: Math.floor(now) + 60 };
    expect((await check(await forge(far, 'postern-user+jwt'))).body.authenticated).toBe(false);
  });

  test('answers no JSONP, whatever callback says', async () => {
    const response = await fetch(server.url('/auth/check?callback=steal'));
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.text()).toBe('{"authenticated":false,"providers":{}}');
  });
});

describe('row 45: check with a good token', () => {
  test('answers the profile, by parameter, by auth-token and by Authorization', async () => {
    const { id, token } = await newUser(server, 'profiled');
    const profile = {
      id,
      provider_id: 'google:42',
      username: 'profiled',
      name: 'Full profiled',
      email: 'profiled@example.org',
      avatar_url: null,
      join_date: expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/),
      idhash: md5('profiled@example.org'),
    };
    const good = { authenticated: true, profile };
    expect((await check(token)).body).toEqual(good);
    expect((await call('/auth/check', {}, { headers: { 'auth-token': token } })).body).toEqual(good);
    expect((await call('/auth/check', {}, { headers: { authorization: `Bearer ${token}` } })).body).toEqual(
      good,
    );
    // The header wins over the parameter, as in the original.
    expect((await call('/auth/check', { jwt: 'bad' }, { headers: { 'auth-token': token } })).body).toEqual(
      good,
    );
  });

  test('row 55: an address that is not proven is neither told nor hashed', async () => {
    const account = await server.createAccount('unproven', { email: 'v@example.org' });
    const { token } = await comeIn(server, account, { email: 'v@upstream.example', emailVerified: true });
    expect((await check(token)).body.profile).toMatchObject({ email: null, idhash: null });
    expect((await call('/auth/get_profile', { username: 'v' })).body.profile.gravatar).toBeNull();
  });

  test('row 55: somebody with no proven address at all gets no token', async () => {
    const account = await server.createAccount('nomail', { email: 'n@example.org' });
    for (const identity of [
      {},
      { email: 'n@example.org' },
      { email: 'n@example.org', emailVerified: false },
    ]) {
      expect((await comeIn(server, account, identity)).token).toBeUndefined();
    }
    expect((await call('/auth/resolve', { username: 'nomail' })).body).toEqual({ userid: null });
  });

  test('A56: a disabled account is nobody, at once', async () => {
    const { id, token } = await newUser(server, 'disabled');
    // Past everything that ends its tokens as well.
    await server.container.accounts.setDisabled(id, true, Date.now(), []);
    expect((await check(token)).body.authenticated).toBe(false);
    expect((await call('/auth/authorize', { jwt: token, service: 'rights' })).body).toEqual({
      permissions: {},
    });
    const account = await server.container.accounts.findById(id);
    expect((await comeIn(server, account as { id: string })).token).toBeUndefined();
  });
});

describe('user tokens', () => {
  test('are RS256 with an audience and a type of their own, and no sub that dserver could take for a name', async () => {
    const { id, token } = await newUser(server, 'typed');
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'RS256', typ: 'postern-user+jwt' });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ iss: server.issuer, aud: 'auth', userid: id, jti: expect.any(String) });
    expect(claims).not.toHaveProperty('sub');
  });

  test('never pass as a dserver token, an access token or a service token', async () => {
    const { token } = await newUser(server, 'crossing');
    const { dserver, config, clock } = server.container;
    const dserverKey = dserver.key;
    const { issuer, audience } = config.dserver;
    const asDserver = { issuer, audience, now: clock.now(), tolerance: EXACT };
    await expect(dserverKey.verify(token, asDserver)).rejects.toThrow();
    // Even where an operator gave dserver tokens the same issuer and audience.
    const alike = { ...asDserver, issuer: server.issuer, audience: 'auth' };
    await expect(dserverKey.verify(token, alike)).rejects.toThrow(/typ/);
    expect((await getWith(server, '/api/me', token)).status).toBe(401);
    expect((await getWith(server, '/oauth/userinfo', token)).status).toBe(401);
    const client = await server.createClient();
    expect((await introspect(server, client, token)).active).not.toBe(true);
    const key = await importSPKI(await dserverKey.publicPem(), 'RS256');
    await expect(jwtVerify(token, key, { typ: 'postern-service+jwt' })).rejects.toThrow(/typ/);
  });

  test('are not passed for by dserver, service or ID Tokens of the same key', async () => {
    const { token } = await newUser(server, 'others');
    const claims = decodeJwt(token);
    const service = (await call('/auth/authorize', { jwt: token, service: 'rights' })).body.token;
    const impostors = [
      service,
      await forge(claims, 'JWT'),
      await forge(claims, 'postern-service+jwt'),
      await forge(claims, 'at+jwt'),
      await forge({ ...claims, aud: 'dserver' }, 'postern-user+jwt'),
      await forge({ ...claims, iss: 'dserver' }, 'postern-user+jwt'),
      await forge({ ...claims, jti: undefined }, 'postern-user+jwt'),
      await forge({ ...claims, exp: undefined }, 'postern-user+jwt'),
    ];
    for (const impostor of impostors) expect((await check(impostor)).body.authenticated).toBe(false);
    expect((await check(await forge(claims, 'postern-user+jwt'))).body.authenticated).toBe(true);
  });

  test('end at log-out, alone; the log-out of the page ends none without a token', async () => {
    const { id, token } = await newUser(server, 'leaver');
    const account = await server.container.accounts.findById(id);
    const { token: second } = await comeIn(server, account as { id: string });
    await fetch(server.url('/auth/logout'), {
      method: 'POST',
      redirect: 'manual',
      headers: { 'auth-token': token },
    });
    expect((await check(token)).body.authenticated).toBe(false);
    expect((await check(second)).body.authenticated).toBe(true);
    await fetch(server.url(`/auth/logout?jwt=${second}`), { redirect: 'manual' });
    expect((await check(second)).body.authenticated).toBe(false);
  });

  test('end all together when an account’s access ends', async () => {
    const { id, token } = await newUser(server, 'everywhere');
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    await server.container.disableAccounts.enable(id, { actorId: 'cli' });
    expect((await check(token)).body.authenticated).toBe(false);
  });

  test('stand in no log and in no row', async () => {
    const { token } = await newUser(server, 'secret');
    await check(token);
    const signature = token.split('.')[2] as string;
    expect(server.logs.join('')).not.toContain(signature);
    const { database } = server.container;
    const rows = await database.all(database.sql('permission_tokens'));
    expect(JSON.stringify(rows)).not.toContain(signature);
  });
});

describe('row 49: authorize', () => {
  const authorize = (jwt?: string, service?: string, on = server) =>
    call('/auth/authorize', { jwt, service }, {}, on);

  test.each([
    ['no token', undefined, 'rights'],
    ['a bad token', 'token', 'rights'],
    ['a bad token and a service that is not allowed', 'token', 'servis'],
  ])('with %s: nothing', async (_, jwt, service) => {
    const { status, body } = await authorize(jwt, service);
    expect([status, body]).toEqual([200, { permissions: {} }]);
  });

  test('with a good token and no service, or one that is not allowed, or no name at all: nothing', async () => {
    const { token } = await newUser(server, 'asker');
    for (const service of [undefined, '', 'servis', '../rights', 'nul\0', 'x'.repeat(100)]) {
      expect((await authorize(token, service)).body).toEqual({ permissions: {} });
    }
  });

  test('row 58: with a good token and a good service, by its own name and by an alias', async () => {
    const { id, token } = await newUser(server, 'allowed');
    for (const service of ['rights', 'example2']) {
      const { body } = await authorize(token, service);
      const permissions = { 'provider-token': `${service}-${id}` };
      expect(body).toEqual({ userid: id, permissions, service, token: expect.any(String) });
    }
  });

  test('row 59: a provider that is missing means no permissions', async () => {
    const { token } = await newUser(server, 'missing');
    expect((await authorize(token, 'gone')).body).toMatchObject({ permissions: {}, service: 'gone' });
  });

  test('row 50: the service token opens with the public key, and ends after 15 minutes', async () => {
    const { id, token } = await newUser(server, 'served');
    const { body } = await authorize(token, 'rights');
    const key = await importSPKI(await server.container.dserver.key.publicPem(), 'RS256');
    const { payload, protectedHeader } = await jwtVerify(body.token, key, {
      issuer: server.issuer,
      audience: 'rights',
      typ: 'postern-service+jwt',
    });
    expect(protectedHeader.alg).toBe('RS256');
    expect(payload).toMatchObject({
      userid: id,
      service: 'rights',
      permissions: { 'provider-token': `rights-${id}` },
    });
    expect(payload).not.toHaveProperty('sub');
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(900);
    expect(Math.max(payload.iat ?? 0, payload.nbf ?? 0)).toBeLessThanOrEqual(server.clock.now() / 1000 - 10);
  });

  test('service tokens last as long as SERVICE_TOKEN_TTL says, and have no aud where that is off', async () => {
    const own = await startServer({
      SERVICE_TOKEN_TTL: '60',
      SERVICE_TOKEN_AUDIENCE: 'off',
      EXTENSIONS_DIR: folder,
      ALLOWED_SERVICES: 'rights',
    });
    try {
      const { token } = await newUser(own, 'brief');
      const claims = decodeJwt((await authorize(token, 'rights', own)).body.token);
      expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(60);
      expect(claims).not.toHaveProperty('aud');
    } finally {
      await own.close();
    }
  });

  test('one that lives for a moment has not ended when it begins', async () => {
    const own = await startServer({
      SERVICE_TOKEN_TTL: '4',
      EXTENSIONS_DIR: folder,
      ALLOWED_SERVICES: 'rights',
    });
    try {
      const { token } = await newUser(own, 'brief');
      const { iat = 0, exp = 0 } = decodeJwt((await authorize(token, 'rights', own)).body.token);
      expect(exp - iat).toBe(4);
      expect(exp).toBeGreaterThan(own.clock.now() / 1000);
    } finally {
      await own.close();
    }
  });

  test('A75: what the tables grant is answered, and is gone from the next token once it is taken back', async () => {
    const { services } = server.container.permissionService;
    const by = { actorId: 'cli' };
    const { id, token } = await newUser(server, 'granted', { roles: ['staff'] });
    await services.create({ name: 'editor' }, by);
    await services.grant(
      { service: 'editor', permission: 'read', grantee: { kind: 'role', role: 'staff' } },
      by,
    );
    const own = {
      service: 'editor',
      permission: 'write',
      grantee: { kind: 'account', accountId: id },
    } as const;
    await services.grant(own, by);
    expect((await authorize(token, 'editor')).body.permissions).toEqual({ read: true, write: true });
    await services.revoke(own, by);
    const { body } = await authorize(token, 'editor');
    expect(decodeJwt(body.token).permissions).toEqual({ read: true });
    const other = await newUser(server, 'stranger');
    expect((await authorize(other.token, 'editor')).body).toMatchObject({
      permissions: {},
      service: 'editor',
    });
  });

  test('A75: what is granted in the service dserver stands in dserver tokens, beside the default', async () => {
    const { permissionService, roles } = server.container;
    const by = { actorId: 'cli' };
    const account = await server.createAccount('scientist', { roles: ['lab'] });
    const dserverToken = async () => {
      const response = await fetch(server.url('/auth/token'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'scientist', password: PASSWORD }),
      });
      return decodeJwt(((await response.json()) as { token: string }).token).permissions;
    };
    expect(await dserverToken()).toEqual(['search', 'retrieve']);
    await permissionService.services.create({ name: 'dserver' }, by);
    const grantee = { kind: 'role', role: 'lab' } as const;
    await permissionService.services.grant({ service: 'dserver', permission: 'register', grantee }, by);
    expect(await dserverToken()).toEqual(['search', 'retrieve', 'register']);
    await roles.revokeRole(account.id, 'lab', by);
    expect(await dserverToken()).toEqual(['search', 'retrieve']);
  });

  test('roles given here stand in the roles claim', async () => {
    const client = await server.createClient({
      grant_types: ['password'],
      redirect_uris: [],
      response_types: [],
      scope: 'openid profile roles',
    });
    const { id } = await server.createAccount('roled');
    await server.container.roles.grantRole(id, 'editor', { actorId: 'cli' });
    const form = {
      grant_type: 'password',
      username: 'roled',
      password: PASSWORD,
      scope: 'openid profile roles',
    };
    const { body } = await post(server, '/oauth/token', form, client);
    expect((await getWith(server, '/oauth/userinfo', body.access_token)).body.roles).toEqual(['editor']);
  });

  test('the export of an account has its name and its permissions', async () => {
    const { id } = await newUser(server, 'exported');
    const { services } = server.container.permissionService;
    await services.create({ name: 'archive' }, { actorId: 'cli' });
    const grantee = { kind: 'account', accountId: id } as const;
    await services.grant({ service: 'archive', permission: 'read', grantee }, { actorId: 'cli' });
    expect(await server.container.exportAccount(id)).toMatchObject({
      permissionService: {
        userId: id,
        username: 'exported',
        usernameChosen: false,
        permissions: [{ service: 'archive', permission: 'read' }],
      },
    });
  });

  test('row 50: the recipe of the README opens a service token with the key of /auth/public-key', async () => {
    const { token } = await newUser(server, 'cook');
    const { body } = await authorize(token, 'rights');
    const readme = readFileSync('README.md', 'utf8');
    const [, recipe = ''] = /<!-- recipe: jose -->\n```js\n([\s\S]*?)```/.exec(readme) ?? [];
    const code = recipe
      .replaceAll('https://id.example.org', server.issuer)
      .replace("audience: 'editor'", "audience: 'rights'");
    const cook = (jwt: string) =>
      promisify(execFile)(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `${code}\nconsole.log(JSON.stringify(await permissionsOf(process.env.TOKEN)));`,
        ],
        { env: { PATH: process.env.PATH, TOKEN: jwt } },
      );
    expect(JSON.parse((await cook(body.token)).stdout)).toEqual(body.permissions);
    await expect(cook(token)).rejects.toThrow(/typ/);
  });
});

test('an account disabled while its user token is made gets none', async () => {
  const { id } = await newUser(server, 'hugo');
  const { disableAccounts } = server.container;
  const disable = () => disableAccounts.disable(id, { actorId: 'cli' });
  const { token } = await whileSigning(server, disable, () => comeIn(server, { id }, { username: 'hugo' }));
  expect(token).toBeUndefined();
  await disableAccounts.enable(id, { actorId: 'cli' });
  expect((await comeIn(server, { id }, { username: 'hugo' })).token).toBeDefined();
});

describe('row 51: update', () => {
  const update = (params: Record<string, string>, init: RequestInit = {}) =>
    call('/auth/update', params, { method: 'POST', ...init });

  test('no token; a bad token; no such user', async () => {
    expect((await update({})).body).toEqual({ success: false, error: 'No token' });
    expect((await update({ jwt: 'bad', username: 'x' })).body).toEqual({
      success: false,
      error: 'Not authenticated',
    });
    const { id, token } = await newUser(server, 'vanishing');
    const { database } = server.container;
    await database.run(database.sql('permission_profiles').where({ account_id: id }).delete());
    expect((await update({ jwt: token, username: 'x' })).body).toEqual({
      success: false,
      error: 'Unknown User',
    });
  });

  test('row 52: a new user chooses once, in a form or in the address; the second time is refused', async () => {
    const { token } = await newUser(server, 'chooser');
    const form = new URLSearchParams({ jwt: token, username: 'Chosen' });
    expect((await update({}, { body: form })).body).toEqual({ success: true });
    expect((await update({ jwt: token, username: 'again' })).body).toEqual({
      success: false,
      error: 'Cannot modify username, already set',
    });
    expect((await check(token)).body.profile.username).toBe('chosen');
  });

  test('row 52: no later login changes a chosen name', async () => {
    const { id, token } = await newUser(server, 'faithful');
    await update({ jwt: token, username: 'mine' });
    const { token: next } = await comeIn(server, { id }, { username: 'elsewhere' }, 'github');
    expect((await check(next)).body.profile).toMatchObject({ username: 'mine', provider_id: 'github:42' });
  });

  test('row 52: of twenty tries at once one succeeds, and the name is that one’s', async () => {
    const { token } = await newUser(server, 'racer');
    const names = Array.from({ length: 20 }, (_, index) => `raced${index}`);
    const answers = await Promise.all(names.map((username) => update({ jwt: token, username })));
    const won = names.filter((_, index) => answers[index]?.body.success);
    expect(won).toHaveLength(1);
    expect(answers.filter(({ body }) => body.error === 'Cannot modify username, already set')).toHaveLength(
      19,
    );
    expect((await check(token)).body.profile.username).toBe(won[0]);
  });

  test('A105: other fields are ignored, and no username changes nothing', async () => {
    const { id, token } = await newUser(server, 'fields');
    const before = (await check(token)).body;
    const more = { is_admin: 'true', id: 'x', email: 'x@example.org', roles: 'admin', permissions: 'all' };
    expect((await update({ jwt: token, ...more })).body).toEqual({ success: true });
    expect((await update({ jwt: token, username: '' })).body).toEqual({ success: true });
    expect((await check(token)).body).toEqual(before);
    expect((await server.container.accounts.findById(id))?.roles).toEqual([]);
  });

  test('names that will not do get a reason, and a JSON body is no form', async () => {
    const { token } = await newUser(server, 'reasoned');
    await newUser(server, 'taken');
    const json = { body: '{"username":"x"}', headers: { 'content-type': 'application/json' } };
    expect((await update({ jwt: token }, json)).body).toEqual({ success: true });
    for (const username of ['a b', 'admin', 'nul\0', 'taken']) {
      const { status, body } = await update({ jwt: token, username });
      expect([username, status, body]).toEqual([
        username,
        200,
        { success: false, error: expect.any(String) },
      ]);
    }
  });

  test('is a POST', async () => {
    expect((await fetch(server.url('/auth/update'))).status).toBe(405);
  });
});

describe('rows 53, 54: public look-ups', () => {
  test('resolve answers the id, whatever the case, or null', async () => {
    const { id } = await newUser(server, 'found');
    for (const username of ['found', 'FOUND']) {
      expect((await call('/auth/resolve', { username })).body).toEqual({ userid: id });
    }
    for (const username of [undefined, '', 'nobody', 'nul\0', 'a'.repeat(500)]) {
      expect((await call('/auth/resolve', { username })).body).toEqual({ userid: null });
    }
  });

  test('get_profile answers five fields, or that there is nobody', async () => {
    const { id } = await newUser(server, 'shown');
    expect((await call('/auth/get_profile', { username: 'shown' })).body).toEqual({
      found: true,
      profile: {
        id,
        name: 'Full shown',
        join_date: expect.stringMatching(/GMT$/),
        avatar_url: null,
        gravatar: md5('shown@example.org'),
      },
    });
    expect((await call('/auth/get_profile', { username: 'nobody' })).body).toEqual({
      found: false,
      profile: null,
    });
  });

  test('are throttled by address, and open again after a minute', async () => {
    const own = await startServer();
    try {
      const look = () => call('/auth/resolve', { username: 'x' }, {}, own);
      const statuses: number[] = [];
      for (let round = 0; round < 61; round += 1) statuses.push((await look()).status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(60);
      const refused = await call('/auth/get_profile', { username: 'x' }, {}, own);
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      own.clock.advance(61);
      expect((await look()).status).toBe(200);
    } finally {
      await own.close();
    }
  });

  test('can be switched off', async () => {
    const own = await startServer({ PROFILE_LOOKUPS: 'off' });
    try {
      await newUser(own, 'hidden');
      for (const path of ['/auth/resolve', '/auth/get_profile']) {
        expect((await call(path, { username: 'hidden' }, {}, own)).status).toBe(404);
      }
    } finally {
      await own.close();
    }
  });
});

describe('A118: whatever is sent, nothing breaks', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const HOSTILE = [
    ['a long text', 'x'.repeat(6000)],
    ['dots', '..'],
    ['five parts', 'a.b.c.d.e'],
    ['no signature', `${part({ alg: 'none', typ: 'postern-user+jwt' })}.${part({ userid: 'x' })}.`],
    ['an unencoded payload', `${part({ alg: 'RS256', b64: false, crit: ['b64'] })}.x.y`],
    ['an unknown crit', `${part({ alg: 'RS256', typ: 'postern-user+jwt', crit: ['x'], x: 1 })}.e30.YQ`],
    ['a list for a header', `${part(['RS256'])}.e30.YQ`],
    ['a key in the header', `${part({ alg: 'RS256', typ: 'postern-user+jwt', jwk: { kty: 'RSA' } })}.e30.YQ`],
    ['a NUL', 'a\0b'],
    ['half a surrogate', '\ud800'],
    ['quotes', `'" OR 1=1 --`],
  ] as const;

  test.each(HOSTILE)('%s as token, service, user name and next', async (_, value) => {
    const { token } = await newUser(server, `h${Math.random().toString(36).slice(2)}`);
    for (const [path, params] of [
      ['/auth/check', { jwt: value, next: value }],
      ['/auth/authorize', { jwt: value, service: 'rights' }],
      ['/auth/authorize', { jwt: token, service: value }],
      ['/auth/resolve', { username: value }],
      ['/auth/get_profile', { username: value }],
    ] as const) {
      expect([path, (await call(path, params)).status]).toEqual([path, 200]);
    }
    const update = await call('/auth/update', { jwt: token, username: value }, { method: 'POST' });
    expect(update.status).toBe(200);
    const begun = await fetch(
      server.url(`/auth/begin?${new URLSearchParams({ provider: value, next: value })}`),
    );
    expect(begun.status).toBe(404);
    expect(server.logs.filter((line) => line.includes('a request failed'))).toEqual([]);
  });
});

describe('pages of other origins', () => {
  const from = (origin: string, init: RequestInit = {}, path = '/auth/check') =>
    fetch(server.url(path), { ...init, headers: { origin, ...init.headers } });

  test('of ALLOWED_ORIGINS may read, with credentials', async () => {
    const { headers } = await from(APP);
    expect(headers.get('access-control-allow-origin')).toBe(APP);
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('vary')).toMatch(/origin/i);
    const preflight = await from(APP, { method: 'OPTIONS' }, '/auth/update');
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(/auth-token/);
  });

  test.each(['https://evil.example', 'null', 'https://app.example.evil.example', 'http://app.example'])(
    'of %s may not',
    async (origin) => {
      for (const init of [{}, { method: 'OPTIONS' }]) {
        const { headers } = await from(origin, init);
        expect(headers.get('access-control-allow-origin')).toBeNull();
        expect(headers.get('access-control-allow-credentials')).toBeNull();
        expect(headers.get('vary')).toMatch(/origin/i);
      }
    },
  );
});

describe('row 60: extensions', () => {
  const HOOKS = `
    const calls = (globalThis.calls = globalThis.calls ?? []);
    export function onNewUser(user) { calls.push(['new', user.username]); user.id = 'new-user'; user.name = 'Changed'; }
    export function on_user_login(user) { calls.push(['login', user.id]); }
    export function onUserLogout(user) { calls.push(['logout', user.id]); }
  `;
  const calls = (): string[][] => (globalThis as { calls?: string[][] }).calls ?? [];

  test('are told of a new user, whose changed id lands in the token, of log-ins and of log-outs', async () => {
    writeFileSync(join(folder, 'hooks.mjs'), HOOKS);
    writeFileSync(join(folder, 'bad.mjs'), 'export function onUserLogin() { throw new Error("boom"); }');
    const own = await startServer({ EXTENSIONS_DIR: folder, INSTALLED_EXTENSIONS: 'bad; hooks ;absent' });
    try {
      const { id, token } = await newUser(own, 'novel');
      expect(decodeJwt(token).userid).toBe('new-user');
      expect((await check(token, {}, own)).body.profile).toMatchObject({ id: 'new-user', name: 'Changed' });
      expect((await call('/auth/resolve', { username: 'novel' }, {}, own)).body).toEqual({
        userid: 'new-user',
      });
      await comeIn(own, { id });
      await fetch(own.url('/auth/logout'), {
        method: 'POST',
        redirect: 'manual',
        headers: { 'auth-token': token },
      });
      await fetch(own.url('/auth/logout'), {
        method: 'POST',
        redirect: 'manual',
        headers: { 'auth-token': token },
      });
      expect(calls()).toEqual([
        ['new', 'novel'],
        ['login', 'new-user'],
        ['login', 'new-user'],
        ['logout', 'new-user'],
      ]);
      const lines = own.logs.filter((line) => line.includes('an extension failed'));
      expect(lines).toHaveLength(2);
      expect(lines[0]).toContain('"extension":"bad"');
    } finally {
      await own.close();
    }
  });
});

test('the examples under scripts/examples do what they say', async () => {
  const said = jest.spyOn(console, 'log').mockImplementation(() => {});
  const own = await startServer({
    EXTENSIONS_DIR: EXAMPLES,
    ALLOWED_SERVICES: 'editor:team-permissions',
    INSTALLED_EXTENSIONS: 'keep-original-ids',
  });
  try {
    const { id, token } = await newUser(own, 'tester');
    const hash = md5('tester@example.org');
    expect(decodeJwt(token).userid).toBe(hash);
    const ask = () => call('/auth/authorize', { jwt: token, service: 'editor' }, {}, own);
    const permissions = { read: true, write: true, 'editor-number': hash };
    expect((await ask()).body).toMatchObject({ userid: hash, permissions });
    await own.container.roles.grantRole(id, 'suspended', { actorId: 'cli' });
    expect((await ask()).body.permissions).toEqual({});
    await fetch(own.url('/auth/logout'), { redirect: 'manual', headers: { 'auth-token': token } });
    expect(said.mock.calls).toEqual([['tester signed in'], ['tester signed out']]);
  } finally {
    said.mockRestore();
    await own.close();
  }
});
