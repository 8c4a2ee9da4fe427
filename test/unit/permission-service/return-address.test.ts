import { describe, expect, test } from '@jest/globals';
import { approvedReturn, returnWith } from '../../../src/permission-service/return-address.js';

const RULE = {
  origins: ['https://app.example', 'http://localhost:4200'],
  base: 'https://id.example',
  own: ['https://id.example'],
};

describe('row 48: next is only ever an address of an allowed origin', () => {
  test.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['the original default', 'http://example.com'],
    ['another host', 'https://evil.example/'],
    ['another scheme', 'http://app.example/'],
    ['another port', 'https://app.example:8443/'],
    ['a longer host', 'https://app.example.evil.example/'],
    ['a host behind a user name', 'https://app.example@evil.example/'],
    ['a user name before the host', 'https://me@app.example/'],
    ['a script', 'javascript:alert(1)//https://app.example'],
    ['no scheme', '//evil.example/'],
    ['backslashes', '/\\evil.example/'],
    ['a line break', 'https://app.example/\r\nSet-Cookie: a=b'],
    ['a path of this server, which is not in the list', '/account'],
    ['a text beyond all length', `https://app.example/${'a'.repeat(2000)}`],
    ['not an address at all', 'http://['],
  ])('%s leads to /', (_, next) => {
    expect(approvedReturn(next, RULE)).toBe('/');
  });

  test.each([
    ['https://app.example', 'https://app.example/'],
    ['https://app.example/a?b=c#d', 'https://app.example/a?b=c#d'],
    ['HTTPS://APP.example/', 'https://app.example/'],
    ['http://localhost:4200/#/list?x=1', 'http://localhost:4200/#/list?x=1'],
  ])('%s may be gone to', (next, written) => {
    expect(approvedReturn(next, RULE)).toBe(written);
  });

  test('a path counts as an address of this server', () => {
    const own = { ...RULE, origins: ['https://id.example'] };
    expect(approvedReturn('/a', own)).toBe('https://id.example/a');
    expect(approvedReturn('//evil.example/', own)).toBe('/');
    expect(approvedReturn('\\\\evil.example/', own)).toBe('/');
  });

  test('an address of ours that may redirect would take a token in the fragment along', () => {
    const own = { ...RULE, origins: ['https://id.example'] };
    expect(approvedReturn('/oauth/authorize?client_id=x', own)).toBe('/');
    expect(approvedReturn('https://id.example//OAUTH/authorize?client_id=x', own)).toBe('/');
  });
});

describe('row 48: the token', () => {
  test('is added to the query, the rest of which stays', () => {
    expect(returnWith('https://app.example/a?b=c&b=d', 'T', 'query')).toBe(
      'https://app.example/a?b=c&b=d&jwt=T',
    );
    expect(returnWith('https://app.example/#/list', 'T', 'query')).toBe('https://app.example/?jwt=T#/list');
  });

  test('takes the place of any other', () => {
    expect(returnWith('https://app.example/?jwt=old&jwt=older&a=1', 'T', 'query')).toBe(
      'https://app.example/?a=1&jwt=T',
    );
  });

  test('goes into the fragment where that was asked for', () => {
    expect(returnWith('https://app.example/?a=1', 'T', 'fragment')).toBe('https://app.example/?a=1#jwt=T');
    expect(returnWith('https://app.example/#a=1&jwt=old', 'T', 'fragment')).toBe(
      'https://app.example/#a=1&jwt=T',
    );
  });

  test('never goes to /', () => {
    expect(returnWith('/', 'T', 'query')).toBe('/');
    expect(returnWith('/', 'T', 'fragment')).toBe('/');
  });

  test('of somebody else, planted in next, is not left there when the login failed', () => {
    expect(returnWith('https://app.example/?jwt=planted&a=1#jwt=planted', undefined, 'query')).toBe(
      'https://app.example/?a=1',
    );
    expect(returnWith('https://app.example/?a=b%20c#/x', undefined, 'query')).toBe(
      'https://app.example/?a=b%20c#/x',
    );
  });
});
