import { describe, expect, test } from '@jest/globals';
import { type FieldFault, InvalidInput } from '../../../src/platform/errors/errors.js';
import { parseResource } from '../../../src/clients/resource.js';

const API = 'https://api.example/v1';

function faultsOf(input: object): readonly FieldFault[] {
  try {
    parseResource(input);
    return [];
  } catch (error) {
    if (error instanceof InvalidInput) return error.faults;
    throw error;
  }
}

describe('a resource is refused', () => {
  test.each<[string, object, string]>([
    ['without an identifier', {}, 'identifier'],
    ['a relative identifier', { identifier: '/v1' }, 'identifier'],
    ['a bare name', { identifier: 'api' }, 'identifier'],
    ['a fragment', { identifier: `${API}#x` }, 'identifier'],
    ['an empty fragment', { identifier: `${API}#` }, 'identifier'],
    ['a user name', { identifier: 'https://me@api.example/' }, 'identifier'],
    ['a script', { identifier: 'javascript:alert(1)' }, 'identifier'],
    ['a space', { identifier: 'https://api.example/a b' }, 'identifier'],
    ['a malformed scope', { identifier: API, scopes: ['a b'] }, 'scopes'],
    ['a comma list as scope', { identifier: API, scopes: ['a,b'] }, 'scopes'],
    ['a reserved scope', { identifier: API, scopes: ['openid'] }, 'scopes'],
    ['an unknown format', { identifier: API, token_format: 'paseto' }, 'token_format'],
    ['HMAC', { identifier: API, signing_alg: 'HS256' }, 'signing_alg'],
    ['no signature', { identifier: API, signing_alg: 'none' }, 'signing_alg'],
    [
      'signed opaque tokens',
      { identifier: API, token_format: 'opaque', signing_alg: 'RS256' },
      'signing_alg',
    ],
    ['a lifetime of a moment', { identifier: API, lifetime_seconds: 29 }, 'lifetime_seconds'],
    ['a lifetime of years', { identifier: API, lifetime_seconds: 1e9 }, 'lifetime_seconds'],
    ['a broken lifetime', { identifier: API, lifetime_seconds: 60.5 }, 'lifetime_seconds'],
  ])('%s', (_name, input, field) => {
    expect(faultsOf(input)).toEqual([expect.objectContaining({ field })]);
  });
});

test('a resource has JWTs by RS256 unless it says otherwise', () => {
  expect(parseResource({ identifier: API, scopes: ['read', 'read', 'write'] })).toEqual({
    identifier: API,
    name: API,
    scopes: ['read', 'write'],
    tokenFormat: 'jwt',
    signingAlg: 'RS256',
  });
  const opaque = { identifier: 'urn:example:api', name: 'API', token_format: 'opaque', lifetime_seconds: 30 };
  expect(parseResource(opaque)).toEqual({
    identifier: 'urn:example:api',
    name: 'API',
    scopes: [],
    tokenFormat: 'opaque',
    lifetimeSeconds: 30,
  });
});
