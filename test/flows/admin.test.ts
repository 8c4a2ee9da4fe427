/** `/admin`: for administrators, to read; no token in it (seed row 106). */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser } from '../support/browser.js';
import { signIn } from '../support/flow.js';
import { startServer, type TestServer } from '../support/server.js';

const PATHS = ['/admin', '/admin/linked-accounts', '/admin/upstream-tokens'];
const TOKEN = 'an-access-token-of-the-lab-wxyz';

let server: TestServer;
let admin: Browser;
let ann: { id: string; username: string };

beforeAll(async () => {
  server = await startServer();
  await server.createAccount('root', { roles: ['admin'] });
  ann = await server.createAccount('ann');
  admin = createBrowser();
  await signIn(server, admin, 'root');
  const { identities, upstreamSide } = server.container;
  const at = server.clock.now();
  for (let number = 0; number < 60; number += 1) {
    const name = String(number).padStart(2, '0');
    const accountId = number === 7 ? ann.id : `account-${name}`;
    await identities.write([
      identities.insertStep({
        id: `identity-${name}`,
        accountId,
        issuer: 'https://lab.example',
        subject: number === 7 ? '<script>alert(1)</script>' : `subject-${name}`,
        upstreamId: 'lab',
        attributes: {},
        extra: {},
        linkedBy: 'link',
        createdAt: at,
        updatedAt: at,
      }),
    ]);
    await upstreamSide.access.vault.keep(accountId, 'lab', {
      accessToken: TOKEN,
      refreshToken: 'short',
      idToken: 'the-id-token-of-the-lab',
    });
  }
});
afterAll(() => server.close());

const open = (path: string, browser = admin) => browser.get(server.url(path));
const rowsOf = (text: string) => (text.match(/<th scope="row"/g) ?? []).length;

describe.each(PATHS)('%s', (path) => {
  test('is for administrators: strangers sign in first, others are refused', async () => {
    const stranger = await open(path, createBrowser());
    expect(stranger.status).toBe(303);
    expect(stranger.location).toBe(server.url(`/login?next=${encodeURIComponent(path)}`));
    const browser = createBrowser();
    await signIn(server, browser, 'ann');
    const refused = await open(path, browser);
    expect(refused.status).toBe(403);
    expect(refused.text).not.toContain('lab');
    expect((await browser.get(server.url('/'))).text).not.toContain('href="/admin"');
  });

  test('is not stored, and changes nothing', async () => {
    const page = await open(path);
    expect(page.status).toBe(200);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect((await admin.post(server.url(path), {})).status).toBe(405);
  });
});

test('who lost the role is refused at once', async () => {
  const { id } = await server.createAccount('former', { roles: ['admin'] });
  const browser = createBrowser();
  await signIn(server, browser, 'former');
  expect((await open('/admin', browser)).status).toBe(200);
  await server.container.roles.revokeRole(id, 'admin', { actorId: 'cli' });
  expect((await open('/admin', browser)).status).toBe(403);
});

test('administrators find it at the head of every page, with its sections', async () => {
  expect((await open('/')).text).toContain('<a href="/admin">Administration</a>');
  const { text } = await open('/admin');
  for (const path of PATHS.slice(1)) expect(text).toContain(`href="${path}"`);
});

describe('row 106', () => {
  test('tokens are listed with their last four characters at most', async () => {
    const { text } = await open('/admin/upstream-tokens?account=ann');
    expect(rowsOf(text)).toBe(1);
    expect(text).toContain('…wxyz');
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain(TOKEN.slice(-5));
    // Of a short one, four characters would be most of it.
    expect(text).not.toContain('hort');
    expect(text).not.toContain('the-id-token');
  });

  test('linked accounts are listed, what upstreams said escaped', async () => {
    const { text } = await open('/admin/linked-accounts?account=ANN');
    expect(rowsOf(text)).toBe(1);
    expect(text).toContain('&lt;script&gt;');
    expect(text).not.toContain('<script>alert');
  });

  test.each(['/admin/linked-accounts', '/admin/upstream-tokens'])(
    '%s comes a page at a time',
    async (path) => {
      const first = await open(path);
      expect(rowsOf(first.text)).toBe(50);
      const next = /href="([^"]*after=[^"]*)"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
      const second = await open(next);
      expect(rowsOf(second.text)).toBe(10);
      expect(second.text).not.toContain('after=');
      expect(second.text).toContain(`href="${path}"`);
    },
  );

  test.each(['nobody', `${'x'.repeat(500)}`, '%00', "' or 1=1 --"])(
    'a search for %s finds nobody',
    async (account) => {
      for (const path of PATHS.slice(1)) {
        const { status, text } = await open(`${path}?account=${encodeURIComponent(account)}&after=a&after=b`);
        expect(status).toBe(200);
        expect(text).toContain('There is no such account.');
        expect(rowsOf(text)).toBe(0);
      }
    },
  );

  test.each(['after=', 'after=a', 'after=a+b+c', 'account=', 'account=%00'])(
    '?%s is no fault',
    async (query) => {
      for (const path of PATHS.slice(1)) expect((await open(`${path}?${query}`)).status).toBe(200);
    },
  );
});
