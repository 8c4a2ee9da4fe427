import { describe, expect, test } from '@jest/globals';
import { completeMetadata } from '../../../src/clients/complete-metadata.js';
import { EMPTY_FORM, formFaults, formMetadata, readClientForm } from '../../../src/clients/form.js';
import { metadataFaults } from '../../../src/clients/metadata-rules.js';
import { DEFAULT_RULES } from '../../../src/clients/server-rules.js';

const faultsOf = (body: Record<string, unknown>) =>
  formFaults(metadataFaults(completeMetadata(formMetadata(readClientForm(body))), DEFAULT_RULES));

const GOOD = { ...EMPTY_FORM, client_name: 'App', redirect_uri: 'https://a.example/cb', require_pkce: '' };

describe('the form of seven fields explains', () => {
  test.each<[string, object, string, RegExp]>([
    ['commas (B#85)', { grant_type: 'authorization_code, password' }, 'grant_type', /no commas/],
    ['commas in response types', { response_type: 'code,token' }, 'response_type', /no commas/],
    ['a missing redirect URI', { redirect_uri: ' \r\n' }, 'redirect_uri', /needs a redirect URI/],
    ['a bad URL', { redirect_uri: 'https://ok.example/\nnot a url' }, 'redirect_uri', /“not a url”/],
    ['no grant type', { grant_type: '', response_type: '' }, 'grant_type', /at least one/],
    [
      'keys it cannot take',
      { token_endpoint_auth_method: 'private_key_jwt' },
      'jwks',
      /private_key_jwt needs/,
    ],
    ['a hostile address', { client_uri: 'javascript:alert(1)' }, 'client_uri', /http/],
  ])('%s', (_name, change, field, message) => {
    const faults = faultsOf({ ...GOOD, ...change }).filter((fault) => fault.field === field);
    expect(faults.map((fault) => fault.message).join('\n')).toMatch(message);
  });

  test('and names only fields it has', () => {
    const bad = faultsOf({ ...GOOD, redirect_uri: 'x', grant_type: 'x', response_type: 'x', scope: '"' });
    for (const { field } of bad) expect(Object.keys(EMPTY_FORM)).toContain(field);
  });
});

describe('the form reads', () => {
  test('one value per line, whatever the line ends', () => {
    const form = readClientForm({
      ...GOOD,
      scope: 'openid\r\nprofile  email',
      redirect_uri: 'https://a.example/1\r\n\r\n https://a.example/2 \nhttps://a.example/3',
      grant_type: 'authorization_code\r\nrefresh_token',
      require_pkce: 'on',
    });
    expect(form.require_pkce).toBe(true);
    expect(formMetadata(form)).toEqual({
      client_name: 'App',
      scope: 'openid profile email',
      redirect_uris: ['https://a.example/1', 'https://a.example/2', 'https://a.example/3'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    });
  });

  test('nothing but its fields (A105)', () => {
    const form = readClientForm({ ...GOOD, is_admin: '1', client_id: 'x', owner: 'y', ttl: '{}' });
    expect(Object.keys(form).sort()).toEqual(Object.keys(EMPTY_FORM).sort());
    expect(formMetadata(form)).not.toHaveProperty('ttl');
    expect(readClientForm({ client_name: { a: 1 }, scope: 7 }).client_name).toBe('');
  });

  test('the originals’ password client: the filled-in “code” means nothing there', () => {
    const metadata = formMetadata(readClientForm({ ...GOOD, grant_type: 'password' }));
    expect(metadata.response_types).toEqual([]);
    expect(faultsOf({ ...GOOD, grant_type: 'client_credentials', redirect_uri: '' })).toEqual([]);
  });

  test('its own starting values, once a redirect URI is there', () => {
    expect(faultsOf(GOOD)).toEqual([]);
  });
});
