import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import { getWith, introspect, post, refresh } from '../support/flow.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';
import { later, realTime } from '../support/time.js';

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const METADATA = {
  client_name: 'Living room television',
  grant_types: [DEVICE_CODE, 'refresh_token'],
  response_types: [],
  redirect_uris: [],
  token_endpoint_auth_method: 'none',
  scope: 'openid profile offline_access',
};

let server: TestServer;
let client: TestClient;

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('alice');
  client = await server.createClient(METADATA);
});
afterEach(realTime);
afterAll(() => server.close());

interface Started {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete: string;
  readonly expires_in: number;
  readonly interval?: number;
}

async function start(
  of = client,
  form: Record<string, string> = { scope: 'openid profile' },
): Promise<Started> {
  const answer = await post(server, '/oauth/device_authorization', form, of);
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}

const poll = (device_code: string, of = client) =>
  post(server, '/oauth/token', { grant_type: DEVICE_CODE, device_code }, of);

async function enter(browser: Browser, user_code: string): Promise<Page> {
  const page = await browser.get(server.url('/oauth/device'));
  return browser.submit(page, '/oauth/device', { user_code });
}

async function approve({ user_code }: Started, browser = createBrowser()): Promise<void> {
  const done = await approvedPage(user_code, browser);
  if (!done.text.includes('Your device is connected')) throw new Error(`${done.status}: ${done.text}`);
}

/** `walk` presses Allow as long as pages ask; the last page has nothing to press. */
async function approvedPage(user_code: string, browser: Browser, username = 'alice'): Promise<Page> {
  let page = await browser.submit(await enter(browser, user_code), '/oauth/device', { confirm: 'yes' });
  page = await browser.follow(page, server.issuer);
  for (const [action, fields] of [
    ['/login', { username, password: 'correct horse battery staple' }],
    ['/consent', { decision: 'allow' }],
  ] as const) {
    if (!page.text.includes(`${action}"`)) continue;
    page = await browser.follow(await browser.submit(page, action, fields), server.issuer);
  }
  return page;
}

const refusal = (error: string) => ({ status: 400, body: { error } });

test('a device that is approved while all access to the account ends gets nothing', async () => {
  const { container } = server;
  const { id } = await server.createAccount('device-owner');
  const box = await server.createClient({ ...METADATA, token_endpoint_auth_method: 'client_secret_basic' });
  const browser = createBrowser();
  const scope = 'openid profile offline_access';
  await approvedPage((await start(box, { scope })).user_code, browser, 'device-owner');
  const started = await start(box, { scope });
  const apply = container.payloads.apply.bind(container.payloads);
  let ended = 0;
  const applied = jest.spyOn(container.payloads, 'apply').mockImplementation(async (unit) => {
    const approves = [...unit.put.values()].some((row) => row?.kind === 'DeviceCode' && row.accountId === id);
    if (approves) await container.endAccess(id);
    ended += Number(approves);
    return apply(unit);
  });
  await approvedPage(started.user_code, browser, 'device-owner');
  applied.mockRestore();
  expect(ended).toBe(1);
  expect((await poll(started.device_code, box)).status).toBe(400);
  expect(await container.payloads.revokeGrants({ accountId: id }, server.clock.now())).toBe(0);
});

describe('starting (RFC 8628 §3.1, §3.2)', () => {
  test('refused: an unknown client, one without the grant, a wrong secret', async () => {
    const unknown = await post(server, '/oauth/device_authorization', { client_id: 'nobody' });
    expect(unknown).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const plain = await server.createClient();
    const without = await post(server, '/oauth/device_authorization', {}, plain);
    expect(without.status).toBe(400);
    expect(['unauthorized_client', 'invalid_request']).toContain(without.body.error);
    const secret = await post(server, '/oauth/device_authorization', {}, { ...plain, secret: 'wrong' });
    expect(secret).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  test('an answer with everything a device needs, addresses at the issuer', async () => {
    const started = await start();
    expect(started).toMatchObject({ expires_in: 600, verification_uri: server.url('/oauth/device') });
    expect(started.interval ?? 5).toBe(5);
    expect(started.device_code).toMatch(/^[\w-]{43,}$/);
    expect(started.user_code).toMatch(/^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
    expect(started.verification_uri_complete).toBe(
      `${server.url('/oauth/device')}?user_code=${started.user_code}`,
    );
  });

  test('multipart is taken here too', async () => {
    const form = new FormData();
    form.set('client_id', client.clientId);
    const response = await fetch(server.url('/oauth/device_authorization'), { method: 'POST', body: form });
    expect(response.status).toBe(200);
  });
});

describe('the whole way', () => {
  test('code typed in, confirmed, signed in, agreed: the next poll has tokens, and only that one', async () => {
    await server.createAccount('carol');
    const started = await start();
    expect(await poll(started.device_code)).toMatchObject(refusal('authorization_pending'));

    const browser = createBrowser();
    const shown = await enter(browser, started.user_code.toLowerCase().replace('-', ' '));
    expect(shown.status).toBe(200);
    expect(shown.text).toContain('Living room television');
    expect(shown.text).toContain(started.user_code);
    const next = await browser.follow(
      await browser.submit(shown, '/oauth/device', { confirm: 'yes' }),
      server.issuer,
    );
    expect(next.text).toContain('name="password"');
    const consent = await browser.follow(
      await browser.submit(next, '/login', { username: 'carol', password: 'correct horse battery staple' }),
      server.issuer,
    );
    expect(consent.text).toContain('Living room television');
    server.clock.advance(5);
    expect(await poll(started.device_code)).toMatchObject(refusal('authorization_pending'));
    const done = await browser.follow(
      await browser.submit(consent, '/consent', { decision: 'allow' }),
      server.issuer,
    );
    expect(done.text).toContain('Your device is connected');

    server.clock.advance(5);
    const tokens = await poll(started.device_code);
    expect(tokens).toMatchObject({ status: 200, body: { token_type: 'Bearer', scope: 'openid profile' } });
    expect(tokens.body).toHaveProperty('id_token');
    expect((await getWith(server, '/api/me', tokens.body.access_token)).body).toMatchObject({
      username: 'carol',
    });

    server.clock.advance(5);
    expect(await poll(started.device_code)).toMatchObject(refusal('invalid_grant'));
    expect((await getWith(server, '/api/me', tokens.body.access_token)).status).toBe(401);
    expect(await refresh(server, client, tokens.body.refresh_token)).toMatchObject(refusal('invalid_grant'));
  });

  test('Deny on the consent page: access_denied at the device', async () => {
    await server.createAccount('bob');
    const started = await start();
    const browser = createBrowser();
    let page = await browser.submit(await enter(browser, started.user_code), '/oauth/device', {
      confirm: 'yes',
    });
    page = await browser.follow(page, server.issuer);
    page = await browser.submit(page, '/login', {
      username: 'bob',
      password: 'correct horse battery staple',
    });
    page = await browser.follow(page, server.issuer);
    page = await browser.follow(await browser.submit(page, '/consent', { decision: 'deny' }), server.issuer);
    expect(page.text).not.toContain('Your device is connected');
    expect(page.status).toBeLessThan(500);
    expect(await poll(started.device_code)).toMatchObject(refusal('access_denied'));
  });

  test('"No, stop" on the confirmation page: access_denied at the device', async () => {
    const started = await start();
    const browser = createBrowser();
    const page = await browser.submit(await enter(browser, started.user_code), '/oauth/device', {
      abort: 'yes',
    });
    expect(page.text).toContain('The device was not connected');
    expect(await poll(started.device_code)).toMatchObject(refusal('access_denied'));
  });

  test('a code is used once: typed in again it is refused, on the page as well', async () => {
    const started = await start();
    await approve(started);
    const again = await enter(createBrowser(), started.user_code);
    expect(again.status).toBe(400);
    expect(again.text).toContain('used already');
  });

  test('a code that ran out: expired_token at the device, a sentence on the page', async () => {
    const started = await start();
    later(601);
    expect(await poll(started.device_code)).toMatchObject(refusal('expired_token'));
    const page = await enter(createBrowser(), started.user_code);
    expect(page.status).toBe(400);
    expect(page.text).toContain('expired');
  });
});

describe('A67: polling', () => {
  test('by another client, or with an unknown code, is invalid_grant; the code is none the worse', async () => {
    const other = await server.createClient(METADATA);
    const started = await start();
    await approve(started);
    expect(await poll(started.device_code, other)).toMatchObject(refusal('invalid_grant'));
    expect(await poll('no-such-code')).toMatchObject(refusal('invalid_grant'));
    expect(await post(server, '/oauth/token', { grant_type: DEVICE_CODE }, client)).toMatchObject(
      refusal('invalid_request'),
    );
    expect((await poll(started.device_code)).status).toBe(200);
  });

  test('too often is slow_down, and each adds five seconds for good (RFC 8628 §3.5)', async () => {
    const { device_code } = await start();
    const said = async (afterSeconds: number) => {
      server.clock.advance(afterSeconds);
      return (await poll(device_code)).body.error;
    };
    expect(await said(0)).toBe('authorization_pending');
    expect(await said(1)).toBe('slow_down');
    expect(await said(6)).toBe('slow_down');
    expect(await said(15)).toBe('authorization_pending');
    expect(await said(11)).toBe('slow_down');
    expect(await said(20)).toBe('authorization_pending');
    expect(await said(20)).toBe('authorization_pending');
  });

  test('a device that keeps to its interval never hears slow_down', async () => {
    const { device_code } = await start();
    for (let n = 0; n < 4; n += 1) {
      expect(await poll(device_code)).toMatchObject(refusal('authorization_pending'));
      server.clock.advance(5);
    }
  });
});

describe('A67: guessing user codes', () => {
  // All tests come from one address; an hour later its guesses are forgotten, those of other tests too.
  beforeEach(() => server.clock.advance(3601));
  afterEach(() => server.clock.advance(3601));

  test('five wrong ones in a browser, then 429 with Retry-After, for a right one too', async () => {
    const browser = createBrowser();
    const { user_code, device_code } = await start();
    for (let n = 0; n < 5; n += 1) {
      const page = await enter(browser, `WRNG-BCD${'FGHJK'[n]}`);
      expect(page.status).toBe(400);
      expect(page.text).toContain('not known');
    }
    const blocked = await enter(browser, user_code);
    expect(blocked.status).toBe(429);
    expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThan(3000);
    expect(await poll(device_code)).toMatchObject(refusal('authorization_pending'));
    const elsewhere = await enter(createBrowser(), user_code);
    expect(elsewhere.status).toBe(200);
  });

  test('twenty wrong ones from an address, then 429 for every browser there; an hour later again', async () => {
    const { user_code } = await start();
    for (let n = 0; n < 20; n += 1) {
      const page = await enter(createBrowser(), `WRNG-BC${'BCDFG'[n % 5]}${'BCDF'[Math.floor(n / 5)]}`);
      expect(page.status).toBe(400);
    }
    expect((await enter(createBrowser(), user_code)).status).toBe(429);
    server.clock.advance(3601);
    expect((await enter(createBrowser(), user_code)).status).toBe(200);
  });

  test('right ones do not count', async () => {
    const browser = createBrowser();
    for (let n = 0; n < 7; n += 1) {
      const { user_code } = await start();
      expect((await enter(browser, user_code)).status).toBe(200);
    }
  });

  test('thirty wrong ones at the same moment, from thirty browsers, are not thirty guesses', async () => {
    const forms = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const browser = createBrowser();
        return { browser, form: formOf(await browser.get(server.url('/oauth/device')), '/oauth/device') };
      }),
    );
    const pages = await Promise.all(
      forms.map(({ browser, form }, n) =>
        browser.post(form.action, { ...form.fields, user_code: `WRNG-${1000 + n}` }),
      ),
    );
    expect(pages.filter(({ text }) => text.includes('not known'))).toHaveLength(20);
    expect(pages.filter(({ status }) => status === 429)).toHaveLength(10);
  });
});

describe('A68: phishing with the complete address', () => {
  test('verification_uri_complete shows the code and wants it confirmed before any sign-in', async () => {
    const started = await start();
    const browser = createBrowser();
    const opened = await browser.get(started.verification_uri_complete);
    expect(opened.status).toBe(200);
    const shown = await browser.submit(opened, '/oauth/device');
    expect(shown.status).toBe(200);
    expect(shown.text).toContain(started.user_code);
    expect(shown.text).toContain('Living room television');
    expect(shown.text).not.toContain('name="password"');
    expect(await poll(started.device_code)).toMatchObject(refusal('authorization_pending'));
    const signIn = await browser.follow(
      await browser.submit(shown, '/oauth/device', { confirm: 'yes' }),
      server.issuer,
    );
    expect(signIn.text).toContain('name="password"');
  });

  test('a confirmation without the form of this browser is refused', async () => {
    const started = await start();
    const browser = createBrowser();
    await browser.get(server.url('/oauth/device'));
    const forged = await browser.post(server.url('/oauth/device'), {
      user_code: started.user_code,
      confirm: 'yes',
      xsrf: 'guessed',
    });
    expect(forged.status).toBeGreaterThanOrEqual(400);
    expect(forged.status).toBeLessThan(500);
    const { action, fields } = formOf(await browser.get(server.url('/oauth/device')), '/oauth/device');
    const foreign = await browser.post(
      action,
      { ...fields, user_code: started.user_code, confirm: 'yes' },
      { origin: 'https://evil.example' },
    );
    expect(foreign.status).toBe(403);
    expect(await poll(started.device_code)).toMatchObject(refusal('authorization_pending'));
  });
});

describe('addresses and lifetimes', () => {
  test('/oauth/device/<anything> is 404, never a 500 (library-notes 19)', async () => {
    const fresh = createBrowser();
    const used = createBrowser();
    await used.get(server.url('/oauth/device'));
    for (const browser of [fresh, used]) {
      for (const path of ['x', 'aaaaaaaaaaaaaaaaaaaaa', 'resume', '%2e%2e', 'x/y']) {
        const { status } = await browser.get(server.url(`/oauth/device/${path}`));
        expect([path, status]).toEqual([path, 404]);
      }
    }
  });

  test('the refresh token lives for its idle time, whatever becomes of the browser that agreed', async () => {
    const started = await start();
    const browser = createBrowser();
    await approve(started, browser);
    const tokens = (await poll(started.device_code)).body;
    await browser.submit(await browser.get(server.url('/logout')), '/logout', { logout: 'yes' });
    const again = await refresh(server, client, tokens.refresh_token);
    expect(again.status).toBe(200);
    expect((await getWith(server, '/oauth/userinfo', again.body.access_token)).status).toBe(200);
    later(14 * 86_400 + 1);
    expect(await refresh(server, client, again.body.refresh_token)).toMatchObject(refusal('invalid_grant'));
  });

  test('consent is remembered for the next device; more scope is asked for again', async () => {
    await approve(await start());
    const browser = createBrowser();
    const again = await start();
    let page = await browser.submit(await enter(browser, again.user_code), '/oauth/device', {
      confirm: 'yes',
    });
    page = await browser.follow(page, server.issuer);
    page = await browser.submit(page, '/login', {
      username: 'alice',
      password: 'correct horse battery staple',
    });
    page = await browser.follow(page, server.issuer);
    expect(page.text).toContain('Your device is connected');
    const wider = await start(client, { scope: 'openid profile offline_access' });
    page = await browser.submit(await enter(browser, wider.user_code), '/oauth/device', { confirm: 'yes' });
    page = await browser.follow(page, server.issuer);
    expect(page.text).toContain('/consent"');
  });

  test('scopes that the client may not have are cut (seed row 85)', async () => {
    const started = await start(client, { scope: 'openid profile email admin' });
    await approve(started);
    expect((await poll(started.device_code)).body.scope).toBe('openid profile');
  });

  test('a confidential device client must authenticate at the poll too', async () => {
    const box = await server.createClient({ ...METADATA, token_endpoint_auth_method: 'client_secret_basic' });
    const started = await start(box);
    await approve(started);
    const asPublic = await poll(started.device_code, { ...box, secret: '' });
    expect(asPublic).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const tokens = await poll(started.device_code, box);
    expect(tokens.status).toBe(200);
    expect(await introspect(server, box, tokens.body.access_token)).toMatchObject({ active: true });
  });
});
