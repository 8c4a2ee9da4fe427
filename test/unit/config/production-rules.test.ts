import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../../src/platform/config/config.js';
import { ConfigFault } from '../../../src/platform/config/config-fault.js';
import type { Environment } from '../../../src/platform/config/sources.js';

const good = { ISSUER: 'https://id.example.org', SECRET_KEY: 'kq3hT9vXz0LmB7wRcYp5sJd8fGn2aUe4' };

const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;
const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
const pair = (modulusLength = 2048) =>
  generateKeyPairSync('rsa', { modulusLength, privateKeyEncoding, publicKeyEncoding });
const curvePair = (namedCurve = 'P-256') =>
  generateKeyPairSync('ec', { namedCurve, privateKeyEncoding, publicKeyEncoding });

function faultsOf(env: Environment, files: Record<string, string> = {}): string[] {
  const readFile = (path: string) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('denied'), { code: 'EACCES' });
    return text;
  };
  try {
    parseConfig(env, { readFile });
  } catch (error) {
    if (error instanceof ConfigFault) return error.message.split('\n');
    throw error;
  }
  return [];
}

const MAKE_ONE = 'make one with: openssl rand -base64 32';

describe('R27, A79: a server others reach does not start on', () => {
  test.each<[string, Environment, string]>([
    ['no SECRET_KEY', { ISSUER: good.ISSUER }, `SECRET_KEY: is missing; ${MAKE_ONE}`],
    [
      'a published SECRET_KEY',
      { ...good, SECRET_KEY: 'you-will-never-guess' },
      `SECRET_KEY: is a value everybody knows; ${MAKE_ONE}`,
    ],
    [
      'a short SECRET_KEY',
      { ...good, SECRET_KEY: 'kq3hT9vXz0LmB7wR' },
      `SECRET_KEY: is shorter than 32 characters; ${MAKE_ONE}`,
    ],
    [
      'an unreadable SECRET_KEY_FILE',
      { ISSUER: good.ISSUER, SECRET_KEY_FILE: '/run/s' },
      'SECRET_KEY_FILE: cannot read /run/s (EACCES); name a readable file or unset it',
    ],
    [
      'an http issuer',
      { ...good, ISSUER: 'http://id.example.org' },
      'ISSUER: http://id.example.org is not https; set it to the https:// address people use, like https://id.example.org',
    ],
    [
      'a loopback issuer with NODE_ENV',
      { ...good, ISSUER: '', NODE_ENV: 'production' },
      'ISSUER: http://localhost:5000 is not https; set it to the https:// address people use, like https://id.example.org',
    ],
    [
      'an issuer with a path',
      { ...good, ISSUER: 'https://id.example.org/oauth' },
      'ISSUER: has a path; write only https://id.example.org',
    ],
    [
      'memory storage',
      { ...good, DATABASE_URL: 'sqlite::memory:' },
      'DATABASE_URL: keeps everything in memory only; name a file or a PostgreSQL database',
    ],
    [
      'an unsupported database',
      { ...good, DATABASE_URL: 'mysql://h/db' },
      'DATABASE_URL: names "mysql", which is not supported; start it with sqlite: or postgres://',
    ],
    [
      'an unreadable key file',
      { ...good, JWT_PRIVATE_KEY_FILE: '/run/key' },
      'JWT_PRIVATE_KEY_FILE: "/run/key" cannot be read as a private key in PEM form; correct it or unset it',
    ],
    [
      'a broken inline key',
      { ...good, PRIVATE_KEY: '-----BEGIN PRIVATE KEY-----\\nxx' },
      'PRIVATE_KEY: cannot be read as a private key in PEM form; correct it or unset it',
    ],
    [
      'an unreadable public key',
      { ...good, JWT_PUBLIC_KEY_FILE: '/run/pub' },
      'JWT_PUBLIC_KEY_FILE: "/run/pub" cannot be read as a public key in PEM form; correct it or unset it',
    ],
  ])('%s', (_, env, line) => {
    expect(faultsOf(env)).toEqual([line]);
  });

  test.each([
    'you_will_never_guess',
    'secret',
    'SECRET-KEY',
    '-',
    'changeme',
    'change-me',
    'CHANGE_ME',
    'secret'.repeat(9),
  ])('the known SECRET_KEY %s', (secret) => {
    expect(faultsOf({ ...good, SECRET_KEY: secret })).toEqual([
      `SECRET_KEY: is a value everybody knows; ${MAKE_ONE}`,
    ]);
  });

  test('a long SECRET_KEY of one letter', () => {
    expect(faultsOf({ ...good, SECRET_KEY: 'a'.repeat(64) })[0]).toContain('repeats too few characters');
  });

  test('a known secret among the old ones, which still open', () => {
    expect(faultsOf({ ...good, SECRET_KEY: `${good.SECRET_KEY},secret` })).toEqual([
      `SECRET_KEY: secret 2 is a value everybody knows; ${MAKE_ONE}`,
    ]);
  });

  test('several at once, one line each', () => {
    expect(faultsOf({ ISSUER: 'http://id.example.org', DATABASE_URL: 'sqlite::memory:' })).toHaveLength(3);
  });
});

function sshLine(pem: string): string {
  const { n = '', e = '' } = createPublicKey(pem).export({ format: 'jwk' });
  const parts = [Buffer.from('ssh-rsa'), ...[e, n].map((text) => positive(Buffer.from(text, 'base64url')))];
  const framed = parts.flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  });
  return `ssh-rsa ${Buffer.concat(framed).toString('base64')} someone@somewhere\n`;
}
const positive = (bytes: Buffer) => ((bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);

test('a faulty secret is never repeated', () => {
  expect(faultsOf({ ...good, SECRET_KEY: 'kq3hT9vXz0LmB7wR' }).join()).not.toContain('kq3hT9');
});

test('two different keys are refused anywhere', () => {
  const [one, other] = [pair(), pair()];
  expect(
    faultsOf({ PRIVATE_KEY: one.privateKey, JWT_PUBLIC_KEY_FILE: '/pub' }, { '/pub': other.publicKey }),
  ).toEqual(['JWT_PUBLIC_KEY_FILE: is not the same key as PRIVATE_KEY; set both to one key or unset one']);
});

test('the same key under both names passes, inline with \\n too', () => {
  const { privateKey, publicKey } = pair();
  const env = { ...good, PRIVATE_KEY: privateKey.replaceAll('\n', '\\n'), JWT_PUBLIC_KEY_FILE: '/pub' };
  expect(faultsOf(env, { '/pub': publicKey })).toEqual([]);
});

test('the public half may be the line that ssh-keygen writes, as dserver takes it', () => {
  const { privateKey, publicKey } = pair();
  const files = { '/key': privateKey, '/pub': sshLine(publicKey), '/other': sshLine(pair().publicKey) };
  const env = { ...good, JWT_PRIVATE_KEY_FILE: '/key' };
  expect(faultsOf({ ...env, JWT_PUBLIC_KEY_FILE: '/pub' }, files)).toEqual([]);
  expect(faultsOf({ ...env, JWT_PUBLIC_KEY_FILE: '/other' }, files)[0]).toContain('is not the same key');
});

describe('a public setting may hold former keys beside the half of the key', () => {
  const [now, former] = [pair(), pair()];
  const withPublic = (text: string, more: Environment = {}) =>
    faultsOf(
      { ...good, PRIVATE_KEY: now.privateKey, JWT_PUBLIC_KEY_FILE: '/pub', ...more },
      { '/pub': text },
    );

  test.each<[string, string, string]>([
    [
      'a former one alone',
      former.publicKey,
      'is not the same key as PRIVATE_KEY; set both to one key or unset one',
    ],
    [
      'former ones alone',
      former.publicKey + pair().publicKey,
      'has no key that is that of PRIVATE_KEY; add its public half or unset one',
    ],
    [
      'one that is broken off',
      now.publicKey + former.publicKey.slice(0, 200),
      'key 2 of "/pub" cannot be read as a public key in PEM form; correct it or unset it',
    ],
    [
      'one that is set in',
      now.publicKey + former.publicKey.replaceAll(/^/gm, '  '),
      'key 2 of "/pub" cannot be read as a public key in PEM form; correct it or unset it',
    ],
    [
      'an SSH key of another kind',
      `${now.publicKey}ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA someone@somewhere\n`,
      'key 2 of "/pub" cannot be read as a public key in PEM form; correct it or unset it',
    ],
    [
      'a private key',
      former.privateKey + now.publicKey,
      'key 1 of "/pub" is a private key; put its public half there',
    ],
    [
      'a key of another kind',
      now.publicKey + curvePair().publicKey,
      'key 2 of "/pub" is no RSA key, which JWT_ALGORITHM=RS256 needs',
    ],
    [
      'a short key',
      now.publicKey + pair(1024).publicKey,
      'key 2 of "/pub" has 1024 bits; make one of 2048 or more',
    ],
  ])('%s is refused', (_what, text, message) => {
    expect(withPublic(text)).toEqual([`JWT_PUBLIC_KEY_FILE: ${message}`]);
  });

  test('its own private key alone is refused too', () => {
    expect(withPublic(now.privateKey)).toEqual([
      'JWT_PUBLIC_KEY_FILE: "/pub" is a private key; put its public half there',
    ]);
  });

  test('in any order, with words between, as an SSH line, and inline with \\n', () => {
    const both = [now.publicKey, `former, until May\n${former.publicKey}`];
    expect(withPublic(both.join(''))).toEqual([]);
    expect(withPublic(both.toReversed().join(''))).toEqual([]);
    expect(withPublic(now.publicKey + sshLine(former.publicKey))).toEqual([]);
    const inline = both.join('').replaceAll('\n', '\\n');
    expect(withPublic(now.publicKey, { PUBLIC_KEY: inline })).toEqual([]);
    expect(withPublic(now.publicKey, { PUBLIC_KEY: former.publicKey })).toEqual([
      'PUBLIC_KEY: is not the same key as PRIVATE_KEY; set both to one key or unset one',
    ]);
  });

  test('of another kind leaves nothing behind that the next key fails of', () => {
    withPublic(now.publicKey + curvePair().publicKey);
    expect(createPrivateKey(now.privateKey).type).toBe('private');
  });

  test('on a loopback issuer one that cannot be read is a warning, a mispaired one is not', () => {
    const env = { PRIVATE_KEY: now.privateKey, JWT_PUBLIC_KEY_FILE: '/pub' };
    const { warnings } = parseConfig(env, { readFile: () => now.publicKey + former.privateKey });
    expect(warnings).toContain(
      'JWT_PUBLIC_KEY_FILE: key 2 of "/pub" is a private key; put its public half there.',
    );
    expect(faultsOf(env, { '/pub': former.publicKey })).toHaveLength(1);
  });
});

test('a public key alone cannot sign', () => {
  const files = { '/pub': pair().publicKey };
  expect(faultsOf({ ...good, JWT_PUBLIC_KEY_FILE: '/pub' }, files)).toEqual([
    'JWT_PUBLIC_KEY_FILE: names a public key alone; set PRIVATE_KEY or JWT_PRIVATE_KEY_FILE as well',
  ]);
});

test.each([
  ['RS256', () => pair(1024), 'has 1024 bits; make one of 2048 or more'],
  ['RS256', () => curvePair(), 'is no RSA key, which JWT_ALGORITHM=RS256 needs'],
  ['ES256', () => pair(), 'is not of the kind that JWT_ALGORITHM=ES256 needs'],
  ['ES256', () => curvePair('P-384'), 'is not of the kind that JWT_ALGORITHM=ES256 needs'],
  ['EdDSA', () => curvePair(), 'is not of the kind that JWT_ALGORITHM=EdDSA needs'],
])('%s is refused where the key does not fit, anywhere', (alg, make, message) => {
  expect(faultsOf({ JWT_ALGORITHM: alg, PRIVATE_KEY: make().privateKey })).toEqual([
    `PRIVATE_KEY: ${message}`,
  ]);
});

test.each(['HS256', 'none'])('%s is no algorithm for dserver tokens', (alg) => {
  expect(faultsOf({ JWT_ALGORITHM: alg })[0]).toContain('is not known; use one of RS256');
});

test('on a loopback issuer the same things pass, an unreadable key with a warning', () => {
  const env = { SECRET_KEY: 'secret', DATABASE_URL: 'sqlite::memory:', JWT_PRIVATE_KEY_FILE: '/gone' };
  const { warnings } = parseConfig(env, {
    readFile: () => {
      throw new Error('gone');
    },
  });
  expect(warnings.join('\n')).toContain('JWT_PRIVATE_KEY_FILE: "/gone" cannot be read as a private key');
});

test('a good production configuration passes', () => {
  expect(faultsOf(good)).toEqual([]);
  expect(faultsOf({ ...good, NODE_ENV: 'production' })).toEqual([]);
});

describe('machines that could share a database are told that each makes a dserver key', () => {
  const { privateKey } = pair();
  test.each<[string, Environment, boolean]>([
    ['none is named', {}, true],
    ['a file is named', { JWT_PRIVATE_KEY_FILE: '/key' }, false],
    ['its text is named', { PRIVATE_KEY: privateKey }, false],
    ['the database is a file', { DATABASE_URL: 'sqlite:/data/postern.sqlite' }, false],
    ['nobody else reaches the server', { ISSUER: 'http://localhost:5000' }, false],
  ])('%s', (_what, change, told) => {
    const env = { ...good, DATABASE_URL: 'postgres://db.example/postern', ...change };
    const { warnings } = parseConfig(env, { readFile: () => privateKey });
    expect(warnings.some((one) => one.startsWith('JWT_PRIVATE_KEY_FILE is not set: '))).toBe(told);
  });
});
