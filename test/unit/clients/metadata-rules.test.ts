import { describe, expect, test } from '@jest/globals';
import { DEVICE_CODE, parseMetadata } from '../../../src/clients/client.js';
import { completeMetadata } from '../../../src/clients/complete-metadata.js';
import { metadataFaults } from '../../../src/clients/metadata-rules.js';
import { DEFAULT_RULES, type ServerRules } from '../../../src/clients/server-rules.js';

const CODE_CLIENT = { client_name: 'App', redirect_uris: ['https://app.example/cb'] };
const RSA_KEY = { kty: 'RSA', e: 'AQAB', n: Buffer.alloc(256, 255).toString('base64url') };
const IMPLICIT: ServerRules = { ...DEFAULT_RULES, legacyFlows: ['implicit'] };

function faultsOf(input: object, rules: ServerRules = DEFAULT_RULES, resourceServer = false) {
  return metadataFaults(completeMetadata(parseMetadata(input), resourceServer), rules, { resourceServer });
}
const code = (more: object) => ({ ...CODE_CLIENT, ...more });
const grants = (...types: string[]) => ({ grant_types: types, response_types: [] });

describe('metadata is refused at its field', () => {
  const cases: readonly (readonly [string, object, string, RegExp])[] = [
    ['no redirect URI', {}, 'redirect_uris', /needs a redirect URI/],
    ['an empty list of redirect URIs (A107)', { redirect_uris: [] }, 'redirect_uris', /needs a redirect URI/],
    [
      'a fragment after logout',
      code({ post_logout_redirect_uris: ['https://a.example/#x'] }),
      'post_logout_redirect_uris',
      /fragment/,
    ],
    [
      'grant types with commas (B#85)',
      code({ grant_types: ['authorization_code,password'] }),
      'grant_types',
      /one per line, no commas: “authorization_code” and “password”/i,
    ],
    [
      'grant types on one line',
      code({ grant_types: ['authorization_code password'] }),
      'grant_types',
      /one per line/i,
    ],
    ['an unknown grant type', code({ grant_types: ['magic'] }), 'grant_types', /not offered/],
    ['no grant type', { grant_types: [], response_types: [] }, 'grant_types', /at least one/],
    [
      'code without its grant type',
      code({ grant_types: ['client_credentials'], response_types: ['code'] }),
      'response_types',
      /needs the grant type authorization_code/,
    ],
    [
      'the code grant without code',
      { ...grants('authorization_code') },
      'response_types',
      /needs the response type/,
    ],
    [
      'response types with commas',
      code({ response_types: ['code,token'] }),
      'response_types',
      /one per line/i,
    ],
    ['an unknown response type', code({ response_types: ['none'] }), 'response_types', /not offered/],
    [
      'bare token',
      code({ grant_types: ['implicit'], response_types: ['token'] }),
      'response_types',
      /“id_token token”/,
    ],
    ['implicit without a response type', code({ ...grants('implicit') }), 'response_types', /id_token token/],
    [
      'id_token without implicit',
      code({ grant_types: ['authorization_code'], response_types: ['code', 'id_token'] }),
      'response_types',
      /need the grant type implicit/,
    ],
    ['refresh alone', grants('refresh_token'), 'grant_types', /goes with one of/],
    [
      'client_credentials of a public client',
      { ...grants('client_credentials'), token_endpoint_auth_method: 'none' },
      'token_endpoint_auth_method',
      /authenticates/,
    ],
    ['password while it is off', grants('password'), 'grant_types', /LEGACY_FLOWS does not name password/],
    [
      'an unknown method',
      code({ token_endpoint_auth_method: 'tls_client_auth' }),
      'token_endpoint_auth_method',
      /not offered/,
    ],
    ['a private key (A107)', code({ jwks: { keys: [{ ...RSA_KEY, d: 'x' }] } }), 'jwks', /private/],
    ['a symmetric key', code({ jwks: { keys: [{ kty: 'oct', k: 'x' }] } }), 'jwks', /symmetric/],
    [
      'a short RSA key',
      code({ jwks: { keys: [{ ...RSA_KEY, n: Buffer.alloc(128, 255).toString('base64url') }] } }),
      'jwks',
      /2048/,
    ],
    ['an empty key set', code({ jwks: { keys: [] } }), 'jwks', /empty/],
    ['a key set of the wrong shape', code({ jwks: { keys: [{}] } }), 'jwks', /kty/],
    [
      'two key sets',
      code({ jwks: { keys: [RSA_KEY] }, jwks_uri: 'https://a.example/k' }),
      'jwks_uri',
      /not both/,
    ],
    ['keys over http', code({ jwks_uri: 'http://app.example/keys' }), 'jwks_uri', /https/],
    ['keys over loopback http', code({ jwks_uri: 'http://localhost/keys' }), 'jwks_uri', /https/],
    [
      'private_key_jwt without keys',
      code({ token_endpoint_auth_method: 'private_key_jwt' }),
      'jwks',
      /needs the public key/,
    ],
    [
      'an HMAC algorithm for private_key_jwt',
      code({
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [RSA_KEY] },
        token_endpoint_auth_signing_alg: 'HS256',
      }),
      'token_endpoint_auth_signing_alg',
      /does not go/,
    ],
    [
      'an algorithm without assertions',
      code({ token_endpoint_auth_signing_alg: 'RS256' }),
      'token_endpoint_auth_signing_alg',
      /does not go/,
    ],
    [
      'an unsigned ID Token (A107)',
      code({ id_token_signed_response_alg: 'none' }),
      'id_token_signed_response_alg',
      /not offered/,
    ],
    [
      'an HMAC ID Token',
      code({ id_token_signed_response_alg: 'HS256' }),
      'id_token_signed_response_alg',
      /not offered/,
    ],
    ['a reversed name (A27)', code({ client_name: 'knab\u202eBank' }), 'client_name', /invisible/],
    ['a zero-width name', code({ client_name: 'Ba\u200bnk' }), 'client_name', /invisible/],
    ['a line break in the name', code({ client_name: 'Bank\nIgnore the rest' }), 'client_name', /invisible/],
    ['a long name', code({ client_name: 'x'.repeat(101) }), 'client_name', /100/],
    ['an empty name', code({ client_name: '  ' }), 'client_name', /empty/],
    ['a script as address (A103)', code({ client_uri: 'javascript:alert(1)' }), 'client_uri', /http/],
    ['an SVG data logo', code({ logo_uri: 'data:image/svg+xml,x' }), 'logo_uri', /http/],
    ['a policy that is no address', code({ policy_uri: 'policy' }), 'policy_uri', /http/],
    ['a contact that is no address', code({ contacts: ['<b>me</b>'] }), 'contacts', /e-mail/],
    ['a quoted scope', code({ scope: '"profile"' }), 'scope', /quotes/],
    ['double spaces in scope', code({ scope: 'openid  profile' }), 'scope', /single spaces/],
    [
      'DPoP with tokens in the address',
      code({ response_types: ['id_token token'], dpop_bound_access_tokens: true }),
      'dpop_bound_access_tokens',
      /DPoP/,
    ],
  ];
  test.each(cases)('%s', (_name, input, field, message) => {
    const found = faultsOf(input).filter((fault) => fault.field === field);
    expect(found.map((fault) => fault.message).join('\n')).toMatch(message);
  });

  test('scopes written as a list with commas', () => {
    expect(faultsOf(code({ scope: 'openid,profile' }))).toEqual([
      { field: 'scope', message: 'Separate scopes by spaces, not by commas.' },
    ]);
    expect(faultsOf(code({ scope: 'openid records.read' }))).toEqual([]);
  });

  test('a resource server that does not authenticate', () => {
    const faults = faultsOf({ token_endpoint_auth_method: 'none' }, DEFAULT_RULES, true);
    expect(faults.map((fault) => fault.field)).toEqual(['token_endpoint_auth_method']);
  });
});

describe('implicit names what is missing', () => {
  const implicit = code({ grant_types: ['implicit'], response_types: ['id_token token'] });
  const fields = (input: object, rules?: ServerRules) => faultsOf(input, rules).map((fault) => fault.field);

  test('the setting, the method, or both', () => {
    expect(fields(implicit)).toEqual(['grant_types', 'token_endpoint_auth_method']);
    expect(fields(implicit, IMPLICIT)).toEqual(['token_endpoint_auth_method']);
    expect(fields({ ...implicit, token_endpoint_auth_method: 'none' })).toEqual(['grant_types']);
    expect(fields({ ...implicit, token_endpoint_auth_method: 'none' }, IMPLICIT)).toEqual([]);
  });

  test('hybrid keeps its secret; id_token and code id_token need no switch', () => {
    expect(fields(code({ response_types: ['code token'] }), IMPLICIT)).toEqual([]);
    expect(fields(code({ response_types: ['code token'] }))).toEqual(['grant_types']);
    expect(fields(code({ response_types: ['id_token'] }))).toEqual([]);
    expect(fields(code({ response_types: ['code', 'code id_token'] }))).toEqual([]);
  });
});

describe('metadata is accepted', () => {
  const legacy: ServerRules = { ...DEFAULT_RULES, legacyFlows: ['password'] };
  test.each<[string, object]>([
    ['code', CODE_CLIENT],
    [
      'code and refresh',
      code({ grant_types: ['authorization_code', 'refresh_token'], scope: 'openid profile' }),
    ],
    ['client credentials', grants('client_credentials')],
    ['password with refresh', grants('password', 'refresh_token')],
    ['device', { ...grants(DEVICE_CODE), token_endpoint_auth_method: 'none' }],
    ['keys', code({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [RSA_KEY] } })],
    [
      'HMAC',
      code({ token_endpoint_auth_method: 'client_secret_jwt', token_endpoint_auth_signing_alg: 'HS256' }),
    ],
    ['words of any language', code({ client_name: 'Приложение – 応用 🙂' })],
  ])('%s', (_name, input) => {
    expect(faultsOf(input, legacy)).toEqual([]);
  });

  test('a loopback issuer may fetch keys over loopback http', () => {
    const rules = { ...DEFAULT_RULES, loopbackIssuer: true };
    expect(faultsOf(code({ jwks_uri: 'http://localhost:1/keys' }), rules)).toEqual([]);
  });
});

describe('completeMetadata', () => {
  test('fills in the defaults of RFC 7591 and the library’s word order', () => {
    expect(completeMetadata({ redirect_uris: ['https://a.example', 'https://a.example'] })).toEqual({
      redirect_uris: ['https://a.example'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      application_type: 'web',
    });
    const hybrid = completeMetadata({ response_types: ['token id_token code'] });
    expect(hybrid.response_types).toEqual(['code id_token token']);
    expect(hybrid.grant_types).toEqual(['authorization_code', 'implicit']);
    expect(completeMetadata({ grant_types: ['client_credentials'] }).response_types).toEqual([]);
    expect(completeMetadata({}, true).grant_types).toEqual([]);
  });

  test.each<[string, object, 'web' | 'native']>([
    ['https', { redirect_uris: ['https://a.example/'] }, 'web'],
    ['a custom scheme', { redirect_uris: ['com.example:/cb'] }, 'native'],
    [
      'public on loopback',
      { redirect_uris: ['http://127.0.0.1/cb'], token_endpoint_auth_method: 'none' },
      'native',
    ],
    ['with a secret on loopback', { redirect_uris: ['http://127.0.0.1/cb'] }, 'web'],
    [
      'hybrid on loopback',
      { redirect_uris: ['http://localhost/cb'], response_types: ['code id_token'] },
      'native',
    ],
    [
      'said otherwise',
      { redirect_uris: ['http://localhost/cb'], token_endpoint_auth_method: 'none', application_type: 'web' },
      'web',
    ],
  ])('application_type of %s', (_name, input, type) => {
    expect(completeMetadata(parseMetadata(input)).application_type).toBe(type);
  });
});

test('parseMetadata ignores unknown members and nulls, and names wrong types', () => {
  const input = { client_name: 'A', client_uri: null, is_admin: true, client_id: 'x', client_secret: 'y' };
  expect(parseMetadata(input)).toEqual({ client_name: 'A' });
  expect(() => parseMetadata({ redirect_uris: 'https://a.example' })).toThrow(/redirect_uris/);
  expect(() => parseMetadata('text')).toThrow(/JSON object/);
  expect(() => parseMetadata([])).toThrow(/JSON object/);
});
