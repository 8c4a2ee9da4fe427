/** The signer against the worked examples of RFC 5849 and of the original OAuth Core 1.0a text. */
import { expect, test } from '@jest/globals';
import {
  authorizationHeader,
  percentEncode,
  sign,
  signatureBase,
} from '../../../src/relying-party/connectors/oauth1-signature.js';

test('RFC 5849 §3.6: encoding', () => {
  expect(percentEncode('abcXYZ019-._~')).toBe('abcXYZ019-._~');
  expect(percentEncode(" !'()*+/%=&☃")).toBe('%20%21%27%28%29%2A%2B%2F%25%3D%26%E2%98%83');
});

test('RFC 5849 §3.4.1.1: the base string of the example request', () => {
  const base = signatureBase(
    'post',
    new URL('http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b'),
    [
      ['oauth_consumer_key', '9djdj82h48djs9d2'],
      ['oauth_token', 'kkk9d7dh3k39sjv7'],
      ['oauth_signature_method', 'HMAC-SHA1'],
      ['oauth_timestamp', '137131201'],
      ['oauth_nonce', '7d8f3e4a'],
      ['c2', ''],
      ['a3', '2 q'],
    ],
  );
  expect(base).toBe(
    'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D' +
      '%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a' +
      '%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7',
  );
});

const example = { clientId: 'dpf43f3p2l4k3l03', clientSecret: 'kd94hf93k423kf44' };
const paramsOf = (header: string): Record<string, string> =>
  Object.fromEntries(
    [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [
      name,
      decodeURIComponent(value),
    ]),
  );

test('RFC 5849 §1.2: the three requests of the photo printer, signed as the text has them', () => {
  const common = [
    ['oauth_consumer_key', 'dpf43f3p2l4k3l03'],
    ['oauth_signature_method', 'HMAC-SHA1'],
  ] as const;
  const temporary = signatureBase('POST', new URL('https://photos.example.net/initiate'), [
    ...common,
    ['oauth_timestamp', '137131200'],
    ['oauth_nonce', 'wIjqoS'],
    ['oauth_callback', 'http://printer.example.com/ready'],
  ]);
  expect(sign(temporary, example)).toBe('74KNZJeDHnMBp0EMJ9ZHt/XKycU=');
  const token = signatureBase('POST', new URL('https://photos.example.net/token'), [
    ...common,
    ['oauth_token', 'hh5s93j4hdidpola'],
    ['oauth_timestamp', '137131201'],
    ['oauth_nonce', 'walatlh'],
    ['oauth_verifier', 'hfdp7dh39dks9884'],
  ]);
  expect(sign(token, { ...example, tokenSecret: 'hdhd0244k9j7ao03' })).toBe('gKgrFCywp7rO0OXSjdot/IHF7IU=');
  const photo = signatureBase(
    'GET',
    new URL('http://photos.example.net/photos?file=vacation.jpg&size=original'),
    [
      ...common,
      ['oauth_token', 'nnch734d00sl2jdk'],
      ['oauth_timestamp', '137131202'],
      ['oauth_nonce', 'chapoH'],
    ],
  );
  expect(sign(photo, { ...example, tokenSecret: 'pfkkdhi9sl3r4s00' })).toBe('MdpQcU8iPSUjWoN/UDMsK2sui9I=');
});

test('OAuth Core 1.0a, appendix A.5: the same photo with oauth_version, as our header has it', () => {
  const header = authorizationHeader({
    ...example,
    method: 'GET',
    url: new URL('http://photos.example.net/photos?file=vacation.jpg&size=original'),
    token: 'nnch734d00sl2jdk',
    tokenSecret: 'pfkkdhi9sl3r4s00',
    timestamp: 1191242096,
    nonce: 'kllo9940pd9333jh',
  });
  expect(header.startsWith('OAuth oauth_consumer_key="dpf43f3p2l4k3l03", ')).toBe(true);
  expect(paramsOf(header)).toEqual({
    oauth_consumer_key: 'dpf43f3p2l4k3l03',
    oauth_token: 'nnch734d00sl2jdk',
    oauth_signature_method: 'HMAC-SHA1',
    oauth_signature: 'tR3+Ty81lMeYAr/Fid0kMTYa/WM=',
    oauth_timestamp: '1191242096',
    oauth_nonce: 'kllo9940pd9333jh',
    oauth_version: '1.0',
  });
});
