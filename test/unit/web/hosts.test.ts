import { describe, expect, test } from '@jest/globals';
import type { Context } from 'koa';
import { type HostSettings, hosts } from '../../../src/platform/web/hosts.js';
import { type FakeRequest, fakeContext, thrownBy } from './fake-context.js';

const LOOPBACK: HostSettings = {
  issuer: 'http://localhost:5000',
  loopback: true,
  acceptedHosts: ['localhost:5000', '127.0.0.1:5000', '[::1]:5000'],
  internalHosts: [],
};
const PUBLIC: HostSettings = {
  issuer: 'https://id.example',
  loopback: false,
  acceptedHosts: ['id.example', 'apps.example'],
  internalHosts: ['postern', 'postern.svc:5000'],
};

async function ask(
  settings: HostSettings,
  host: string,
  url = '/',
  more: FakeRequest = {},
): Promise<Context> {
  const ctx = fakeContext({ url, ...more, headers: { host, accept: 'text/html', ...more.headers } });
  await hosts(settings)(ctx, async () => {
    ctx.body = 'reached';
  });
  return ctx;
}

describe('a host that cannot be read is refused', () => {
  test.each([
    'evil:fake@127.0.0.1:5000',
    'localhost:5000/path',
    'localhost:5000, evil.example',
    'localhost:99999',
    'localhost.:5000',
    'local host',
    '',
    '[::1',
    'a'.repeat(5000),
  ])('%s', async (host) => {
    expect(await thrownBy(() => ask(LOOPBACK, host))).toMatchObject({ status: 400 });
  });

  test('two Host headers', async () => {
    const ctx = fakeContext();
    ctx.req.rawHeaders = ['Host', 'localhost:5000', 'host', 'evil.example'];
    expect(await thrownBy(() => hosts(LOOPBACK)(ctx, async () => {}))).toMatchObject({ status: 400 });
  });
});

describe('a host that is not ours is misdirected', () => {
  test.each<[HostSettings, string, string]>([
    [LOOPBACK, 'evil.example', '/'],
    [LOOPBACK, 'localhost', '/'],
    [LOOPBACK, 'localhost:5001', '/oauth/token'],
    [PUBLIC, 'id.example:8443', '/'],
    [PUBLIC, 'postern', '/login'],
    [PUBLIC, 'postern', '/.well-known/openid-configuration'],
    [PUBLIC, 'postern', '/oauth/token/'],
    [PUBLIC, '127.0.0.1:5000', '/oauth/token'],
  ])('case %#', async (settings, host, url) => {
    expect(await thrownBy(() => ask(settings, host, url))).toMatchObject({ status: 421 });
  });

  test('an absolute request target wins over a right Host', async () => {
    const act = () => ask(PUBLIC, 'id.example', 'http://evil.example/.well-known/openid-configuration');
    expect(await thrownBy(act)).toMatchObject({ status: 421 });
  });

  test('an absolute target with user information is refused', async () => {
    expect(await thrownBy(() => ask(PUBLIC, 'id.example', 'https://evil@id.example/'))).toMatchObject({
      status: 400,
    });
  });
});

describe('our own names', () => {
  test.each([
    [PUBLIC, 'id.example', '/'],
    [PUBLIC, 'ID.example:443', '/'],
    [PUBLIC, 'apps.example', '/auth/login'],
    [PUBLIC, 'postern', '/oauth/token'],
    [PUBLIC, 'postern:5000', '/oauth/introspect'],
    [PUBLIC, 'postern.svc:5000', '/jwks'],
    [PUBLIC, 'whatever.example', '/livez'],
    [PUBLIC, 'evil:fake@x', '/readyz'],
    [LOOPBACK, 'localhost:5000', '/login'],
  ])('case %#', async (settings, host, url) => {
    expect((await ask(settings, host, url)).body).toBe('reached');
  });

  test('an absolute target becomes a plain path', async () => {
    const ctx = await ask(PUBLIC, 'other.example', 'https://id.example/a?b=c');
    expect([ctx.body, ctx.url]).toEqual(['reached', '/a?b=c']);
  });
});

describe('another loopback name', () => {
  test.each(['127.0.0.1:5000', '[::1]:5000'])(
    '%s: a page moves to the issuer before a cookie is set',
    async (host) => {
      const ctx = await ask(LOOPBACK, host, '/oauth/authorize?client_id=x&state=a%2Fb');
      expect(ctx.status).toBe(302);
      expect(ctx.response.get('Location')).toBe(
        'http://localhost:5000/oauth/authorize?client_id=x&state=a%2Fb',
      );
    },
  );

  test('a path that looks like a host stays on the issuer', async () => {
    const ctx = await ask(LOOPBACK, '127.0.0.1:5000', '//evil.example/');
    expect(new URL(ctx.response.get('Location')).host).toBe('localhost:5000');
  });

  test.each([
    '/oauth/token',
    '/oauth/revoke',
    '/oauth/introspect',
    '/oauth/userinfo',
    '/oauth/jwks.json',
    '/jwks',
    '/api/me',
    '/.well-known/openid-configuration',
    '/.well_known/openid-configuration',
  ])('%s is answered', async (url) => {
    expect((await ask(LOOPBACK, '127.0.0.1:5000', url)).body).toBe('reached');
  });
});
