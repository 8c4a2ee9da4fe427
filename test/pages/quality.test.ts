import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import type { LinkPurpose } from '../../src/accounts/links.js';
import { post } from '../support/flow.js';
import { linkFor } from '../support/links.js';
import {
  focusFaults,
  launch,
  mirror,
  overflow,
  seriousFaults,
  shoot,
  type Watched,
  watch,
} from '../support/pages.js';
import { PASSWORD, REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';

/** Every page measured: accessibility (WCAG 2.2 AA), both colour schemes, small screens, nothing from outside. */

let browser: Browser;
let server: TestServer;
let client: TestClient;
let device: TestClient;
let clientPage: string;

beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), startServer({ SIGN_UP: 'open' })]);
  const alice = await server.createAccount('alice', { displayName: 'Alice', email: 'alice@example.org' });
  await server.createAccount('starter', { mustChangePassword: true });
  await server.createAccount('empty');
  await server.createAccount('root', { roles: ['admin'] });
  await server.container.upstreamSide.access.vault.keep(alice.id, `lab-${'long'.repeat(12)}`, {
    accessToken: 'an access token of the lab',
    expiresAt: server.clock.now(),
  });
  client = await server.createClient(
    { client_name: 'W'.repeat(90), client_uri: `https://app.example/${'long'.repeat(40)}` },
    { owner: alice.id },
  );
  clientPage = `/clients/${client.clientId}`;
  device = await server.createClient({
    redirect_uris: [],
    response_types: [],
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
    token_endpoint_auth_method: 'none',
    scope: 'openid profile',
  });
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

async function signIn(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await press(page, 'Sign in');
}

const authorizeAddress = (params: Record<string, string> = {}) =>
  server.url(
    `/oauth/authorize?${new URLSearchParams({
      client_id: client.clientId,
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      scope: 'openid profile email offline_access',
      ...params,
    })}`,
  );

async function deviceCode(): Promise<string> {
  const { body } = await post(server, '/oauth/device_authorization', { scope: 'openid profile' }, device);
  return body.user_code;
}

const open = (path: string) => async (page: Page) => void (await page.goto(server.url(path)));

async function openSignedIn(page: Page, path: string): Promise<void> {
  await page.goto(server.url(`/login?next=${encodeURIComponent(path)}`));
  await signIn(page, 'alice');
}
/** Opens what a mail would bring. */
async function openLink(page: Page, purpose: LinkPurpose): Promise<void> {
  const email = `${'long'.repeat(15)}@example.org`;
  const account =
    (await server.container.accounts.findByUsernameKey('mailed')) ??
    (await server.createAccount('mailed', { email }));
  await page.goto(server.url(await linkFor(server, purpose, { accountId: account.id, email })));
}
const administering = (path: string) => async (page: Page) => {
  await page.goto(server.url(`/login?next=${encodeURIComponent(path)}`));
  await signIn(page, 'root');
};
const signedIn = (path: string) => (page: Page) => openSignedIn(page, path);

/** How to get to each page in a browser that has seen nothing yet, and its heading there. */
const PAGES: readonly [name: string, heading: RegExp, open: (page: Page) => Promise<void>][] = [
  ['home', /One sign-in/, open('/')],
  ['login', /Sign in/, open('/login')],
  [
    'login-refused',
    /Sign in/,
    async (page) => {
      await open('/login')(page);
      await signIn(page, 'nobody-here');
    },
  ],
  ['signup', /Create an account/, open('/signup')],
  [
    'signup-refused',
    /Create an account/,
    async (page) => {
      await open('/signup')(page);
      await page.getByLabel('Username').fill('alice');
      await page.getByLabel('Password', { exact: true }).fill('password');
      await press(page, 'Create account');
    },
  ],
  [
    'set-password',
    /Choose a new password/,
    async (page) => {
      await open('/login')(page);
      await signIn(page, 'starter');
    },
  ],
  ['home-signed-in', /Hello, Alice/, signedIn('/')],
  [
    'home-empty',
    /Hello, empty/,
    async (page) => {
      await page.goto(server.url('/login'));
      await signIn(page, 'empty');
    },
  ],
  [
    'demo',
    /The flow worked/,
    async (page) => {
      await openSignedIn(page, '/demo');
      await press(page, 'Allow');
    },
  ],
  [
    'demo-declined',
    /You said no/,
    async (page) => {
      await openSignedIn(page, '/demo');
      await press(page, 'Deny');
    },
  ],
  ['demo-stale', /another attempt/, open('/demo/callback?code=x')],
  [
    'set-password-refused',
    /Choose a new password/,
    async (page) => {
      await open('/login')(page);
      await signIn(page, 'starter');
      await page.getByLabel('New password', { exact: true }).fill('password');
      await press(page, 'Save the password');
    },
  ],
  ['account', /Your account/, signedIn('/account')],
  ['account-profile', /Your profile/, signedIn('/account/profile')],
  [
    'account-profile-refused',
    /Your profile/,
    async (page) => {
      await openSignedIn(page, '/account/profile');
      await page.getByLabel('Language').fill('no such tag!');
      await press(page, 'Save the profile');
    },
  ],
  ['account-password', /Change your password/, signedIn('/account/password')],
  [
    'account-password-refused',
    /Change your password/,
    async (page) => {
      await openSignedIn(page, '/account/password');
      await page.getByLabel('Current password', { exact: true }).fill(PASSWORD);
      await page.getByLabel('New password', { exact: true }).fill('password');
      await press(page, 'Save the password');
    },
  ],
  ['admin', /Administration/, administering('/admin')],
  ['admin-upstream-tokens', /Upstream tokens/, administering('/admin/upstream-tokens')],
  ['admin-linked-none', /Linked accounts/, administering('/admin/linked-accounts?account=nobody')],
  ['account-sessions', /Where you are signed in/, signedIn('/account/sessions')],
  ['account-applications-none', /Connected applications/, signedIn('/account/applications')],
  [
    'account-applications',
    /Connected applications/,
    async (page) => {
      await server.createAccount('connected').catch(() => {});
      const connected = await server.container.accounts.findByUsernameKey('connected');
      const agreed = { scopes: ['openid', 'profile', 'email'], claims: ['locale'], resources: {} };
      await server.container.consents.add(connected?.id ?? '', client.clientId, agreed);
      await page.goto(server.url('/login?next=/account/applications'));
      await signIn(page, 'connected');
    },
  ],
  [
    'admin-services',
    /Services and permissions/,
    async (page) => {
      const { services } = server.container.permissionService;
      const by = { actorId: 'cli' };
      const chief = await server
        .createAccount('chief', { roles: ['admin'] })
        .catch(() => server.container.accounts.findByUsernameKey('chief'));
      const name = 'w'.repeat(60);
      await services.create({ name, title: 'W'.repeat(100) }, by).catch(() => {});
      for (const grantee of [
        { kind: 'account', accountId: chief?.id ?? '' },
        { kind: 'role', role: 'admin' },
      ] as const) {
        await services.grant({ service: name, permission: 'p'.repeat(90), grantee }, by);
      }
      await page.goto(server.url('/login?next=/admin/services'));
      await signIn(page, 'chief');
    },
  ],
  ['account-delete', /Delete your account/, signedIn('/account/delete')],
  [
    'account-delete-refused',
    /Delete your account/,
    async (page) => {
      await openSignedIn(page, '/account/delete');
      await page.getByLabel('Your password', { exact: true }).fill('not the one');
      await press(page, 'Delete my account');
    },
  ],
  [
    'keep-account',
    /Keep your account/,
    async (page) => {
      const { id } = await server.createAccount('leaver');
      await server.container.leaving.ask(id, { ip: '127.0.0.1', requestId: 'r' });
      await page.goto(server.url('/login'));
      await signIn(page, 'leaver');
    },
  ],
  ['create-client', /Create a client/, signedIn('/create_client')],
  [
    'create-client-refused',
    /Create a client/,
    async (page) => {
      await openSignedIn(page, '/create_client');
      await page.locator('[name=client_name]').fill('x');
      await page.locator('[name=grant_type]').fill('authorization_code,password');
      await press(page, 'Create client');
    },
  ],
  ['client', /^W+$/, (page) => openSignedIn(page, clientPage)],
  ['client-edit', /Edit the client/, (page) => openSignedIn(page, `${clientPage}/edit`)],
  ['client-delete', /^Delete W+/, (page) => openSignedIn(page, `${clientPage}/delete`)],
  [
    'client-new-secret',
    /^W+$/,
    async (page) => {
      await openSignedIn(page, clientPage);
      await press(page, 'Make a new secret');
    },
  ],
  ['forgot-password', /Forgot your password/, open('/forgot-password')],
  [
    'forgot-password-told',
    /Look into your mailbox/,
    async (page) => {
      await open('/forgot-password')(page);
      await page.getByLabel('Username or e-mail address').fill('nobody-here');
      await press(page, 'Send the mail');
    },
  ],
  [
    'reset-password-refused',
    /Choose a new password/,
    async (page) => {
      await openLink(page, 'reset_password');
      await page.getByLabel('New password', { exact: true }).fill('password');
      await press(page, 'Save the password');
    },
  ],
  ['verify-email', /Confirm your e-mail address/, (page) => openLink(page, 'verify_email')],
  [
    'verify-email-done',
    /The address is confirmed/,
    async (page) => {
      await openLink(page, 'verify_email');
      await press(page, 'Confirm the address');
    },
  ],
  ['confirm-email', /Use this e-mail address/, (page) => openLink(page, 'change_email')],
  ['undo-email-change', /Undo the change of address/, (page) => openLink(page, 'undo_email_change')],
  ['link-ended', /does not work any more/, open('/reset-password?token=x')],
  ['signup-invited', /Create an account/, (page) => openLink(page, 'invitation')],
  ['account-email', /Your e-mail address/, signedIn('/account/email')],
  [
    'account-email-refused',
    /Your e-mail address/,
    async (page) => {
      await openSignedIn(page, '/account/email');
      await page.getByLabel('New address').fill('new@example.org');
      await page.getByLabel('Your password', { exact: true }).fill('not the one');
      await press(page, 'Send the mail');
    },
  ],
  ['logout', /Sign out\?/, signedIn('/logout')],
  ['signed-out', /You are signed out/, open('/logout')],
  ['interaction', /Sign in/, (page) => open(authorizeAddress().slice(server.issuer.length))(page)],
  [
    'consent',
    /^Allow W+… to use your account/,
    async (page) => {
      await page.goto(authorizeAddress());
      await signIn(page, 'alice');
    },
  ],
  ['device', /Connect a device/, open('/oauth/device')],
  [
    'device-confirm',
    /Is this your device/,
    async (page) => {
      await open('/oauth/device')(page);
      await page.getByLabel('Code').fill(await deviceCode());
      await press(page, 'Continue');
    },
  ],
  [
    'device-declined',
    /was not connected/,
    async (page) => {
      await open('/oauth/device')(page);
      await page.getByLabel('Code').fill(await deviceCode());
      await press(page, 'Continue');
      await press(page, 'No, stop');
    },
  ],
  ['not-found', /Page not found/, open('/nothing/here')],
  [
    'wrong-redirect-uri',
    /not registered/,
    (page) =>
      open(
        authorizeAddress({ redirect_uri: `https://evil.example/${'x'.repeat(300)}` }).slice(
          server.issuer.length,
        ),
      )(page),
  ],
  ['expired', /expired/, open('/interaction/nothing-of-the-kind')],
];

describe.each(PAGES)('%s', (name, heading, bring) => {
  test('has nothing serious to fix in light or dark, fits small screens either way round, shows the focus, loads nothing from outside', async () => {
    const { page, complaints, strangers, context }: Watched = await watch(browser, [server.issuer], {
      viewport: { width: 1280, height: 800 },
    });
    await bring(page);
    expect(await page.locator('h1').innerText()).toMatch(heading);
    // Pages that answer 4xx on purpose leave this line, which is the browser's own.
    expect(complaints.filter((line) => !/the server responded with a status of 4\d\d/.test(line))).toEqual(
      [],
    );
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      expect(await seriousFaults(page)).toEqual([]);
      await shoot(page, `${name}-${colorScheme}`);
    }
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await overflow(page)).toBe(0);
    await shoot(page, `${name}-360`);
    // 1280 px at 400 % (WCAG 1.4.10).
    await page.setViewportSize({ width: 320, height: 256 });
    expect(await overflow(page)).toBe(0);
    expect(await focusFaults(page)).toEqual([]);
    await mirror(page);
    expect(await overflow(page)).toBe(0);
    expect(await seriousFaults(page)).toEqual([]);
    await page.setViewportSize({ width: 1280, height: 800 });
    expect(await overflow(page)).toBe(0);
    await shoot(page, `${name}-rtl`);
    expect(strangers).toEqual([]);
    await context.close();
  });
});

describe('with the keyboard alone', () => {
  interface Focused {
    readonly name: string;
    readonly visible: boolean;
  }

  /** Where the focus is, and whether one can see it. As text: the tests know no types of a browser. */
  const focused = (page: Page): Promise<Focused> =>
    page.evaluate(`(() => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const name = element.getAttribute('name') ?? element.getAttribute('aria-label') ?? element.textContent;
      return {
        name: name.trim() === 'decision' ? element.getAttribute('value') : name.trim(),
        visible: (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none',
      };
    })()`);

  async function tabs(page: Page, times: number): Promise<string[]> {
    const names: string[] = [];
    for (let step = 0; step < times; step += 1) {
      await page.keyboard.press('Tab');
      const { name, visible } = await focused(page);
      expect({ name, visible }).toEqual({ name, visible: true });
      names.push(name);
    }
    return names;
  }

  test('sign-in and consent are walked in reading order with a visible focus, and answered', async () => {
    await server.createAccount('keys');
    const { page, context } = await watch(browser, [server.issuer]);
    await page.goto(authorizeAddress());
    expect(await tabs(page, 6)).toEqual([
      'Skip to the content',
      'Postern',
      'username',
      'password',
      'Show password',
      'Sign in',
    ]);
    await page.reload();
    for (let step = 0; step < 3; step += 1) await page.keyboard.press('Tab');
    await page.keyboard.type('keys');
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.waitForSelector('button[name=decision]');
    expect(await tabs(page, 9)).toEqual([
      'Skip to the content',
      'Postern',
      'About the application (new tab)',
      'Not you?',
      'scope:profile',
      'scope:email',
      'scope:offline_access',
      'deny',
      'allow',
    ]);
    const sent = page.waitForRequest((request) => request.url().startsWith(REDIRECT_URI));
    await page.keyboard.press('Enter');
    expect(new URL((await sent).url()).searchParams.get('code')).toBeTruthy();
    await context.close();
  });

  test('a refused form moves the focus to what is wrong, which leads to the field', async () => {
    const { page, context } = await watch(browser, [server.issuer]);
    await page.goto(server.url('/signup'));
    await page.getByLabel('Username').fill('root');
    await page.getByLabel('Password', { exact: true }).fill('long enough here');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.summary');
    expect(await page.evaluate('document.activeElement.className')).toContain('summary');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('username');
    await context.close();
  });
});

describe('the policy of pages', () => {
  test('a script, a style or a frame that is not ours does not run', async () => {
    const { page, complaints, context } = await watch(browser, [server.issuer]);
    await page.goto(server.url('/login'));
    await page.evaluate(`{
      const script = document.createElement('script');
      script.textContent = 'globalThis.injected = true';
      document.body.append(script);
    }`);
    expect(await page.evaluate("'injected' in globalThis")).toBe(false);
    expect(complaints.join()).toContain('Content Security Policy');
    await context.close();
  });

  test('a form of ours that another site sends changes nothing', async () => {
    const { page, context } = await watch(browser, [server.issuer], { bypassCSP: true });
    await page.goto(server.url('/login'));
    await signIn(page, 'alice');
    // A page without a home of its own: its Origin is "null".
    await page.goto('data:text/html,<form method=post></form>');
    const answer = page.waitForResponse((response) => response.url() === server.url('/logout'));
    await page.evaluate(`{
      document.forms[0].action = ${JSON.stringify(server.url('/logout'))};
      document.forms[0].submit();
    }`);
    expect((await answer).status()).toBe(403);
    await page.waitForSelector('h1');
    await page.goto(server.url('/account'));
    expect(await page.locator('h1').innerText()).toBe('Your account');
    await context.close();
  });
});
