/** ORCID as its preset has it: the token answer names the person, and there is neither UserInfo nor an address. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type Browser, createBrowser, type Page } from '../support/browser.js';
import { upstreamOf } from '../support/login-world.js';
import { startServer, type TestServer } from '../support/server.js';
import { type OAuth2Fake, startOAuth2Fake } from '../support/upstream-fakes.js';

const APP = 'https://app.example';

let server: TestServer;
let orcid: OAuth2Fake;
let browser: Browser;

beforeAll(async () => {
  orcid = await startOAuth2Fake();
  server = await startServer({
    ALLOWED_ORIGINS: APP,
    OAUTH2_FRONTEND_URL: APP,
    UPSTREAM_ORCID_PRESET: 'orcid',
    UPSTREAM_ORCID_AUTHORIZATION_URL: `${orcid.address}/authorize`,
    UPSTREAM_ORCID_TOKEN_URL: `${orcid.address}/token`,
    UPSTREAM_ORCID_CLIENT_ID: 'APP-1',
    UPSTREAM_ORCID_CLIENT_SECRET: 'the secret of ORCID',
  });
});
afterAll(async () => {
  await server.close();
  await orcid.close();
});
beforeEach(() => {
  browser = createBrowser();
});

async function through(path: string, iD: string): Promise<Page> {
  orcid.token = { orcid: iD, name: 'Josiah Carberry', scope: '/authenticate' };
  return browser.get(await upstreamOf(browser, await browser.get(server.url(path)), server.issuer));
}

describe('signing in with ORCID', () => {
  test('dserver is given the iD as name, with no form in between', async () => {
    const page = await through('/auth/login?next=https://app.example/data', '0000-0002-1825-0097');
    const token = new URLSearchParams(new URL(page.location ?? 'x:').hash.slice(1)).get('token') ?? '';
    expect(decodeJwt(token)).toMatchObject({
      sub: '0000-0002-1825-0097',
      name: 'Josiah Carberry',
      provider: 'orcid',
      provider_user_id: '0000-0002-1825-0097',
    });
  });

  test('elsewhere the sign-up form asks for what ORCID does not say', async () => {
    const asked = await through('/oauth/login/orcid/', '0000-0001-5109-3700');
    expect(asked.location).toContain('/oauth/signup/orcid/');
    const form = await browser.get(asked.location ?? '');
    expect(form.text).toContain('Josiah Carberry');
    const done = await browser.submit(form, '/oauth/signup/orcid/', {
      username: 'josiah',
      email: 'josiah@brown.example',
    });
    expect(done.status).toBe(303);
    const account = await server.container.accounts.findByUsernameKey('josiah');
    expect(account).toMatchObject({ email: 'josiah@brown.example', emailVerified: false });
    const held = await server.container.identities.find('https://orcid.org', '0000-0001-5109-3700');
    expect(held?.accountId).toBe(account?.id);
  });
});
