/** Signing in through others, walked in Chromium with and without JavaScript: a real second Postern and a provider. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { authorizeUrl, newPkce } from '../support/flow.js';
import {
  type ClientApp,
  focusFaults,
  launch,
  overflow,
  seriousFaults,
  shootFourWays,
  startClientApp,
  watch,
} from '../support/pages.js';
import { PASSWORD } from '../support/server.js';
import { ADA, startWorld, type World } from '../support/login-world.js';
import type { OidcUpstream } from '../support/upstreams.js';

let browser: Browser;
let world: World;
let app: ClientApp;
let other: OidcUpstream;
let second: OidcUpstream;
let count = 0;

beforeAll(async () => {
  browser = await launch();
  app = await startClientApp();
  world = await startWorld({
    upstreams: { other: { DESCRIPTION: 'For people of the other place.' }, second: {} },
  });
  other = world.upstreams.other as OidcUpstream;
  second = world.upstreams.second as OidcUpstream;
}, 60_000);
afterAll(async () => {
  await browser.close();
  await world.close();
  await app.close();
});

const origins = () => [world.server.issuer, other.issuer, second.issuer, app.origin];

async function inspect(page: Page, name: string): Promise<void> {
  expect(await seriousFaults(page)).toEqual([]);
  expect(await overflow(page)).toBe(0);
  await shootFourWays(page, name);
}

/** Somebody new at both upstreams, and an account here with the address of the first. */
function somebody() {
  count += 1;
  const person = {
    ...ADA,
    sub: `p-${count}`,
    preferred_username: `page${count}`,
    email: `p${count}@there.example`,
  };
  other.person = person;
  second.person = { ...person, email: `q${count}@there.example` };
  return person;
}

describe.each([
  ['with JavaScript', true],
  ['without', false],
])('%s', (_name, javaScriptEnabled) => {
  const open = () => watch(browser, origins(), { javaScriptEnabled, viewport: { width: 360, height: 740 } });
  // axe runs in the page, which needs scripts.
  const looked = async (page: Page, name: string) => {
    if (javaScriptEnabled) await inspect(page, name);
  };

  test('a client’s request: button, link desk, proof, consent, and back at the client', async () => {
    const { server } = world;
    const { email } = somebody();
    const owner = `holder${count}`;
    await server.createAccount(owner, { email, emailVerified: true });
    const client = await server.createClient({ redirect_uris: [app.redirectUri] });
    const { page, complaints, strangers, context } = await open();
    const before = app.answers.length;
    await page.goto(
      authorizeUrl(server, client, {
        redirect_uri: app.redirectUri,
        code_challenge: newPkce().challenge,
        code_challenge_method: 'S256',
      }),
    );
    await looked(page, 'interaction-with-upstreams');
    await page.getByRole('link', { name: 'Sign in with The other server' }).click();
    await page.getByRole('heading', { name: 'You have an account here' }).waitFor();
    await looked(page, 'link-desk');
    if (javaScriptEnabled) expect(await focusFaults(page)).toEqual([]);
    await page.getByLabel('Username').fill(owner);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in and connect' }).click();
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'Back at the client' }).waitFor();
    expect(app.answers).toHaveLength(before + 1);
    expect(app.answers.at(-1)?.params.get('code')).toBeTruthy();
    expect(complaints).toEqual([]);
    expect(strangers).toEqual([]);
    await context.close();
  }, 60_000);

  test('a client’s request of somebody who allowed it before goes from the desk’s form straight to the client', async () => {
    const { server } = world;
    const { email } = somebody();
    const owner = `holder${count}`;
    const account = await server.createAccount(owner, { email, emailVerified: true });
    const client = await server.createClient({ redirect_uris: [app.redirectUri] });
    await server.container.consents.add(
      account.id,
      client.clientId,
      { scopes: ['openid', 'profile'], claims: [], resources: {} },
      [],
    );
    const { page, complaints, context } = await open();
    const before = app.answers.length;
    await page.goto(
      authorizeUrl(server, client, {
        redirect_uri: app.redirectUri,
        code_challenge: newPkce().challenge,
        code_challenge_method: 'S256',
      }),
    );
    await page.getByRole('link', { name: 'Sign in with The other server' }).click();
    await page.getByLabel('Username').fill(owner);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    // The redirects after this post lead to the client: its policy must allow them (library-notes 16).
    await page.getByRole('button', { name: 'Sign in and connect' }).click();
    await page.getByRole('heading', { name: 'Back at the client' }).waitFor();
    expect(app.answers).toHaveLength(before + 1);
    expect(complaints).toEqual([]);
    await context.close();
  }, 60_000);

  test('sign-up form, linked accounts, disconnecting', async () => {
    const { server } = world;
    somebody();
    other.person = { sub: `f-${count}`, name: 'Ada Lovelace' };
    const { page, complaints, context, forget } = await open();
    await page.goto(server.url('/signup'));
    await looked(page, 'signup-with-upstreams');
    await page.getByRole('link', { name: 'Continue with The other server' }).click();
    await page.getByRole('heading', { name: 'Complete your account' }).waitFor();
    await looked(page, 'upstream-signup');
    await page.getByLabel('Username').fill('admin');
    await page.getByLabel('E-mail address').fill(`form${count}@there.example`);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByRole('alert').waitFor();
    await looked(page, 'upstream-signup-refused');
    // The refused form answered 400 on purpose.
    forget();
    await page.getByLabel('Username').fill(`form${count}`);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText(`form${count}`).first().waitFor();
    await page.goto(server.url('/account'));
    await page.getByRole('link', { name: 'Linked accounts' }).click();
    await looked(page, 'linked-accounts');
    await page.getByRole('button', { name: 'Connect The second server' }).click();
    await page.getByRole('heading', { name: 'Connect The second server?' }).waitFor();
    await looked(page, 'connect-again');
    await page.getByRole('link', { name: 'Sign in with The other server' }).click();
    await page.getByRole('button', { name: 'Connect' }).waitFor();
    await looked(page, 'connect');
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByText('The account is connected.').waitFor();
    // Nobody knows how long the session there was open: it is asked to ask.
    await page.goto(server.url('/oauth/login/other/'));
    await page.getByRole('link', { name: 'Disconnect: The other server' }).click();
    await page.getByRole('heading', { name: 'Disconnect The other server?' }).waitFor();
    await looked(page, 'disconnect-again');
    await page.getByRole('link', { name: 'Sign in with The other server' }).click();
    await page.getByRole('button', { name: 'Disconnect' }).waitFor();
    await looked(page, 'disconnect');
    await page.getByRole('button', { name: 'Disconnect' }).click();
    await page.getByText('The account has been disconnected.').waitFor();
    await page.getByText('This is the only way you can sign in').waitFor();
    await page.goto(server.url('/'));
    await looked(page, 'home-with-claims');
    expect(complaints).toEqual([]);
    await context.close();
  }, 60_000);
});

test('row 101: a popup tells its opener, and nobody else', async () => {
  const { server } = world;
  somebody();
  const { page, context } = await watch(browser, origins());
  await page.goto(server.url('/login'));
  const told = page.evaluate(`new Promise((resolve) => {
    addEventListener('message', ({ data, origin }) => resolve({ data, origin }));
    open('/api/oauth/login/other/?response=postmessage&next=/account');
  })`);
  expect(await told).toEqual({
    data: { message: 'Successfully signed up.', code: 200, next_url: '/account' },
    origin: server.issuer,
  });
  await context.close();
}, 60_000);
