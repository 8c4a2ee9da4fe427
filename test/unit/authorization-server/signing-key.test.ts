import { generateKeyPairSync, pbkdf2, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { createLocalJWKSet, compactVerify, type JWK, jwtVerify } from 'jose';
import { publicJwk } from '../../../src/keys/jwks.js';
import { makeKey } from '../../../src/keys/key-text.js';
import { SIGNING_ALGS } from '../../../src/keys/signing-keys.js';
import { SigningKey } from '../../../src/authorization-server/signing-key.js';
import { createSigner } from '../../../src/keys/signer.js';

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

test.each(SIGNING_ALGS)(
  'what is signed with %s is verified with the published key and no other',
  async (alg) => {
    const [key, other] = [await makeKey(alg, 0), await makeKey(alg, 0)];
    const signed = `${encode({ alg, kid: key.kid })}.${encode({ sub: 'somebody' })}`;
    const signature = await new SigningKey(createSigner(key)).sign(Buffer.from(signed));
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
  const seen = new SigningKey(createSigner(key));
  const { kid, use, kty, n, e, crv, x, y } = seen;
  expect(JSON.parse(JSON.stringify({ kid, alg: seen.alg, use, kty, n, e, crv, x, y }))).toEqual(
    publicJwk(key),
  );
  expect((await seen.keyObject()).type).toBe('public');
  expect(JSON.stringify(seen)).not.toContain(key.jwk.d);
});

test.each(SIGNING_ALGS)(
  'an ID Token signed with %s comes back as a hint: the key the library holds verifies',
  async (alg) => {
    const held = new SigningKey(createSigner(await makeKey(alg, 0)));
    const signed = `${encode({ alg })}.${encode({})}`;
    const signature = Buffer.from(await held.sign(Buffer.from(signed))).toString('base64url');
    await expect(compactVerify(`${signed}.${signature}`, await held.keyObject())).resolves.toBeDefined();
  },
);

/** Resolves when the first of the threads is free again. */
function busyThreads(): Promise<unknown> {
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
  const work = promisify(pbkdf2);
  return Promise.race(
    Array.from({ length: threads }, () => work('a password', 'salt', 200_000, 32, 'sha512')),
  );
}

test.each([
  [2048, ['signature', 'a thread']],
  [3072, ['a thread', 'signature']],
])('an RSA key of %i bits: %j is first, where the threads are busy', async (modulusLength, order) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength });
  const jwk = privateKey.export({ format: 'jwk' }) as JWK;
  const signer = createSigner({ kid: 'one', alg: 'RS256', use: 'sig', jwk, createdAt: 0 });
  const data = Buffer.from('something');
  const ended: string[] = [];
  const note = async <Value>(name: string, promise: Promise<Value>): Promise<Value> =>
    promise.finally(() => ended.push(name));

  const [, signature] = await Promise.all([
    note('a thread', busyThreads()),
    note('signature', signer.sign(data)),
  ]);
  expect(ended).toEqual(order);
  expect(verify('sha256', data, publicKey, signature)).toBe(true);
});
