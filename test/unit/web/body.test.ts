import { describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { parseForm, readForm } from '../../../src/platform/web/body.js';
import { fakeContext, thrownBy } from './fake-context.js';

const post = (body: string, headers: Record<string, string> = {}) =>
  fakeContext({
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(Buffer.byteLength(body)),
      ...headers,
    },
    body,
  });

describe('a form is refused', () => {
  test.each([
    ['a field sent twice', 'a=1&b=2&a=1'],
    ['a NUL', 'a=%00'],
    ['a NUL in a name', 'a%00=1'],
    ['broken percent sequences', 'a=%ff'],
    ['half a percent sequence', 'a=%'],
    ['3,000 fields', Array.from({ length: 3000 }, (_, at) => `f${at}=1`).join('&')],
  ])('%s', async (_name, text) => {
    expect(await thrownBy(() => parseForm(text))).toMatchObject({ status: 400 });
  });

  test('above 56 KB', async () => {
    expect(await thrownBy(() => readForm(post(`a=${'x'.repeat(60_000)}`)))).toMatchObject({ status: 413 });
  });

  test.each(['text/plain', 'application/json', 'multipart/form-data; boundary=x', ''])(
    'as "%s"',
    async (type) => {
      expect(await thrownBy(() => readForm(post('{"a":1}', { 'content-type': type })))).toMatchObject({
        status: 415,
      });
    },
  );

  test('with bad gzip', async () => {
    const ctx = post('not gzip', { 'content-encoding': 'gzip' });
    expect(await thrownBy(() => readForm(ctx))).toMatchObject({ status: 400 });
  });
});

describe('a form is read', () => {
  test('as it was typed, without meaning in brackets or prototypes', () => {
    const form = parseForm('a[b]=c&__proto__=x&scope=a+b%20c&empty=&bare&t=%C3%BC');
    expect({ ...form }).toEqual({
      'a[b]': 'c',
      ['__proto__']: 'x',
      scope: 'a b c',
      empty: '',
      bare: '',
      t: 'ü',
    });
    expect(Object.getPrototypeOf(form)).toBeNull();
  });

  test('from the request, and again without reading twice', async () => {
    const ctx = post('username=ada&password=a%26b');
    expect({ ...(await readForm(ctx)) }).toEqual({ username: 'ada', password: 'a&b' });
    expect((await readForm(ctx)).username).toBe('ada');
  });

  test('as empty, where nothing was sent', async () => {
    expect({ ...(await readForm(fakeContext({ method: 'POST' }))) }).toEqual({});
  });

  test('never past its limit by compression', async () => {
    const bomb = gzipSync(`a=${'x'.repeat(10_000_000)}`);
    const ctx = fakeContext({
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(bomb.length),
        'content-encoding': 'gzip',
      },
    });
    Object.defineProperty(ctx, 'req', { value: withBody(ctx.req, bomb) });
    expect(await thrownBy(() => readForm(ctx))).toMatchObject({ status: 413 });
  });
});

function withBody(req: ReturnType<typeof fakeContext>['req'], body: Buffer): typeof req {
  const fresh = fakeContext({ method: 'POST', headers: req.headers, body: '' }).req;
  fresh.unshift(body);
  return fresh;
}
