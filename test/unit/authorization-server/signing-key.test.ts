import { expect, test } from '@jest/globals';
import { createLocalJWKSet, compactVerify, jwtVerify } from 'jose';
import { publicJwk } from '../../../src/keys/jwks.js';
import { makeKey } from '../../../src/keys/key-text.js';
import { SIGNING_ALGS } from '../../../src/keys/signing-keys.js';
import { toLibraryKey } from '../../../src/authorization-server/signing-key.js';

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

test.each(SIGNING_ALGS)(
  'what is signed with %s is verified with the published key and no other',
  async (alg) => {
    const [key, other] = [await makeKey(alg, 0), await makeKey(alg, 0)];
    const signed = `${encode({ alg, kid: key.kid })}.${encode({ sub: 'somebody' })}`;
    const signature = await toLibraryKey(key).sign(Buffer.from(signed));
    const token = `${signed}.${Buffer.from(signature).toString('base64url')}`;

    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [publicJwk(key)] }));
    expect(payload.sub).toBe('somebody');
    const stranger = { ...publicJwk(other), kid: key.kid };
    await expect(jwtVerify(token, createLocalJWKSet({ keys: [stranger] }))).rejects.toMatchObject({
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    });
  },
);

test.each(SIGNING_ALGS)('the library sees of a key for %s what may be published', async (alg) => {
  const key = await makeKey(alg, 0);
  const seen = toLibraryKey(key);
  const { kid, use, kty, n, e, crv, x, y } = seen;
  expect(JSON.parse(JSON.stringify({ kid, alg: seen.alg, use, kty, n, e, crv, x, y }))).toEqual(
    publicJwk(key),
  );
  expect((await seen.keyObject()).type).toBe('public');
  expect(JSON.stringify(seen)).not.toContain(key.jwk.d);
});

test('an ID Token comes back as a hint: the key as the library holds it verifies', async () => {
  const key = await makeKey('ES256', 0);
  const held = toLibraryKey(key);
  const signed = `${encode({ alg: 'ES256' })}.${encode({})}`;
  const signature = Buffer.from(await held.sign(Buffer.from(signed))).toString('base64url');
  await expect(compactVerify(`${signed}.${signature}`, await held.keyObject())).resolves.toBeDefined();
});
