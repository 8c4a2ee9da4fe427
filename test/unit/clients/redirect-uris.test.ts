import { describe, expect, test } from '@jest/globals';
import { redirectUriFault, webAddressFault } from '../../../src/clients/redirect-uris.js';

const REFUSED: readonly (readonly [string, RegExp])[] = [
  // A08: schemes that run in a browser
  ['javascript:alert(1)', /javascript:/],
  ['JaVaScRiPt:alert(1)', /javascript:/],
  ['javascript://app.example/%0aalert(1)', /javascript:/],
  ['data:text/html;base64,PHNjcmlwdD4=', /data:/],
  ['vbscript:msgbox(1)', /vbscript:/],
  ['file:///etc/passwd', /file:/],
  ['blob:https://app.example/1', /blob:/],
  ['about:blank', /about:/],
  [' javascript:alert(1)', /character/],
  ['java\nscript:alert(1)', /character/],
  // A02: what a parser and a reader see differently
  ['http://localhost:80@evil.example/', /user name/],
  ['https://user:pw@app.example/cb', /user name/],
  ['http://evil.example\\@localhost/', /backslash/],
  ['https:\\\\app.example\\cb', /backslash/],
  ['https://evil.example#@app.example/', /fragment/],
  ['https://evil.example%23@app.example/', /user name/],
  ['https://app.example/cb#', /fragment/],
  ['https://app.example/c b', /space/],
  ['https://app.example/cb\t', /space/],
  ['https://app.example/cb\u0000', /character/],
  ['https://app.example/\u202ecb', /character/],
  ['https://bücher.example/cb', /character/],
  ['https://app.example/<script>', /character/],
  ['https:/app.example/cb', /no host/],
  ['https:app.example/cb', /no host/],
  ['https:///app.example/cb', /no host/],
  ['http://127.1/cb', /host plainly/],
  ['http://0x7f000001/cb', /host plainly/],
  ['http://2130706433/cb', /host plainly/],
  ['http://%6cocalhost/cb', /host plainly/],
  ['https://[::1/cb', /not a valid/],
  // wildcards
  ['https://*.app.example/cb', /wildcard/],
  ['https://app.example/*', /wildcard/],
  // plain http away from this machine
  ['http://app.example/cb', /https/],
  ['http://localhost.evil.example/cb', /https/],
  ['http://192.168.0.7/cb', /https/],
  // not addresses at all
  ['', /absolute/],
  ['/callback', /absolute/],
  ['app.example/callback', /absolute/],
  ['//app.example/cb', /absolute/],
  ['https://a.example/cb,https://b.example/cb', /one per line/i],
  ['https://a.example/cb https://b.example/cb', /one per line/i],
  // schemes nobody owns
  ['myapp:/callback', /dot/],
  ['ftp://app.example/cb', /dot/],
  ['urn:ietf:wg:oauth:2.0:oob', /dot/],
  ['com.example.app:/callback', /application_type native/],
];

describe('a redirect URI is refused', () => {
  test.each(REFUSED)('%j', (uri, reason) => {
    expect(redirectUriFault(uri, 'web')).toMatch(reason);
  });

  test.each([
    ['myapp:/callback', /dot/],
    ['https://localhost/cb', /http/],
    ['http://app.example/cb', /https/],
    ['javascript:alert(1)', /never/],
  ])('of a native app: %j', (uri, reason) => {
    expect(redirectUriFault(uri, 'native')).toMatch(reason);
  });

  test('and the message shows nothing invisible and is short', () => {
    const fault = redirectUriFault(`https://app.example/\u202e\u0007${'x'.repeat(5000)}`, 'web') ?? '';
    expect(fault).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(fault.length).toBeLessThan(300);
  });
});

describe('a redirect URI is accepted', () => {
  test.each([
    'https://app.example/cb',
    'https://APP.example:8443/cb?x=1&y=2',
    'https://app.example',
    'https://xn--bcher-kva.example/cb',
    'http://localhost:3000/cb',
    'http://127.0.0.1/cb',
    'http://[::1]:5000/cb',
  ])('of a web application: %s', (uri) => {
    expect(redirectUriFault(uri, 'web')).toBeUndefined();
  });

  test.each([
    'com.example.app:/cb',
    'com.example.app://cb',
    'http://127.0.0.1:0/cb',
    'https://app.example/cb',
  ])('of a native app: %s', (uri) => {
    expect(redirectUriFault(uri, 'native')).toBeUndefined();
  });
});

describe('an address shown for a client (A103)', () => {
  test.each([
    'javascript:alert(1)',
    'data:image/svg+xml,<svg onload=alert(1)>',
    '"><script>alert(1)</script>',
    'https://user@app.example/',
    'http:///x',
    'ftp://app.example/',
    'app.example',
  ])('is refused: %j', (uri) => {
    expect(webAddressFault(uri)).toMatch(/is not an http/);
  });

  test.each(['https://app.example/', 'http://app.example/logo.png'])('is accepted: %s', (uri) => {
    expect(webAddressFault(uri)).toBeUndefined();
  });
});
