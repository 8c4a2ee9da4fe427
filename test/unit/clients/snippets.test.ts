import { describe, expect, test } from '@jest/globals';
import type { ClientRecord } from '../../../src/clients/client.js';
import { completeMetadata } from '../../../src/clients/complete-metadata.js';
import { snippets } from '../../../src/clients/snippets.js';

const ISSUER = 'https://id.example';

const textsOf = (metadata: object, requirePkce = false): Record<string, string> => {
  const client = { clientId: 'the-id', metadata: completeMetadata(metadata), requirePkce } as ClientRecord;
  return Object.fromEntries(snippets(ISSUER, client).map(({ title, text }) => [title.split(' ')[0], text]));
};

describe('snippets', () => {
  test('quote what a shell would run and what would end a string', () => {
    const texts = textsOf({ redirect_uris: ["https://a.example/cb?x=1&y='$(id)'"], scope: 'openid' });
    expect(texts['curl:']).toContain(String.raw`'redirect_uri=https://a.example/cb?x=1&y='\''$(id)'\'''`);
    expect(texts['openid-client']).toContain(`"https://a.example/cb?x=1&y='$(id)'"`);
  });

  test('name a secret only where there is one', () => {
    const redirect_uris = ['https://a.example/cb'];
    for (const method of ['none', 'private_key_jwt']) {
      const texts = textsOf({ redirect_uris, token_endpoint_auth_method: method });
      expect(JSON.stringify(texts)).not.toContain('SECRET');
    }
    for (const method of ['client_secret_basic', 'client_secret_post', 'client_secret_jwt']) {
      const texts = textsOf({ redirect_uris, token_endpoint_auth_method: method });
      for (const text of [texts.Authlib, texts.Spring, texts.mod_auth_openidc]) {
        expect(text).toContain('SECRET');
        expect(text).toContain(method);
      }
    }
  });

  test('say what Spring needs for PKCE beside a secret, and only there', () => {
    const redirect_uris = ['https://a.example/cb'];
    const noted = (method: string, requirePkce: boolean) =>
      textsOf({ redirect_uris, token_endpoint_auth_method: method }, requirePkce).Spring?.includes(
        'withPkce',
      );
    expect(noted('client_secret_basic', true)).toBe(true);
    expect(noted('client_secret_basic', false)).toBe(false);
    // A client without a secret gets PKCE from Spring by itself.
    expect(noted('none', true)).toBe(false);
  });

  test('are filled in with issuer, id and redirect URI, for what the client may do', () => {
    const texts = textsOf({ redirect_uris: ['https://a.example/cb'], scope: 'openid profile' });
    const tools = ['Open', 'curl:', 'openid-client', 'Authlib', 'Spring', 'mod_auth_openidc'];
    expect(Object.keys(texts)).toEqual(tools);
    for (const text of Object.values(texts)) {
      expect(text).toContain('the-id');
      expect(text).toContain(ISSUER);
    }
    expect(Object.keys(textsOf({ grant_types: ['client_credentials'] }))).toEqual(['curl:']);
  });
});
