import { expect, test } from '@jest/globals';
import type { ClientSecret } from '../../../src/clients/client.js';
import { createClientSecrets, needsSecret } from '../../../src/clients/secrets.js';
import { createSecretBox } from '../../../src/platform/crypto/secret-box.js';

const clock = { now: () => 1000 };
const secretsWith = (...keys: string[]) =>
  createClientSecrets({ box: createSecretBox(keys, 'client-secret'), clock });
const secrets = secretsWith('one');

const make = (method: string, text: string, more: Partial<ClientSecret> = {}): ClientSecret => {
  const id = more.id ?? text;
  return { id, createdAt: 1, ...secrets.keep('c1', method, { id, text }), ...more };
};
const client = (...list: ClientSecret[]) => ({ clientId: 'c1', secrets: list });

test('wrong, empty, ended and stored values do not match', () => {
  const kept = make('client_secret_basic', 'right');
  expect(secrets.matches(client(kept), 'wrong')).toBe(false);
  expect(secrets.matches(client(kept), '')).toBe(false);
  expect(secrets.matches(client(kept), kept.hash ?? '')).toBe(false);
  expect(secrets.matches(client(), 'right')).toBe(false);
  expect(secrets.matches(client(make('client_secret_basic', 'right', { expiresAt: 1000 })), 'right')).toBe(
    false,
  );
});

test('each of two live secrets matches', () => {
  const both = client(
    make('client_secret_post', 'old', { expiresAt: 1001 }),
    make('client_secret_post', 'new'),
  );
  expect(secrets.matches(both, 'old')).toBe(true);
  expect(secrets.matches(both, 'new')).toBe(true);
});

test('a sealed secret opens for its own client and with an older SECRET_KEY only', () => {
  const sealed = make('client_secret_jwt', 'hmac', { createdAt: 1 });
  const newer = make('client_secret_jwt', 'newer', { createdAt: 2 });
  expect(sealed).not.toHaveProperty('hash');
  expect(JSON.stringify(sealed.sealed)).not.toContain('hmac');
  expect(secrets.texts(client(sealed, newer))).toEqual(['newer', 'hmac']);
  expect(secretsWith('two', 'one').matches(client(sealed), 'hmac')).toBe(true);
  expect(secretsWith('two').texts(client(sealed))).toEqual([]);
  expect(secretsWith('two').matches(client(sealed), 'hmac')).toBe(false);
  expect(secrets.texts({ clientId: 'c2', secrets: [sealed] })).toEqual([]);
});

test('public and key clients have no secret', () => {
  expect(['none', 'private_key_jwt'].some(needsSecret)).toBe(false);
  expect(['client_secret_basic', 'client_secret_post', 'client_secret_jwt'].every(needsSecret)).toBe(true);
});
