import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../../src/platform/config/config.js';
import { ConfigFault } from '../../../src/platform/config/config-fault.js';
import { effectiveSettings } from '../../../src/platform/config/show.js';
import type { Environment } from '../../../src/platform/config/sources.js';
import { readPairs } from '../../../src/platform/config/upstream-options.js';

const parse = (env: Environment, files: Record<string, string> = {}) =>
  parseConfig(env, {
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return text;
    },
  });

function faultsOf(env: Environment, files?: Record<string, string>): string[] {
  try {
    parse(env, files);
  } catch (error) {
    if (error instanceof ConfigFault) return error.message.split('\n');
    throw error;
  }
  return [];
}

const entriesOf = (env: Environment, files?: Record<string, string>) =>
  parse(env, files).config.upstreams.entries;
const file = (document: unknown) =>
  [{ UPSTREAMS_FILE: '/up.json' }, { '/up.json': JSON.stringify(document) }] as const;

describe('UPSTREAM_<ID>_*', () => {
  test('ids with an underscore, and options that end alike', () => {
    const entries = entriesOf({
      UPSTREAM_ORCID_SANDBOX_PRESET: 'orcid_sandbox',
      UPSTREAM_ORCID_SANDBOX_CLIENT_ID: 'APP-1',
      UPSTREAM_BIRD_REQUEST_TOKEN_URL: 'https://bird.example/request',
      UPSTREAM_BIRD_TOKEN_URL: 'https://bird.example/access',
    });
    expect(entries).toMatchObject([
      {
        id: 'bird',
        request_token_url: 'https://bird.example/request',
        token_url: 'https://bird.example/access',
      },
      { id: 'orcid_sandbox', preset: 'orcid_sandbox', client_id: 'APP-1' },
    ]);
  });

  test('every kind of option as a text', () => {
    const [entry] = entriesOf({
      UPSTREAM_X_ISSUER: 'https://op.example/',
      UPSTREAM_X_CLIENT_ID: ' our id ',
      UPSTREAM_X_TITLE: 'The X',
      UPSTREAM_X_HIDE: 'yes',
      UPSTREAM_X_LINK_ONLY: 'off',
      UPSTREAM_X_REMEMBER: 'false',
      UPSTREAM_X_SCOPE: 'openid groups',
      UPSTREAM_X_ATTRIBUTE_MAP: 'sub:user_id, mail : email,junk,:x',
      UPSTREAM_X_REQUEST_TOKEN_PARAMS: 'prompt=login&acr_values=high',
      UPSTREAM_X_PRECEDENCE: 'username, display_name',
      UPSTREAM_X_ALLOWED_DOMAINS: 'uni.example, lab.example',
      UPSTREAM_X_GROUP_ROLES: 'staff:editor,it:admin',
      UPSTREAM_X_STATE_TTL: '120',
      UPSTREAM_X_TOKEN_CLIENTS: 'a,b',
      UPSTREAM_X_CLIENT_AUTH: 'client_secret_post',
      UPSTREAM_X_ACCESS_TOKEN_METHOD: 'GET',
    });
    expect(entry).toMatchObject({
      id: 'x',
      // Its last slash is part of it.
      issuer: 'https://op.example/',
      client_id: 'our id',
      title: 'The X',
      hide: true,
      link_only: false,
      remember: false,
      scope: 'openid groups',
      attribute_map: [
        ['sub', 'user_id'],
        ['mail', 'email'],
      ],
      request_token_params: { prompt: 'login', acr_values: 'high' },
      precedence: { email: false, username: true, display_name: true },
      allowed_domains: ['uni.example', 'lab.example'],
      group_roles: { staff: 'editor', it: 'admin' },
      state_ttl: 120,
      token_clients: ['a', 'b'],
      client_auth: 'client_secret_post',
      access_token_method: 'GET',
    });
  });

  test('a secret from a file, never shown', () => {
    const parsed = parse(
      { UPSTREAM_X_CLIENT_SECRET_FILE: '/s', UPSTREAM_X_PRESET: 'github' },
      { '/s': 'hush\n' },
    );
    expect(parsed.config.upstreams.entries).toMatchObject([{ id: 'x', client_secret: 'hush' }]);
    expect(parsed.warnings).toEqual([]);
    expect(JSON.stringify(effectiveSettings(parsed))).not.toContain('hush');
  });

  test.each([
    ['UPSTREAM_X_ISSUER', 'op.example', /^UPSTREAM_X_ISSUER: is not a web address/],
    ['UPSTREAM_X_TOKEN_URL', 'javascript:alert(1)', /^UPSTREAM_X_TOKEN_URL: is not a web address/],
    ['UPSTREAM_X_TOKEN_URL', 'https://me:hush@op.example', /^UPSTREAM_X_TOKEN_URL: is not a web address/],
    ['UPSTREAM_X_HIDE', 'perhaps', /^UPSTREAM_X_HIDE: is not true or false/],
    ['UPSTREAM_X_STATE_TTL', '5', /^UPSTREAM_X_STATE_TTL: is not a whole number from 30 to 86400/],
    ['UPSTREAM_X_PROTOCOL', 'saml', /^UPSTREAM_X_PROTOCOL: is not one of oidc, oauth2, oauth1/],
    ['UPSTREAM_X_REQUEST_TOKEN_PARAMS', 'state=mine', /none of them one that is made here/],
    ['UPSTREAM_X_REQUEST_TOKEN_PARAMS', 'code_challenge_method=plain', /none of them one that is made here/],
    [
      'UPSTREAM_X_CLIENTID',
      'x',
      /^UPSTREAM_X_CLIENTID: names no option of an upstream; write UPSTREAM_<ID>_/,
    ],
  ])('%s=%s', (name, value, message) => {
    const [line, ...more] = faultsOf({ [name]: value });
    expect(more).toEqual([]);
    expect(line).toMatch(message);
    expect(line).not.toContain('hush');
  });

  test('all faults at once, beside those of other settings', () => {
    const lines = faultsOf(
      { UPSTREAM_X_HIDE: '?', UPSTREAM_Y_ISSUER: '?', PORT: '?', ...file({ z: 1 })[0] },
      file({ z: 1 })[1],
    );
    expect(lines.map((line) => line.split(':')[0])).toEqual([
      'PORT',
      'UPSTREAMS_FILE',
      'UPSTREAM_X_HIDE',
      'UPSTREAM_Y_ISSUER',
    ]);
  });
});

describe('UPSTREAMS_FILE', () => {
  test('JSON types, an upstream under each name, a dialect of its own', () => {
    const [env, files] = file({
      main: {
        issuer: 'https://op.example',
        client_id: 'x',
        client_secret_file: '/secret',
        hide: false,
        precedence: { email: true, 'profile.full_name': false, password: false },
        attribute_map: { sub: 'user_id' },
        allowed_domains: ['a.example'],
        state_ttl: 600,
        dserver: { scope: 'openid', username_field: 'email' },
      },
    });
    expect(entriesOf(env, { ...files, '/secret': 'hush\n' })).toMatchObject([
      {
        id: 'main',
        client_secret: 'hush',
        hide: false,
        precedence: { email: true, display_name: false },
        attribute_map: [['sub', 'user_id']],
        allowed_domains: ['a.example'],
        state_ttl: 600,
        dserver: { scope: 'openid', username_field: 'email' },
      },
    ]);
  });

  test.each([
    [{ x: { hide: 'perhaps' } }, 'UPSTREAMS_FILE: x.hide: is not true or false'],
    [{ x: { colour: 'red' } }, 'UPSTREAMS_FILE: x: knows no option colour'],
    [{ x: { dserver: { scope: 7 } } }, 'UPSTREAMS_FILE: x.dserver.scope: is not a text'],
    [{ x: { allowed_domains: [1] } }, 'UPSTREAMS_FILE: x.allowed_domains: is not a comma list of texts'],
    [{ 'X!': {} }, 'UPSTREAMS_FILE: "X!" is no name; use a-z, 0-9, - and _'],
    [{ x: [] }, 'UPSTREAMS_FILE: x: is not an object'],
    [[], 'UPSTREAMS_FILE: is not an object with an upstream under each name'],
    [
      { x: { client_secret_file: '/gone' } },
      'UPSTREAMS_FILE: x.client_secret_file: cannot read /gone (ENOENT)',
    ],
  ])('%j', (document, message) => {
    expect(faultsOf(...file(document))).toEqual([message]);
  });

  test('one that is missing, or no JSON', () => {
    expect(faultsOf({ UPSTREAMS_FILE: '/gone' })[0]).toMatch(
      /^UPSTREAMS_FILE: cannot read \/gone \(ENOENT\)/,
    );
    expect(faultsOf({ UPSTREAMS_FILE: '/x' }, { '/x': '{' })).toEqual(['UPSTREAMS_FILE: /x is not JSON']);
  });

  test('a variable wins over the file, option by option', () => {
    const [env, files] = file({ x: { issuer: 'https://op.example', client_id: 'from file', title: 'X' } });
    expect(entriesOf({ ...env, UPSTREAM_X_CLIENT_ID: 'from variable' }, files)).toMatchObject([
      { issuer: 'https://op.example', client_id: 'from variable', title: 'X' },
    ]);
  });
});

describe('the names of the dserver plugin (seed 1.5)', () => {
  const env = {
    OAUTH2_AUTHORIZATION_URL: 'https://op.example/auth',
    OAUTH2_TOKEN_URL: 'https://op.example/token',
    OAUTH2_USERINFO_URL: 'https://op.example/me',
    OAUTH2_CLIENT_ID: 'id',
    OAUTH2_CLIENT_SECRET: 'secret',
  };

  test('one upstream with the defaults of the plugin', () => {
    const { upstreams } = parse(env).config;
    expect(upstreams.pluginId).toBe('oauth2');
    expect(upstreams.entries).toMatchObject([
      {
        id: 'oauth2',
        protocol: 'oauth2',
        authorization_url: 'https://op.example/auth',
        scope: 'openid',
        username_field: 'user_id',
        client_id: 'id',
        client_secret: 'secret',
        lenient: true,
        attribute_map: [
          ['sub', 'user_id'],
          ['email', 'email'],
          ['name', 'display_name'],
          ['given_name', 'given_name'],
          ['family_name', 'surname'],
        ],
      },
    ]);
  });

  test('row 35: spaces trimmed, parts without a colon passed over, split at the first one', () => {
    const { entries } = parse({ ...env, OAUTH2_ATTRIBUTE_MAP: ' a : b ,c, d:e:f,:x,' }).config.upstreams;
    expect(entries[0]?.attribute_map).toEqual([
      ['a', 'b'],
      ['d', 'e:f'],
    ]);
    expect(readPairs('')).toEqual([]);
  });

  test('its name is the id and the title, whatever letters it has', () => {
    const { upstreams } = parse({ ...env, OAUTH2_PROVIDER_NAME: 'Our Keycloak!' }).config;
    expect(upstreams.pluginId).toBe('our-keycloak');
    expect(upstreams.entries[0]?.title).toBe('Our Keycloak!');
  });

  test('OAUTH2_PRESET: a client is all it needs, and no default stands in the way of the preset', () => {
    const { upstreams } = parse({
      OAUTH2_PRESET: 'orcid',
      OAUTH2_CLIENT_ID: 'APP-1',
      OAUTH2_CLIENT_SECRET: 's',
    }).config;
    expect(upstreams.pluginId).toBe('orcid');
    const [{ scope, attribute_map, username_field, protocol, ...entry } = {} as never] = upstreams.entries;
    expect(entry).toMatchObject({ id: 'orcid', preset: 'orcid', client_id: 'APP-1' });
    expect([scope, attribute_map, username_field, protocol]).toEqual(Array(4).fill(undefined));
    const more = { OAUTH2_PRESET: 'orcid', OAUTH2_SCOPE: '/read-limited', OAUTH2_PROVIDER_NAME: 'login' };
    expect(entriesOf(more)).toMatchObject([{ id: 'login', scope: '/read-limited' }]);
  });

  test('without any of them there is none', () => {
    expect(parse({ OAUTH2_SCOPE: 'openid' }).config.upstreams).toMatchObject({
      entries: [],
      pluginId: undefined,
    });
  });
});

describe('the other names', () => {
  test('row 111: CLIENT_ID and SERVER_METADATA_URL are the one provider of /login', () => {
    const { upstreams } = parse({
      CLIENT_ID: 'demo',
      CLIENT_SECRET: 's',
      SERVER_METADATA_URL: 'https://kc.example/realms/r/.well-known/openid-configuration',
      LOGOUT_URL: 'https://kc.example/logout',
      UPSTREAM_OIDC_SCOPE: 'openid profile email roles',
    }).config;
    expect(upstreams.oneProviderId).toBe('oidc');
    expect(upstreams.entries).toMatchObject([
      {
        id: 'oidc',
        protocol: 'oidc',
        metadata_url: 'https://kc.example/realms/r/.well-known/openid-configuration',
        client_id: 'demo',
        logout_url: 'https://kc.example/logout',
        scope: 'openid profile email roles',
      },
    ]);
  });

  test.each([
    [{ CLIENT_ID: 'x' }, 'CLIENT_ID is set without SERVER_METADATA_URL: /login stays with local accounts.'],
    [
      { SERVER_METADATA_URL: 'https://kc.example/.well-known/openid-configuration' },
      'SERVER_METADATA_URL is set without CLIENT_ID: /login stays with local accounts.',
    ],
    [{ GOOGLE_KEY: 'x' }, 'GOOGLE_KEY and GOOGLE_SECRET go together; one alone switches nothing on.'],
    [{ GITHUB_SECRET: 'x' }, 'GITHUB_KEY and GITHUB_SECRET go together; one alone switches nothing on.'],
  ])('half a pair switches nothing on: %j', (env, warning) => {
    const { config, warnings } = parse(env);
    expect(config.upstreams.entries).toEqual([]);
    expect(warnings).toEqual([warning]);
  });

  test('both halves do', () => {
    const env = { GOOGLE_KEY: 'g', GOOGLE_SECRET: 'gs', GITHUB_KEY: 'h', GITHUB_SECRET: 'hs' };
    expect(entriesOf(env)).toMatchObject([
      { id: 'google', preset: 'google', client_id: 'g', client_secret: 'gs' },
      { id: 'github', preset: 'github', client_id: 'h', client_secret: 'hs' },
    ]);
  });

  test('two names that say different things about one upstream are a fault', () => {
    const env = { OAUTH2_PRESET: 'github', OAUTH2_CLIENT_ID: 'a', GITHUB_KEY: 'b', GITHUB_SECRET: 's' };
    expect(faultsOf(env)).toEqual([
      'GITHUB_KEY: says something else about the upstream github than OAUTH2_CLIENT_ID; keep one',
    ]);
  });

  test('the auto-provision switch', () => {
    expect(parse({}).config.upstreams.autoProvision).toBe(true);
    expect(parse({ OAUTH2_AUTO_PROVISION_USERS: 'False' }).config.upstreams.autoProvision).toBe(false);
  });
});

describe('OAUTHCLIENT_* (seed 4.6)', () => {
  test('defaults and values', () => {
    expect(parse({}).config.linked).toEqual({
      stateTtl: 300,
      autoRedirect: false,
      restErrorRedirect: '/',
      restResponse: 'redirect',
      tokenLeeway: 10,
    });
    const { config, warnings } = parse({
      OAUTHCLIENT_STATE_EXPIRES: '120',
      OAUTHCLIENT_AUTO_REDIRECT_TO_EXTERNAL_LOGIN: 'True',
      OAUTHCLIENT_REST_DEFAULT_ERROR_REDIRECT_URL: '/oops',
      OAUTHCLIENT_REST_DEFAULT_RESPONSE_HANDLER: 'postmessage',
      OAUTHCLIENT_TOKEN_EXPIRES_LEEWAY: '0',
    });
    expect(config.linked).toEqual({
      stateTtl: 120,
      autoRedirect: true,
      restErrorRedirect: '/oops',
      restResponse: 'postmessage',
      tokenLeeway: 0,
    });
    expect(warnings).toEqual([]);
  });

  test.each([
    ['{"consumer_key": "k", "consumer_secret": "s"}'],
    ["{'consumer_key': 'k', 'consumer_secret': 's'}"],
  ])('credentials of an application: %s', (credentials) => {
    expect(entriesOf({ OAUTHCLIENT_ORCID_APP_CREDENTIALS: credentials })).toMatchObject([
      { id: 'orcid', preset: 'orcid', client_id: 'k', client_secret: 's' },
    ]);
  });

  test('a realm is an issuer, not a preset', () => {
    const [entry] = entriesOf({
      OAUTHCLIENT_KEYCLOAK_REALM_URL: 'https://kc.example/realms/r',
      OAUTHCLIENT_KEYCLOAK_CONSUMER_KEY: 'k',
      OAUTHCLIENT_KEYCLOAK_CONSUMER_SECRET: 's',
    });
    expect(entry).toMatchObject({ id: 'keycloak', issuer: 'https://kc.example/realms/r', client_id: 'k' });
    expect(entry?.preset).toBeUndefined();
  });

  test.each([
    ['OAUTHCLIENT_STATE_EXPIRES', 'soon', /is not a whole number of seconds/],
    ['OAUTHCLIENT_REST_DEFAULT_RESPONSE_HANDLER', 'x', /is neither redirect nor postmessage/],
    ['OAUTHCLIENT_AUTO_REDIRECT_TO_EXTERNAL_LOGIN', 'x', /is neither on nor off/],
    ['OAUTHCLIENT_X_APP_CREDENTIALS', 'hush', /is not \{"consumer_key"/],
  ])('%s=%s is a fault', (name, value, message) => {
    const [line] = faultsOf({ [name]: value });
    expect(line?.startsWith(`${name}: `)).toBe(true);
    expect(line).toMatch(message);
    expect(line).not.toContain('hush');
  });

  test.each(['OAUTHCLIENT_REMOTE_APPS', 'OAUTHCLIENT_STATE_ENABLED', 'OAUTHCLIENT_KEYCLOAK_VERIFY_AUD'])(
    '%s has no effect here, and the warning says why',
    (name) => {
      expect(parse({ [name]: 'x' }).warnings).toEqual([expect.stringContaining(`${name} has no effect: `)]);
    },
  );
});
