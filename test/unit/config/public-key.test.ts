import { X509Certificate } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { readPublicKeys } from '../../../src/platform/config/public-key.js';

const OURS = `-----BEGIN CERTIFICATE-----
MIIBbDCCAROgAwIBAgIUS3dJ7iB20qnCzdizKO6/26f/4lYwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAeFw0yNjExMjcwOTIwMTRaFw0zNjExMjQwOTIwMTRaMAwx
CjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR2gqIOx2Qp8MWn
WNBWE7wvjpZwz5PGpabCn/cCYuEcJOrYZ0qnTk04jIWLDELZNhk2dutNQEl+8Rux
kQ+2anr4o1MwUTAdBgNVHQ4EFgQUFN1CnS6JzsGd3o5qEfHLzeN6E48wHwYDVR0j
BBgwFoAUFN1CnS6JzsGd3o5qEfHLzeN6E48wDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNHADBEAiAPOwXJau+4VdAyO4BN89viWhHSaWNlXF7aVP4/MCNVYgIg
bIbIZYO77EoPZf7nZ1rWbzIopNJiOLKd0LHFYBgPAFI=
-----END CERTIFICATE-----
`;
const ISSUER = `-----BEGIN CERTIFICATE-----
MIIBbTCCAROgAwIBAgIULngc/7ajSlFE3PGKAKEMi1Y3CQQwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYjAeFw0yNjExMjcwOTIwMTRaFw0zNjExMjQwOTIwMTRaMAwx
CjAIBgNVBAMMAWIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS9xuILdcgjbOCQ
nDwvqsgLG+hKzuM3xYsPz9JJEDbQHCG8CPt1gPpZp6POcIqx1TdX6/KvFlROLIHe
10dPNpSKo1MwUTAdBgNVHQ4EFgQUufrig4r9HXFgslE9BwEtS6VtFAgwHwYDVR0j
BBgwFoAUufrig4r9HXFgslE9BwEtS6VtFAgwDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNIADBFAiAJGpPmWiKfqI/vKl22OI2QCkO9Bq2z8gKPOZq5gqOJrQIh
AIOM+skz7RnfkegiWsXEMR4D8kS+ZCyYgCbQbstpsBNh
-----END CERTIFICATE-----
`;

const UNREADABLE = { fault: 'cannot be read as a public key in PEM form; correct it or unset it' };

const pemOf = new X509Certificate(OURS).publicKey.export({ type: 'spki', format: 'pem' }).toString();
const read = (text: string) =>
  readPublicKeys(text).map((one) =>
    'key' in one ? one.key.export({ type: 'spki', format: 'pem' }).toString() : one,
  );

test.each(['', 'no key', 'ssh-rsa AAAA', '-----BEGIN PUBLIC KEY-----', 'ssh-rsa'])(
  '%j is one fault, not a crash',
  (text) => {
    expect(read(text)).toEqual([UNREADABLE]);
  },
);

test('of a chain of certificates those that vouch for ours are no keys of ours', () => {
  expect(read(`subject=a\n${OURS}\n${ISSUER}`)).toEqual([pemOf]);
});

test('what is no key may stand before one', () => {
  const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
  expect(read(parameters + pemOf + parameters + pemOf)).toEqual([pemOf, pemOf]);
});
