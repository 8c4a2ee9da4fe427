import { describe, expect, test } from '@jest/globals';
import { createCsrf } from '../../../src/platform/web/csrf.js';
import { createOriginRule } from '../../../src/platform/web/origin.js';
import { fakeContext, thrownBy } from './fake-context.js';

const issuer = 'http://localhost:5000';
const origin = createOriginRule({ issuer, acceptedHosts: ['localhost:5000'] });
const csrf = createCsrf({ secretKeys: ['new-secret', 'old-secret'], secure: false, origin });

function openPage(): { cookie: string; token: string } {
  const ctx = fakeContext();
  const token = csrf.token(ctx);
  const [header] = [ctx.response.get('Set-Cookie')].flat();
  return { cookie: String(header).split(';')[0] ?? '', token };
}

const post = (cookie: string, headers = {}) =>
  fakeContext({ method: 'POST', url: '/login', headers: { cookie, origin: issuer, ...headers } });

describe('a form post is refused', () => {
  const { cookie, token } = openPage();
  const other = openPage();

  test.each([
    ['without a cookie', post(''), token],
    ['without a token', post(cookie), undefined],
    ['with an empty token', post(cookie), ''],
    ['with the token of another browser', post(cookie), other.token],
    ['with a cookie of the wrong form', post('postern_browser=x'), token],
    ['from another site, even with a token', post(cookie, { origin: 'https://evil.example' }), token],
    ['from an opaque origin', post(cookie, { origin: 'null' }), token],
    ['marked cross-site', post(cookie, { 'sec-fetch-site': 'cross-site' }), token],
  ])('%s', async (_name, ctx, given) => {
    expect(await thrownBy(() => csrf.require(ctx, { csrf: given }))).toMatchObject({ status: 403 });
  });

  test('without an Origin header and without a token', async () => {
    const ctx = fakeContext({ method: 'POST', headers: { cookie } });
    expect(await thrownBy(() => csrf.require(ctx, {}))).toMatchObject({ code: 'csrf' });
  });
});

describe('a form post of our own page passes', () => {
  const { cookie, token } = openPage();

  test('with Origin', () => csrf.require(post(cookie), { csrf: token }));
  test('without Origin', () =>
    csrf.require(fakeContext({ method: 'POST', headers: { cookie } }), { csrf: token }));

  test('when it was opened under the previous SECRET_KEY', () => {
    const before = createCsrf({ secretKeys: ['old-secret'], secure: false, origin });
    const ctx = fakeContext({ headers: { cookie } });
    csrf.require(post(cookie), { csrf: before.token(ctx) });
  });
});

describe('the cookie', () => {
  test('is set once per response and kept afterwards', () => {
    const ctx = fakeContext();
    expect(csrf.token(ctx)).toBe(csrf.token(ctx));
    expect([ctx.response.get('Set-Cookie')].flat()).toHaveLength(1);
    const again = fakeContext({ headers: { cookie: openPage().cookie } });
    csrf.token(again);
    expect(again.response.get('Set-Cookie')).toBeFalsy();
  });

  test('is host-only and Secure under https, where Koa sees no TLS either', () => {
    const secure = createCsrf({ secretKeys: ['s'], secure: true, origin });
    const ctx = fakeContext();
    secure.token(ctx);
    expect(String(ctx.response.get('Set-Cookie'))).toMatch(
      /^__Host-postern_browser=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    );
  });

  test('never equals the token', () => {
    const { cookie, token } = openPage();
    expect(cookie).not.toContain(token);
  });
});
