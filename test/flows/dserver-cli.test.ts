/** The command line of dserver tokens and of the plugin (`oauth2 …`), with exit codes that mean something. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { newPlace, type Place } from '../support/command-line.js';

let place: Place;
beforeEach(() => {
  place = newPlace();
});
afterEach(() => place.remove());

const PLUGIN = {
  OAUTH2_PROVIDER_NAME: 'institute',
  OAUTH2_AUTHORIZATION_URL: 'https://sso.example/authorize',
  OAUTH2_TOKEN_URL: 'https://sso.example/token',
  OAUTH2_CLIENT_ID: 'a-client-id-of-some-length',
  OAUTH2_CLIENT_SECRET: 'a-secret-nobody-sees',
};
const alice = () => place.run('user create alice --password-stdin', { stdin: 'pine wood hut 7\n' });

describe('row 39: oauth2 show-config', () => {
  test('shows four sections and no secret', async () => {
    const { code, stdout } = await place.run('oauth2 show-config', { env: PLUGIN });
    expect(code).toBe(0);
    for (const line of [
      '=== OAuth2 Provider Configuration ===',
      'Provider Name: institute',
      'Authorization URL: https://sso.example/authorize',
      'Userinfo URL: Not configured',
      'Client ID: a-client...',
      'Client Secret: Configured',
      '=== Attribute Mapping ===',
      '  sub -> user_id',
      'Username field: user_id',
      '=== JWT Configuration ===',
      'Algorithm: RS256',
      'Issuer: dserver',
      'Token Expiry: 24 hours',
      '=== User Provisioning ===',
      'Auto Provision: true',
    ]) {
      expect(stdout.split('\n')).toContain(line);
    }
    expect(stdout).not.toContain('a-secret-nobody-sees');
    expect(stdout).not.toContain('a-client-id');
  });

  test('with the name as it was written', async () => {
    const env = { ...PLUGIN, OAUTH2_PROVIDER_NAME: 'My Institute' };
    const { stdout } = await place.run('oauth2 show-config', { env });
    expect(stdout.split('\n')).toContain('Provider Name: My Institute');
  });

  test('and says what is not configured', async () => {
    const { stdout } = await place.run('oauth2 show-config');
    expect(stdout).toContain('Authorization URL: Not configured');
    expect(stdout).toContain('Client Secret: Not configured');
  });
});

describe('row 40: presets', () => {
  test('are listed', async () => {
    const { code, stdout } = await place.run('oauth2 list-presets');
    expect(code).toBe(0);
    expect(stdout).toContain('=== Available Provider Presets ===\n');
    expect(stdout).toContain(
      'github:\n  Authorization URL: https://github.com/login/oauth/authorize\n  Token URL: https://github.com/login/oauth/access_token\n  Userinfo URL: https://api.github.com/user\n  Scope: read:user user:email\n',
    );
    expect(stdout).toMatch(/orcid:\n.*\n.*\n {2}Userinfo URL: N\/A\n {2}Scope: \/authenticate\n/);
  });

  test('are shown as settings, in any case of the name', async () => {
    const { code, stdout } = await place.run('oauth2 show-preset ORCID');
    expect(code).toBe(0);
    expect(stdout).toContain('=== Environment Variables for ORCID ===');
    expect(stdout).toContain('OAUTH2_AUTHORIZATION_URL: "https://orcid.org/oauth/authorize"');
    expect(stdout).not.toContain('OAUTH2_USERINFO_URL');
    expect(stdout).toContain('OAUTH2_ATTRIBUTE_MAP: "orcid:user_id,name:display_name"');
    expect(stdout).toContain('OAUTH2_CLIENT_SECRET: <your-client-secret>');
  });

  test('an unknown one ends in 1 and the list', async () => {
    const { code, stdout, stderr } = await place.run('oauth2 show-preset nobody');
    expect(code).toBe(1);
    expect(stderr).toContain('Unknown preset: nobody');
    expect(stdout).toContain('Available presets: orcid, orcid_sandbox');
  });
});

describe('row 41: oauth2 validate-config', () => {
  test('a whole configuration is valid', async () => {
    const { code, stdout } = await place.run('oauth2 validate-config', { env: PLUGIN });
    expect(code).toBe(0);
    expect(stdout).toContain('[OK] Configuration is valid!');
    expect(stdout).toContain('  ! OAUTH2_USERINFO_URL not configured (may be OK for some providers)');
  });

  test('a secret that is merely missing is an error; a public client says that it is one', async () => {
    const { OAUTH2_CLIENT_SECRET: _, ...env } = PLUGIN;
    const missing = await place.run('oauth2 validate-config', { env });
    expect(missing.code).toBe(1);
    expect(missing.stdout).toContain('  x OAUTH2_CLIENT_SECRET not configured');
    const open = { ...env, UPSTREAM_INSTITUTE_CLIENT_AUTH: 'none' };
    expect((await place.run('oauth2 validate-config', { env: open })).code).toBe(0);
  });

  test('row 29: what is missing is listed, and the exit code is 1', async () => {
    const env = { JWT_PRIVATE_KEY_FILE: '/nowhere/jwt_key', JWT_PUBLIC_KEY_FILE: '/nowhere/jwt_key.pub' };
    const { code, stdout } = await place.run('oauth2 validate-config', { env });
    expect(code).toBe(1);
    for (const line of [
      '=== Errors ===',
      '  x JWT private key not found: /nowhere/jwt_key',
      '  x JWT public key not found: /nowhere/jwt_key.pub',
      '  x OAUTH2_AUTHORIZATION_URL not configured',
      '  x OAUTH2_TOKEN_URL not configured',
      '  x OAUTH2_CLIENT_ID not configured',
      '  x OAUTH2_CLIENT_SECRET not configured',
      'Configuration validation failed with 6 error(s)',
    ]) {
      expect(stdout.split('\n')).toContain(line);
    }
  });
});

test('row 42: oauth2 test-connection has a line for each address', async () => {
  const web = createServer((_req, res) => res.writeHead(405).end());
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  const env = {
    ...PLUGIN,
    OAUTH2_AUTHORIZATION_URL: `${base}/authorize`,
    OAUTH2_TOKEN_URL: 'http://127.0.0.1:1/token',
  };
  const { code, stdout } = await place.run('oauth2 test-connection', { env });
  expect(code).toBe(1);
  expect(stdout).toContain(`[OK] Authorization URL reachable: ${base}/authorize`);
  expect(stdout).toContain('[FAIL] Token URL: ');
  expect(stdout).toContain('[SKIP] Userinfo URL not configured');
  const good = await place.run('oauth2 test-connection', {
    env: { ...env, OAUTH2_TOKEN_URL: `${base}/token` },
  });
  expect(good.code).toBe(0);
  web.close();
});

describe('row 43: oauth2 test-jwt', () => {
  test('mints, verifies and shows', async () => {
    const { code, stdout } = await place.run('oauth2 test-jwt --username ada@example.org');
    expect(code).toBe(0);
    const [, token = ''] = stdout.split('\n');
    expect(decodeJwt(token)).toMatchObject({
      sub: 'ada@example.org',
      email: 'ada@example.org',
      name: 'Test User',
      permissions: ['search', 'retrieve'],
    });
    expect(stdout).toContain('=== Token Verification ===\nToken is valid!\n');
    expect(stdout).toContain('  username: ada@example.org');
    expect((await place.run('minted list --json')).json()).toEqual([]);
    expect((await place.run('minted list --all --json')).json()).toHaveLength(1);
  });

  test('without a key it fails', async () => {
    const env = { JWT_PRIVATE_KEY_FILE: '/nowhere/jwt_key' };
    const { code, stderr } = await place.run('oauth2 test-jwt', { env });
    expect(code).toBe(1);
    expect(stderr).toContain('signing key cannot be read');
  });
});

describe('tokens of an account', () => {
  test('user token, minted list, minted revoke', async () => {
    await alice();
    const usual = (await place.run('user token alice --json')).json();
    const short = decodeJwt((await place.run('user token ALICE --hours 2')).stdout.trim());
    expect((short.exp ?? 0) - (short.iat ?? 0)).toBe(7200);
    const endless = (await place.run('user token alice --last-forever --json')).json();
    expect(endless.expires_at).toBeNull();
    expect(decodeJwt(endless.token)).not.toHaveProperty('exp');
    const listed = (await place.run('minted list --user alice --json')).json();
    expect(listed.map(({ jti }: { jti: string }) => jti).sort()).toEqual(
      [usual.jti, short.jti, endless.jti].sort(),
    );
    expect(listed[0]).toMatchObject({ sub: 'alice', reason: 'cli', audience: 'dserver' });
    expect(JSON.stringify(listed)).not.toContain(usual.token);
    expect((await place.run(`minted revoke ${endless.jti}`)).code).toBe(0);
    expect((await place.run('minted list --json')).json()).toHaveLength(2);
    expect((await place.run('minted revoke --user alice --json')).json()).toEqual({ revoked: 2 });
    expect((await place.run('minted list')).stdout).toBe('There are none.\n');
  });

  test.each([
    ['user token nobody', 1],
    ['user token alice --hours 0', 2],
    ['user token alice --hours 2 --last-forever', 2],
    ['minted revoke', 2],
    ['minted revoke unknown', 1],
    ['minted revoke x --user alice', 2],
    ['dserver sync', 1],
  ])('%s ends in %i', async (line, code) => {
    await alice();
    expect((await place.run(line)).code).toBe(code);
  });

  test('user test-authentication says whether a password is right', async () => {
    await alice();
    const run = (stdin: string) => place.run('user test-authentication alice', { stdin });
    expect(await run('pine wood hut 7\n')).toMatchObject({ code: 0 });
    expect(await run('another\n')).toMatchObject({
      code: 1,
      stdout: 'The username or the password is wrong.\n',
    });
  });

  test('token inspect names a dserver token as what it is, and why it is good no more', async () => {
    await alice();
    const token = (await place.run('user token alice')).stdout.trim();
    const inspect = async () => place.run('token inspect --json', { stdin: `${token}\n` });
    const live = await inspect();
    expect(live.code).toBe(0);
    expect(live.json()).toMatchObject({
      kind: 'dserver token',
      status: 'live',
      username: 'alice',
      aud: 'dserver',
      claims: { sub: 'alice', type: 'access' },
    });
    expect(live.stdout).not.toContain(token);
    await place.run(`minted revoke ${decodeJwt(token).jti}`);
    const revoked = await inspect();
    expect([revoked.code, revoked.json().status]).toEqual([1, 'revoked']);
    expect(revoked.json().reason).toContain('dserver itself');
    const [header, , signature] = token.split('.');
    const claims = Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: 'bob' })).toString('base64url');
    const forged = await place.run('token inspect --json', { stdin: `${header}.${claims}.${signature}\n` });
    expect(forged.json()).toMatchObject({ kind: 'JWT', status: 'foreign' });
  });

  test('user dserver allows, denies and narrows', async () => {
    await alice();
    expect((await place.run('user dserver alice --json')).json()).toMatchObject({
      allowed: null,
      permissions: ['search', 'retrieve'],
    });
    await place.run('user dserver alice --permissions search');
    expect(decodeJwt((await place.run('user token alice')).stdout.trim()).permissions).toEqual(['search']);
    expect((await place.run('user dserver alice --deny --json')).json()).toMatchObject({ allowed: false });
    expect((await place.run('minted list --json')).json()).toEqual([]);
    expect((await place.run('user token alice')).code).toBe(1);
    expect((await place.run('user dserver alice --allow --deny')).code).toBe(2);
    expect(
      (await place.run('user dserver alice --by-rules --permissions default --json')).json(),
    ).toMatchObject({
      allowed: null,
      permissions: ['search', 'retrieve'],
      dserver_name: 'alice',
    });
  });

  test('api-key create, list, revoke', async () => {
    await alice();
    const made = (
      await place.run('api-key create alice --label nightly --permission search --days 3 --json')
    ).json();
    expect(made.api_key).toMatch(/^pdk_/);
    const listed = await place.run('api-key list alice --json');
    expect(listed.json()).toMatchObject([{ id: made.id, label: 'nightly', permissions: ['search'] }]);
    expect(listed.stdout).not.toContain(made.api_key);
    expect((await place.run(`api-key revoke alice ${made.id}`)).code).toBe(0);
    expect((await place.run(`api-key revoke alice ${made.id}`)).code).toBe(1);
    expect((await place.run('api-key create alice --label x --permission admin')).code).toBe(1);
    expect((await place.run('api-key create alice')).code).toBe(2);
  });
});
