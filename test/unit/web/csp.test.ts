import { describe, expect, test } from '@jest/globals';
import { cspSource, newNonce, pagePolicy } from '../../../src/platform/web/csp.js';

describe('where a form may lead', () => {
  test.each([
    'javascript:alert(1)',
    'JAVASCRIPT:alert(1)',
    'data:text/html,x',
    'blob:https://x/1',
    'file:///etc/passwd',
    'not an address',
    '',
    "https://x.example'; script-src *",
  ])('never to %s', (address) => {
    expect(cspSource(address)).toBeUndefined();
  });

  test.each([
    ['https://app.example/cb?x=;y', 'https://app.example'],
    ['http://127.0.0.1:49152/cb', 'http://127.0.0.1:49152'],
    ['http://[::1]:49152/cb', 'http:'],
    ['com.example.app:/cb', 'com.example.app:'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example'],
  ])('%s by %s', (address, source) => {
    expect(cspSource(address)).toBe(source);
  });
});

test('the policy names nothing but the nonce, ourselves and the targets', () => {
  const policy = pagePolicy({
    nonce: 'n',
    formTargets: ['https://a.example/1', 'https://a.example/2', 'data:x'],
  });
  expect(policy.split('; ')).toEqual([
    "default-src 'none'",
    "script-src 'nonce-n'",
    "style-src 'nonce-n'",
    "img-src 'self' data:",
    "form-action 'self' https://a.example",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ]);
});

test('a nonce is long, header-safe and new every time', () => {
  expect(newNonce()).toMatch(/^[\w-]{24}$/);
  expect(newNonce()).not.toBe(newNonce());
});
