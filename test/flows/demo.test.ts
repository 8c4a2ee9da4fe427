import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, type Page } from '../support/browser.js';
import { getWith, newPkce, post, signIn } from '../support/flow.js';
import { startServer, type TestServer } from '../support/server.js';

/** "Try the flow": the demo is a client like any other, and shows a token to nobody but its person. */

const CLIENT_ID = 'postern-demo';

let server: TestServer;
let aliceId: string;
beforeAll(async () => {
  server = await startServer({ SIGN_UP: 'open' });
  aliceId = (await server.createAccount('alice', { email: 'alice@example.org' })).id;
  await server.createAccount('bob');
});
afterAll(() => server.close());

const tokenOf = (page: Page): string => /id="access-token">([^<]+)</.exec(page.text)?.[1] ?? '';

/** Up to the answer at the callback, which is not sent yet. */
async function toAnswer(
  browser: Browser,
  username = 'alice',
  onTheWay = (asked: URL) => asked,
): Promise<URL> {
  const begun = await browser.get(server.url('/demo'));
  let page = await browser.get(onTheWay(new URL(begun.location ?? '')).href);
  while (page.location && !page.location.includes('/demo/callback')) page = await browser.get(page.location);
  if (page.text.includes('/login"')) {
    page = await browser.submit(page, '/login', { username, password: 'correct horse battery staple' });
    while (page.location && !page.location.includes('/demo/callback'))
      page = await browser.get(page.location);
  }
  page = await browser.submit(page, '/consent', { decision: 'allow' });
  while (page.location && !page.location.includes('/demo/callback')) page = await browser.get(page.location);
  return new URL(page.location ?? '');
}

describe('an answer is refused', () => {
  async function expectRefused(page: Page): Promise<void> {
    expect(page.status).toBe(400);
    expect(page.text).toContain('belongs to another attempt');
    expect(page.text).toContain('href="/demo"');
    expect(tokenOf(page)).toBe('');
  }

  test('without an attempt', async () => {
    await expectRefused(await createBrowser().get(server.url('/demo/callback?code=x&state=y')));
  });

  test('in another browser than the one that asked (A4: a code injected)', async () => {
    const victim = createBrowser();
    await signIn(server, victim, 'bob');
    const answer = await toAnswer(createBrowser());
    await expectRefused(await victim.get(answer.href));
    await victim.get(server.url('/demo'));
    await expectRefused(await victim.get(answer.href));
  });

  test.each([
    ['state', 'wrong'],
    ['iss', 'https://evil.example'],
    ['code', 'wrong'],
  ])('with a foreign %s', async (name, value) => {
    const browser = createBrowser();
    const answer = await toAnswer(browser);
    answer.searchParams.set(name, value);
    await expectRefused(await browser.get(answer.href));
  });

  test('whose ID Token carries another nonce than the one that was sent', async () => {
    const browser = createBrowser();
    const answer = await toAnswer(browser, 'alice', (asked) => {
      asked.searchParams.set('nonce', 'of-somebody-else');
      return asked;
    });
    // State, issuer, code and PKCE are all right.
    expect(answer.searchParams.get('code')).toBeTruthy();
    await expectRefused(await browser.get(answer.href));
  });

  test('a second time, which does not cost the tokens of the first', async () => {
    const browser = createBrowser();
    const answer = await toAnswer(browser);
    const token = tokenOf(await browser.get(answer.href));
    await expectRefused(await browser.get(answer.href));
    expect((await getWith(server, '/api/me', token)).status).toBe(200);
  });

  test('when the attempt took too long', async () => {
    const browser = createBrowser();
    const answer = await toAnswer(browser);
    server.clock.advance(3601);
    await expectRefused(await browser.get(answer.href));
  });

  test('when somebody else is signed in by then', async () => {
    const browser = createBrowser();
    const answer = await toAnswer(browser);
    await signIn(server, browser, 'bob');
    await expectRefused(await browser.get(answer.href));
  });

  test('when the browser holds another one’s session by then, and Alice’s lives on elsewhere', async () => {
    const [alice, bob] = [createBrowser(), createBrowser()];
    const answer = await toAnswer(alice);
    await signIn(server, bob, 'bob');
    const mixed = [
      `postern_demo=${alice.cookie('postern_demo')}`,
      ...['postern_session', 'postern_session.sig'].map((name) => `${name}=${bob.cookie(name)}`),
    ];
    await expectRefused(await createBrowser().get(answer.href, { cookie: mixed.join('; ') }));
  });
});

test('Deny leads to a page that says so, with a way to try again', async () => {
  const browser = createBrowser();
  await signIn(server, browser, 'bob');
  const consent = await browser.follow(await browser.get(server.url('/demo')), server.issuer);
  const page = await browser.follow(
    await browser.submit(consent, '/consent', { decision: 'deny' }),
    server.issuer,
  );
  expect(page.status).toBe(200);
  expect(page.text).toContain('You said no');
  expect(page.text).toContain('href="/demo"');
});

test('the page shows the claims in plain words and command lines that work; nothing of it is stored', async () => {
  const browser = createBrowser();
  const page = await browser.get((await toAnswer(browser)).href);
  expect(page.status).toBe(200);
  expect(page.headers.get('cache-control')).toBe('no-store');
  const text = page.text.replaceAll('&#34;', '"').replaceAll('&#39;', "'");
  for (const claim of ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'name', 'email', 'roles']) {
    expect(text).toContain(`<code>${claim}</code>`);
  }
  expect(text).toContain(`>${aliceId}<`);
  expect(text).toContain('Applications should remember people by it');
  expect(text).not.toContain('A claim of this server’s own.');

  const token = tokenOf(page);
  for (const path of ['/oauth/userinfo', '/api/me']) {
    expect(text).toContain(`curl -H 'Authorization: Bearer ${token}' ${server.issuer}${path}`);
    expect((await getWith(server, path, token)).body).toMatchObject({ email: 'alice@example.org' });
  }
  expect(text).toContain(`curl -d client_id=${CLIENT_ID} -d token=${token} ${server.issuer}/oauth/revoke`);
  const revoked = await post(server, '/oauth/revoke', { client_id: CLIENT_ID, token });
  expect(revoked.status).toBe(200);
  expect((await getWith(server, '/api/me', token)).status).toBe(401);
  expect(server.logs.join()).not.toContain(token);
});

test('consent is shown each time', async () => {
  const browser = createBrowser();
  await toAnswer(browser, 'bob');
  const again = await browser.follow(await browser.get(server.url('/demo')), server.issuer);
  expect(again.text).toContain('name="decision"');
});

describe('the demo client', () => {
  test('goes only to its own callback, with PKCE, and has no other grant', async () => {
    const browser = createBrowser();
    const ask = (params: Record<string, string>) =>
      browser.get(
        server.url(
          `/oauth/authorize?${new URLSearchParams({
            client_id: CLIENT_ID,
            response_type: 'code',
            scope: 'openid',
            redirect_uri: server.url('/demo/callback'),
            ...params,
          })}`,
        ),
      );
    expect((await ask({ redirect_uri: 'https://evil.example/cb' })).status).toBe(400);
    expect((await ask({})).location).toContain('error=invalid_request');
    const { challenge } = newPkce();
    const other = { code_challenge: challenge, code_challenge_method: 'S256', response_type: 'id_token' };
    expect((await ask({ ...other, nonce: 'n' })).location).toContain('error=');
    for (const grant_type of ['client_credentials', 'password', 'refresh_token']) {
      const { status } = await post(server, '/oauth/token', { grant_type, client_id: CLIENT_ID });
      expect(status).toBe(400);
    }
  });

  test('is nobody’s: not listed, not shown, not removed', async () => {
    const { clients } = server.container;
    expect((await clients.listAll()).map(({ clientId }) => clientId)).not.toContain(CLIENT_ID);
    const browser = createBrowser();
    await signIn(server, browser);
    expect((await browser.get(server.url(`/clients/${CLIENT_ID}`))).status).toBe(404);
    expect(await clients.remove(CLIENT_ID)).toBe(false);
    expect(await clients.find(CLIENT_ID)).toBeDefined();
  });

  test('is not there where only administrators make clients', async () => {
    const own = await startServer({ CLIENT_CREATION: 'admins' });
    try {
      const browser = createBrowser();
      expect((await browser.get(own.url('/demo'))).status).toBe(404);
      expect((await browser.get(own.url('/'))).text).not.toContain('Try the flow');
      const page = await browser.get(own.url(`/oauth/authorize?client_id=${CLIENT_ID}&response_type=code`));
      expect(page.status).toBe(400);
      expect(await own.container.clients.find(CLIENT_ID)).toBeUndefined();
    } finally {
      await own.close();
    }
  });
});

test('the home page tells how the server is doing, and when its database does not answer', async () => {
  const page = await createBrowser().get(server.url('/'));
  expect(page.text).toContain('<span class="state">ok</span>');
  for (const { kid } of server.container.loadedKeys) expect(page.text).toContain(kid);
  const own = await startServer();
  try {
    await own.container.database.close();
    expect((await createBrowser().get(own.url('/'))).text).toContain('does not answer');
  } finally {
    await own.close();
  }
});
