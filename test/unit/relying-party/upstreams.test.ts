import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../../src/platform/config/config.js';
import { ConfigFault } from '../../../src/platform/config/config-fault.js';
import type { Environment } from '../../../src/platform/config/sources.js';
import { createUpstreams } from '../../../src/relying-party/upstreams.js';

const upstreamsOf = (env: Environment, document?: unknown) =>
  createUpstreams(
    parseConfig(
      { ...env, ...(document === undefined ? {} : { UPSTREAMS_FILE: '/up' }) },
      { readFile: () => JSON.stringify(document) },
    ).config,
  );

function faultsOf(env: Environment, document?: unknown): string[] {
  try {
    upstreamsOf(env, document);
  } catch (error) {
    if (error instanceof ConfigFault) return error.message.split('\n');
    throw error;
  }
  return [];
}

const client = { UPSTREAM_X_CLIENT_ID: 'id', UPSTREAM_X_CLIENT_SECRET: 'secret' };

describe('what an entry becomes', () => {
  test('a new OpenID provider needs an issuer and a client', () => {
    const upstream = upstreamsOf({ ...client, UPSTREAM_X_ISSUER: 'https://op.example/tenant/' }).find('x');
    expect(upstream).toMatchObject({
      id: 'x',
      protocol: 'oidc',
      title: 'x',
      issuer: 'https://op.example/tenant/',
      metadataUrl: 'https://op.example/tenant/.well-known/openid-configuration',
      clientAuth: 'client_secret_basic',
      remember: true,
      autoProvision: true,
      precedence: { email: true, username: false, display_name: false },
      signUp: { autoConfirm: true, sendRegisterMessage: false },
    });
    expect(upstream?.mappings.linked.scope).toBe('openid profile email');
    expect(upstream?.mappings.dserver.usernameField).toBe('user_id');
  });

  test('by its discovery document alone', () => {
    const metadata = 'https://op.example/realms/r/.well-known/openid-configuration';
    expect(upstreamsOf({ ...client, UPSTREAM_X_METADATA_URL: metadata }).find('x')).toMatchObject({
      protocol: 'oidc',
      issuer: 'https://op.example/realms/r',
      metadataUrl: metadata,
    });
  });

  test('a public client authenticates by nothing', () => {
    const env = { UPSTREAM_X_CLIENT_ID: 'id', UPSTREAM_X_ISSUER: 'https://op.example' };
    expect(upstreamsOf(env).find('x')?.clientAuth).toBe('none');
  });

  test('a preset with what the operator changed', () => {
    const upstream = upstreamsOf({
      ...client,
      UPSTREAM_X_PRESET: 'ORCID',
      UPSTREAM_X_TITLE: 'iD',
      UPSTREAM_X_SCOPE: '/read-limited',
      UPSTREAM_X_REQUEST_TOKEN_PARAMS: 'lang=de',
      UPSTREAM_X_PRECEDENCE: 'display_name',
      UPSTREAM_X_AUTO_CONFIRM: 'on',
    }).find('x');
    expect(upstream).toMatchObject({
      title: 'iD',
      protocol: 'oauth2',
      issuer: 'https://orcid.org',
      metadataUrl: undefined,
      precedence: { email: false, display_name: true },
      signUp: { autoConfirm: true, sendRegisterMessage: true },
    });
    expect(upstream?.mappings.linked).toMatchObject({
      scope: '/read-limited',
      params: { show_login: 'true', lang: 'de' },
      attributes: [
        ['orcid', 'user_id'],
        ['name', 'display_name'],
      ],
    });
  });

  test('a dialect of its own wins over the entry, and Invenio may put the scope among the parameters', () => {
    const entry = {
      issuer: 'https://op.example',
      client_id: 'id',
      request_token_params: { scope: 'openid groups' },
      dserver: { scope: 'openid', attribute_map: { upn: 'user_id' }, username_field: 'upn' },
    };
    const { mappings } = upstreamsOf({}, { x: entry }).find('x') ?? { mappings: {} as never };
    expect(mappings.linked).toMatchObject({ scope: 'openid groups', params: {} });
    expect(mappings.dserver).toMatchObject({
      scope: 'openid',
      attributes: [['upn', 'user_id']],
      usernameField: 'upn',
    });
  });

  test.each([
    ['https://github.com/login/oauth/authorize', 'https://github.com'],
    ['https://orcid.org/oauth/authorize', 'https://orcid.org'],
    ['https://accounts.google.com/o/oauth2/v2/auth', 'https://accounts.google.com'],
    ['https://sso.uni.example/realms/x/auth', 'https://sso.uni.example'],
  ])('%s: people of one service keep one identity, by preset or by address', (authorization, issuer) => {
    const env = {
      ...client,
      UPSTREAM_X_AUTHORIZATION_URL: authorization,
      UPSTREAM_X_TOKEN_URL: 'https://a.example/token',
    };
    expect(upstreamsOf(env).find('x')).toMatchObject({ protocol: 'oauth2', issuer });
  });

  test('row 2 and 19: an unfinished one by the names of the plugin is kept, and not set up', () => {
    const upstreams = upstreamsOf({ OAUTH2_CLIENT_ID: 'id' });
    expect(upstreams.find('oauth2')).toBeDefined();
    expect(upstreams.visible()).toEqual([]);
  });

  test('row 97: hidden and link-only ones are not offered', () => {
    const entry = { issuer: 'https://op.example', client_id: 'id' };
    const upstreams = upstreamsOf(
      {},
      { a: entry, b: { ...entry, hide: true }, c: { ...entry, link_only: true } },
    );
    expect(upstreams.list().map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(upstreams.visible().map(({ id }) => id)).toEqual(['a']);
  });

  test('row 30: the switch of the plugin is the default of all, and each may say otherwise', () => {
    const entry = { issuer: 'https://op.example', client_id: 'id' };
    const upstreams = upstreamsOf(
      { OAUTH2_AUTO_PROVISION_USERS: 'false' },
      { a: entry, b: { ...entry, auto_provision: true } },
    );
    expect(upstreams.list().map(({ autoProvision }) => autoProvision)).toEqual([false, true]);
  });
});

describe('what is refused at the start', () => {
  const issuer = { UPSTREAM_X_ISSUER: 'https://op.example' };

  test.each<[string, Environment, RegExp]>([
    [
      'row 34: an unknown preset',
      { ...client, UPSTREAM_X_PRESET: 'orkid' },
      /unknown preset "orkid"; there are orcid, /,
    ],
    ['an unknown preset of the plugin', { OAUTH2_PRESET: 'x' }, /^OAUTH2_PRESET: upstream x: unknown preset/],
    [
      'a preset without its place',
      { ...client, UPSTREAM_X_PRESET: 'keycloak' },
      /preset keycloak: needs base_url/,
    ],
    ['a place without a preset', { ...client, ...issuer, UPSTREAM_X_REALM: 'r' }, /belong to a preset/],
    ['no server', client, /names no server; set PRESET, ISSUER, METADATA_URL or AUTHORIZATION_URL/],
    ['no client', issuer, /CLIENT_ID is missing/],
    [
      'no token endpoint',
      { ...client, UPSTREAM_X_AUTHORIZATION_URL: 'https://op.example/auth' },
      /TOKEN_URL is missing/,
    ],
    [
      'OpenID Connect without an issuer',
      { ...client, UPSTREAM_X_PROTOCOL: 'oidc', UPSTREAM_X_AUTHORIZATION_URL: 'https://op.example/auth' },
      /OpenID Connect needs ISSUER or METADATA_URL/,
    ],
    [
      'a discovery document that does not tell the issuer',
      { ...client, UPSTREAM_X_METADATA_URL: 'https://op.example/metadata.json' },
      /ISSUER is missing; it cannot be told from this METADATA_URL/,
    ],
    [
      'OAuth 1.0a without temporary credentials',
      {
        ...client,
        UPSTREAM_X_PROTOCOL: 'oauth1',
        UPSTREAM_X_AUTHORIZATION_URL: 'https://op.example/auth',
        UPSTREAM_X_TOKEN_URL: 'https://op.example/token',
      },
      /needs REQUEST_TOKEN_URL/,
    ],
    [
      'authentication by a secret that is not there',
      { ...issuer, UPSTREAM_X_CLIENT_ID: 'id', UPSTREAM_X_CLIENT_AUTH: 'client_secret_post' },
      /client_secret_post needs CLIENT_SECRET/,
    ],
    [
      'a secret for nothing',
      { ...client, ...issuer, UPSTREAM_X_CLIENT_AUTH: 'none' },
      /CLIENT_SECRET is set, but CLIENT_AUTH is none/,
    ],
    ['roles from nowhere', { ...client, ...issuer, UPSTREAM_X_ALLOWED_ROLES: 'staff' }, /need ROLES_CLAIM/],
  ])('%s', (_name, env, message) => {
    const [line, ...more] = faultsOf(env);
    expect(more).toEqual([]);
    expect(line).toMatch(message);
    expect(line).not.toContain('secret"');
  });

  test('two services on one host that nothing tells apart', () => {
    const entry = (path: string, more = {}) => ({
      client_id: 'id',
      authorization_url: `https://sso.example/${path}/auth`,
      token_url: `https://sso.example/${path}/token`,
      ...more,
    });
    const [line, ...more] = faultsOf({}, { a: entry('a'), b: entry('b') });
    expect(more).toEqual([]);
    expect(line).toContain('upstream b: its people could not be told from those of a');
    expect(line).toContain('set ISSUER and PROTOCOL=oauth2');
    // One service with two clients, and one that is told.
    expect(faultsOf({}, { a: entry('a'), b: entry('a') })).toEqual([]);
    const told = { issuer: 'https://sso.example/b', protocol: 'oauth2' };
    expect(faultsOf({}, { a: entry('a'), b: entry('b', told) })).toEqual([]);
  });

  test('plain http, unless this server itself or the operator’s networks are private', () => {
    const http = { ...client, UPSTREAM_X_ISSUER: 'http://keycloak:8080/realms/r' };
    const production = { ISSUER: 'https://id.example', SECRET_KEY: 'Zr8vR1m0c3lq9Wf5tYxu2aKjB7nDs4Pe' };
    expect(faultsOf({ ...http, ...production })[0]).toMatch(
      /is not https; plain http is for private networks/,
    );
    expect(faultsOf(http)).toEqual([]);
    expect(faultsOf({ ...http, ...production, UPSTREAM_ALLOW_PRIVATE: '10.0.0.0/8' })).toEqual([]);
  });

  test('everything at once, each with its variable', () => {
    expect(
      faultsOf({ UPSTREAM_A_TITLE: 'a', UPSTREAM_B_PRESET: 'x' }).map((line) => line.split(': ')[0]),
    ).toEqual(['UPSTREAM_A_TITLE', 'UPSTREAM_A_TITLE', 'UPSTREAM_B_PRESET']);
  });
});
