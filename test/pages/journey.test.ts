import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { newPkce, post, redeem } from '../support/flow.js';
import { type ClientApp, launch, shoot, startClientApp, type Watched, watch } from '../support/pages.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';

/** The pages as a person uses them, once with JavaScript and once without. */

let browser: Browser;
let app: ClientApp;

beforeAll(async () => {
  [browser, app] = await Promise.all([launch(), startClientApp()]);
});
afterAll(async () => {
  await browser.close();
  await app.close();
});

const heading = (page: Page) => page.locator('h1').innerText();

async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
}

async function signIn(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await press(page, 'Sign in');
}

describe.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('%s', (_name, javaScriptEnabled) => {
  let server: TestServer;
  let person: Watched;
  let client: TestClient;

  const visit = async (): Promise<Watched> =>
    watch(browser, [server.issuer, app.origin], { javaScriptEnabled });

  const clientOf = async (metadata = {}): Promise<TestClient> =>
    server.createClient({ redirect_uris: [app.redirectUri], client_name: 'Photo prints', ...metadata });

  /** An account that is not asked for its consent any more. */
  async function createAgreed(username: string): Promise<void> {
    const { id } = await server.createAccount(username);
    const agreed = { scopes: ['openid', 'profile'], claims: [], resources: {} };
    await server.container.consents.add(id, client.clientId, agreed);
  }

  function authorizeAddress(params: Record<string, string>): string {
    const all = {
      client_id: client.clientId,
      response_type: 'code',
      redirect_uri: app.redirectUri,
      scope: 'openid profile',
      state: 'the-state',
      ...params,
    };
    return server.url(`/oauth/authorize?${new URLSearchParams(all)}`);
  }

  const photograph = (page: Page, name: string) =>
    javaScriptEnabled ? shoot(page, name) : shoot(page, `${name}-nojs`);

  beforeAll(async () => {
    server = await startServer({ SIGN_UP: 'open' });
    client = await clientOf();
    await createAgreed('frank');
  });
  afterAll(() => server.close());

  async function close({ context, complaints, strangers }: Watched): Promise<void> {
    await context.close();
    expect(complaints).toEqual([]);
    expect(strangers).toEqual([]);
  }

  test('the printed one-time password opens only the choice of another one, which then signs in', async () => {
    const printed = await server.container.bootstrap();
    if (printed.outcome !== 'created' || !printed.oneTimePassword) throw new Error(printed.outcome);
    person = await visit();
    const { page } = person;
    await page.goto(server.url('/'));
    await photograph(page, 'home-anonymous');
    await signIn(page, printed.username, printed.oneTimePassword);
    expect(await heading(page)).toBe('Choose a new password');
    await photograph(page, 'set-password');

    const elsewhere = await person.context.newPage();
    await elsewhere.goto(server.url('/'));
    expect(await elsewhere.getByRole('button', { name: 'Sign in', exact: true }).count()).toBe(1);
    await elsewhere.close();

    await page.getByLabel('New password', { exact: true }).fill('password1');
    await press(page, 'Save the password');
    expect(await heading(page)).toBe('Choose a new password');
    expect(await page.locator('.summary').innerText()).toContain('among the first that attackers try');
    await photograph(page, 'set-password-refused');
    person.forget();

    await page.getByLabel('New password', { exact: true }).fill('a gate in the back wall');
    await press(page, 'Save the password');
    expect(page.url()).toBe(server.url('/'));
    expect(await heading(page)).toBe(`Hello, ${printed.username}`);
    await photograph(page, 'home-admin');
    await close(person);

    const again = await visit();
    await again.page.goto(server.url('/login'));
    await signIn(again.page, printed.username, printed.oneTimePassword);
    expect(await again.page.locator('.summary').innerText()).toContain(
      'The username or the password is wrong.',
    );
    await photograph(again.page, 'login-refused');
    again.forget();
    await signIn(again.page, printed.username, 'a gate in the back wall');
    expect(await heading(again.page)).toBe(`Hello, ${printed.username}`);
    await close(again);
  });

  test('signing up says what is wrong at the field, then signs in', async () => {
    person = await visit();
    const { page } = person;
    await page.goto(server.url('/'));
    await page.getByRole('link', { name: 'Create an account' }).click();
    await photograph(page, 'signup');
    await page.getByLabel('Username').fill('admin');
    await page.getByLabel('Password', { exact: true }).fill('long enough here');
    await press(page, 'Create account');
    expect(await page.locator('#username-fault').innerText()).toContain('reserved');
    expect(await page.getByLabel('Username').getAttribute('aria-invalid')).toBe('true');
    expect(await page.getByLabel('Username').inputValue()).toBe('admin');
    expect(await page.getByLabel('Password', { exact: true }).inputValue()).toBe('');
    expect(await page.title()).toMatch(/^Error: /);
    await photograph(page, 'signup-refused');
    person.forget();
    await page.getByLabel('Username').fill('carol');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await press(page, 'Create account');
    expect(await heading(page)).toBe('Hello, carol');
    await close(person);
  });

  describe('clients', () => {
    const countClients = async () => (await server.container.clients.listAll()).length;

    beforeAll(async () => {
      await server.createAccount('dora');
      person = await visit();
      await person.page.goto(server.url('/create_client'));
      // Who is not signed in gets there after signing in.
      await signIn(person.page, 'dora');
    });
    afterAll(() => close(person));

    test('the form has the original seven fields and refuses faulty input at the field, saving nothing', async () => {
      const { page } = person;
      expect(page.url()).toBe(server.url('/create_client'));
      const names = await page
        .locator('main form [name]:not([type=hidden]):not(details *)')
        .evaluateAll((controls) => controls.map((control) => control.getAttribute('name')));
      expect(names).toEqual([
        'client_name',
        'client_uri',
        'scope',
        'redirect_uri',
        'grant_type',
        'response_type',
        'token_endpoint_auth_method',
        'require_pkce',
      ]);
      await photograph(page, 'create-client');
      const before = await countClients();
      const refused: [field: string, value: string, message: RegExp][] = [
        ['grant_type', 'authorization_code,password', /one per line, no commas/],
        ['client_uri', 'www.example.org', /is not an http:\/\/ or https:\/\/ address/],
        ['redirect_uri', '', /needs a redirect URI/],
        ['redirect_uri', 'https://a.example/cb,https://b.example/cb', /one per line, no commas/],
        ['redirect_uri', 'ht!tp:/nowhere', /absolute address|not a valid address/],
        ['response_type', 'code,token', /one per line, no commas/],
        ['scope', 'openid "profile"', /separated by single spaces/],
      ];
      for (const [field, value, message] of refused) {
        await page.goto(server.url('/create_client'));
        await page.locator('[name=client_name]').fill('My application');
        await page.locator('[name=redirect_uri]').fill(app.redirectUri);
        await page.locator(`[name=${field}]`).fill(value);
        await press(page, 'Create client');
        expect(await page.locator(`#${field}-fault`).innerText()).toMatch(message);
        const control = page.locator(`[name=${field}]`);
        expect(await control.getAttribute('aria-invalid')).toBe('true');
        expect(await control.getAttribute('aria-describedby')).toContain(`${field}-fault`);
        expect(await control.inputValue()).toBe(value);
        expect(await page.locator('[name=client_name]').inputValue()).toBe('My application');
        await page.locator(`.summary a[href="#${field}"]`).first().click();
      }
      await photograph(page, 'create-client-refused');
      expect(await countClients()).toBe(before);
      person.forget();
    });

    test('a client is made, its secret shown once, renewed, and the client deleted', async () => {
      const { page } = person;
      await page.goto(server.url('/create_client'));
      await page.locator('[name=client_name]').fill('My application');
      await page.locator('[name=client_uri]').fill('https://my.example');
      await page.locator('[name=redirect_uri]').fill(`${app.redirectUri}\n${app.origin}/other`);
      await page.locator('[name=grant_type]').fill('authorization_code\nclient_credentials');
      await press(page, 'Create client');
      const clientId = await page.locator('#client-id').innerText();
      const secret = await page.locator('#new-secret').innerText();
      expect(clientId).toMatch(/^[A-Za-z0-9]{24}$/);
      expect(secret).toMatch(/^[A-Za-z0-9]{48}$/);
      expect(await page.locator('main').innerText()).toContain(`${app.origin}/other`);
      expect(await page.locator(`a[href="https://my.example"]`).count()).toBe(1);
      await photograph(page, 'client-new');
      const credentials = { clientId, secret };
      const grant = { grant_type: 'client_credentials' };
      expect((await post(server, '/oauth/token', grant, credentials)).status).toBe(200);

      if (javaScriptEnabled) {
        const before = await countClients();
        await page.reload();
        expect(page.url()).toBe(server.url(`/clients/${clientId}`));
        expect(await page.content()).not.toContain(secret);
        expect(await countClients()).toBe(before);
      }
      await page.goto(server.url('/'));
      await photograph(page, 'home-clients');
      await page.getByRole('link', { name: 'My application' }).click();
      expect(page.url()).toBe(server.url(`/clients/${clientId}`));
      expect(await page.locator('#new-secret').count()).toBe(0);
      expect(await page.content()).not.toContain(secret);
      await photograph(page, 'client');

      await press(page, 'Make a new secret');
      const renewed = await page.locator('#new-secret').innerText();
      expect(renewed).toMatch(/^[A-Za-z0-9]{48}$/);
      expect(renewed).not.toBe(secret);
      expect((await post(server, '/oauth/token', grant, credentials)).status).toBe(401);
      expect((await post(server, '/oauth/token', grant, { clientId, secret: renewed })).status).toBe(200);
      await page.goto(server.url(`/clients/${clientId}`));
      expect(await page.content()).not.toContain(renewed);

      await page.getByRole('link', { name: 'Delete…' }).click();
      expect(await page.locator('main').innerText()).toContain('grant');
      await photograph(page, 'client-delete');
      await press(page, 'Delete for good');
      expect(page.url()).toBe(server.url('/'));
      expect(await page.locator('main').innerText()).not.toContain('My application');
      expect((await post(server, '/oauth/token', grant, { clientId, secret: renewed })).status).toBe(401);
    });

    test('a public client has no secret, and nothing to renew', async () => {
      const { page } = person;
      await page.goto(server.url('/create_client'));
      await page.locator('[name=client_name]').fill('Phone application');
      await page.locator('[name=redirect_uri]').fill(app.redirectUri);
      await page.locator('[name=token_endpoint_auth_method]').selectOption('none');
      await press(page, 'Create client');
      expect(await page.locator('#client-id').innerText()).toMatch(/^[A-Za-z0-9]{24}$/);
      expect(await page.locator('#new-secret').count()).toBe(0);
      expect(await page.getByRole('button', { name: 'Make a new secret' }).count()).toBe(0);
    });

    test("another person's client is not there", async () => {
      const owner = await server.createAccount('erin');
      const { clientId } = await server.createClient({ client_name: 'Erin’s own' }, { owner: owner.id });
      const { page } = person;
      const answer = await page.goto(server.url(`/clients/${clientId}`));
      expect(answer?.status()).toBe(404);
      expect(await page.content()).not.toContain('Erin’s own');
      await photograph(page, 'not-found');
      person.forget();
    });
  });

  describe('a client asks', () => {
    test('sign in, Deny; ask again, Allow; the code gives tokens', async () => {
      await server.createAccount('ivan');
      person = await visit();
      const { page } = person;
      const pkce = newPkce();
      const address = authorizeAddress({ code_challenge: pkce.challenge, code_challenge_method: 'S256' });
      await page.goto(address);
      expect(await page.locator('main').innerText()).toContain('to continue to Photo prints');
      await photograph(page, 'interaction-login');
      await signIn(page, 'ivan', 'wrong password');
      expect(await page.locator('.summary').innerText()).toContain('wrong');
      person.forget();
      await signIn(page, 'ivan');
      const text = await page.locator('main').innerText();
      expect(text).toContain('Allow Photo prints to use your account?');
      expect(text).toContain('ivan');
      expect(text).toContain(new URL(app.origin).host);
      expect(text).toContain('It asks to');
      await photograph(page, 'consent');
      await press(page, 'Deny');
      await page.waitForURL(`${app.origin}/welcome`);
      const denied = app.answers.at(-1)?.params;
      expect(denied?.get('error')).toBe('access_denied');
      expect(denied?.get('state')).toBe('the-state');
      expect(denied?.get('code')).toBeNull();

      await page.goto(address);
      await press(page, 'Allow');
      await page.waitForURL(`${app.origin}/welcome`);
      const code = app.answers.at(-1)?.params.get('code') ?? '';
      const tokens = await redeem(server, client, { code, pkce } as never, { redirect_uri: app.redirectUri });
      expect(tokens.status).toBe(200);
      expect(tokens.body).toMatchObject({ token_type: 'Bearer', scope: 'openid profile' });
      await close(person);
    });

    test('Cancel on the sign-in page goes back to the client with access_denied', async () => {
      person = await visit();
      const { page } = person;
      await page.goto(authorizeAddress({}));
      await page.getByRole('button', { name: /^Cancel/ }).click();
      await page.waitForURL(`${app.origin}/welcome`);
      expect(app.answers.at(-1)?.params.get('error')).toBe('access_denied');
      await close(person);
    });

    test('response_mode=form_post carries the code in a form', async () => {
      person = await visit();
      const { page } = person;
      await page.goto(authorizeAddress({ response_mode: 'form_post' }));
      await signIn(page, 'frank');
      if (!javaScriptEnabled) {
        expect(await heading(page)).toBe('Back to the application');
        await photograph(page, 'form-post');
        await press(page, 'Continue');
      }
      await page.waitForURL(`${app.origin}/welcome`);
      expect(app.answers.at(-1)?.method).toBe('POST');
      expect(app.answers.at(-1)?.params.get('code')).toBeTruthy();
      await close(person);
    });

    test('signing in as somebody else on the way ends the first sign-in and still reaches the client', async () => {
      await server.createAccount('grace');
      await createAgreed('heidi');
      person = await visit();
      const { page } = person;
      await page.goto(server.url('/login'));
      await signIn(page, 'grace');
      await page.goto(authorizeAddress({ prompt: 'login', scope: 'openid' }));
      // What heidi agreed to is remembered, so nothing stands between this form and the client.
      await signIn(page, 'heidi');
      if (!javaScriptEnabled) {
        await photograph(page, 'switch');
        await press(page, 'Continue');
      }
      await page.waitForURL(`${app.origin}/welcome`);
      expect(app.answers.at(-1)?.params.get('code')).toBeTruthy();
      await page.goto(server.url('/account'));
      expect(await page.locator('.lead').innerText()).toBe('heidi');
      await close(person);
    });

    test('a client that signs people out gets them back', async () => {
      const leaving = await clientOf({ post_logout_redirect_uris: [`${app.origin}/welcome`] });
      person = await visit();
      const { page } = person;
      const address = server.url(
        `/oauth/end_session?client_id=${leaving.clientId}&post_logout_redirect_uri=${app.origin}/welcome`,
      );
      await page.goto(server.url('/login'));
      await signIn(page, 'frank');
      await page.goto(address);
      expect(await page.locator('main').innerText()).toContain('Photo prints asks to sign you out');
      await photograph(page, 'client-logout');
      await press(page, 'Sign out');
      await page.waitForURL(`${app.origin}/welcome*`);
      await page.goto(server.url('/account'));
      expect(await heading(page)).toBe('Sign in');
      // Nobody is signed in any more: it still works.
      await page.goto(address);
      if (!javaScriptEnabled) await press(page, 'Continue');
      await page.waitForURL(`${app.origin}/welcome*`);
      await close(person);
    });

    test('an address that is not registered ends on a page of ours that names it', async () => {
      person = await visit();
      const { page } = person;
      const foreign = `${app.origin}/elsewhere`;
      const answer = await page.goto(authorizeAddress({ redirect_uri: foreign }));
      expect(answer?.status()).toBe(400);
      expect(new URL(page.url()).origin).toBe(server.issuer);
      expect(await heading(page)).toBe('This address is not registered');
      expect(await page.locator('main').innerText()).toContain(foreign);
      await photograph(page, 'wrong-redirect-uri');
      expect((await page.goto(authorizeAddress({ client_id: 'nobody' })))?.status()).toBe(400);
      expect(await heading(page)).toBe('Unknown application');
      await photograph(page, 'unknown-client');
      person.forget();
      await close(person);
    });

    test('a sign-in page that was used up offers to start again, at the same client', async () => {
      person = await visit();
      const { page } = person;
      await page.goto(authorizeAddress({}));
      const stale = page.url();
      await signIn(page, 'frank');
      await page.waitForURL(`${app.origin}/welcome`);
      const answer = await page.goto(stale);
      expect(answer?.status()).toBe(400);
      expect(await heading(page)).toBe('This sign-in attempt has expired');
      expect(await page.getByRole('link', { name: 'Back to Photo prints' }).getAttribute('href')).toBe(
        app.origin,
      );
      await photograph(page, 'expired');
      person.forget();
      const before = app.answers.length;
      await page.getByRole('link', { name: 'Start again' }).click();
      await page.waitForURL(`${app.origin}/welcome`);
      expect(app.answers.length).toBe(before + 1);
      await close(person);
    });
  });

  test('a device is connected by its code', async () => {
    const device = await server.createClient({
      client_name: 'Living room',
      redirect_uris: [],
      response_types: [],
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
      token_endpoint_auth_method: 'none',
      scope: 'openid profile',
    });
    const asked = await post(server, '/oauth/device_authorization', { scope: 'openid profile' }, device);
    expect(asked.status).toBe(200);
    person = await visit();
    const { page } = person;
    await page.goto(asked.body.verification_uri);
    await photograph(page, 'device-input');
    await page.getByLabel('Code').fill('WRNG-CODE');
    await press(page, 'Continue');
    expect(await page.locator('#user_code-fault').innerText()).toContain('not known');
    person.forget();
    await page.getByLabel('Code').fill(asked.body.user_code.toLowerCase());
    await press(page, 'Continue');
    expect(await heading(page)).toBe('Is this your device?');
    expect(await page.locator('main').innerText()).toContain(asked.body.user_code);
    await photograph(page, 'device-confirm');
    await press(page, 'Yes, continue');
    await signIn(page, 'frank');
    await photograph(page, 'device-consent');
    await press(page, 'Allow');
    expect(await heading(page)).toBe('Your device is connected');
    await photograph(page, 'device-done');
    await close(person);
    const tokens = await post(
      server,
      '/oauth/token',
      { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: asked.body.device_code },
      device,
    );
    expect(tokens.status).toBe(200);
  });

  test('signing out ends the sign-in of pages and clients alike', async () => {
    person = await visit();
    const { page } = person;
    await page.goto(server.url('/login'));
    await signIn(page, 'frank');
    await page.getByRole('link', { name: 'Account' }).click();
    await photograph(page, 'account');
    await page.getByRole('link', { name: 'Sign out' }).first().click();
    await photograph(page, 'logout');
    await press(page, 'Sign out');
    expect(await heading(page)).toBe('You are signed out');
    await photograph(page, 'signed-out');
    await page.goto(server.url('/account'));
    expect(await heading(page)).toBe('Sign in');
    await page.goto(authorizeAddress({}));
    expect(await heading(page)).toBe('Sign in');
    await close(person);
  });
});
