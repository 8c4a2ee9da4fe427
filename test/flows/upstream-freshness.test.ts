/** When somebody who comes from an upstream counts as having just signed in: by what it says, or by having been asked. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import { answerOf, authorizeUrl, newPkce, redeem, walk } from '../support/flow.js';
import {
  ADA,
  connectThrough,
  loginThrough,
  startWorld,
  upstreamOf,
  type World,
} from '../support/login-world.js';
import type { OidcUpstream } from '../support/upstreams.js';

const KEYS = '/account/api-keys';
const DISCONNECT = '/oauth/disconnect/other/';

let world: World;
let there: OidcUpstream;
let browser: Browser;
let count = 0;

beforeAll(async () => {
  world = await startWorld({
    upstreams: { other: {}, spare: {} },
    env: { DSERVER_LOCAL_ACCOUNTS: 'true' },
  });
  there = world.upstreams.other as OidcUpstream;
});
afterAll(() => world.close());
beforeEach(() => {
  count += 1;
  browser = createBrowser();
  there.wrong = {};
  there.person = {
    ...ADA,
    sub: `fresh-${count}`,
    preferred_username: `fresh${count}`,
    email: `f${count}@there.example`,
  };
});

const now = (): number => Math.floor(world.server.clock.now() / 1000);
const signIn = (path = '/oauth/login/other/') => loginThrough(world, path, browser);
const saying = (authTime: unknown): void => {
  there.wrong = { claims: (claims) => ({ ...claims, iat: now(), exp: now() + 60, auth_time: authTime }) };
};
const get = (path: string) => browser.get(world.server.url(path));
const makesKeys = async (): Promise<boolean> => (await get(KEYS)).text.includes('Make the key');
const sentTo = ({ location = '' }: Page) => Object.fromEntries(new URL(location).searchParams);

describe('an ordinary sign-in', () => {
  test('through a session that was open there, of which nobody knows how long: not fresh', async () => {
    await signIn();
    expect(await makesKeys()).toBe(false);
    expect((await get(KEYS)).text).toContain('/oauth/login/other/?fresh=1&amp;next=%2Faccount%2Fapi-keys');
  });

  test.each([
    ['a minute ago', () => now() - 60, true],
    ['an hour ago', () => now() - 3600, false],
    ['in a text', () => String(now()), false],
  ])('that was made %s by its own word', async (_name, at, fresh) => {
    saying(at());
    await signIn();
    expect(await makesKeys()).toBe(fresh);
  });

  test('in the future: it counts from now, and no longer than any other', async () => {
    saying(now() + 86_400);
    await signIn();
    expect(await makesKeys()).toBe(true);
    world.server.clock.advance(601);
    expect(await makesKeys()).toBe(false);
  });

  test('is told to our clients as of when it was made', async () => {
    const at = now() - 1000;
    saying(at);
    const client = await world.server.createClient();
    const pkce = newPkce();
    const params = { scope: 'openid', code_challenge: pkce.challenge, code_challenge_method: 'S256' };
    const form = await browser.follow(
      await browser.get(authorizeUrl(world.server, client, params)),
      world.server.issuer,
    );
    const begun = await browser.get(`${form.url}/upstream/other`);
    expect(sentTo(begun)).not.toHaveProperty('prompt');
    const back = await browser.get(await upstreamOf(browser, begun, world.server.issuer));
    const code = answerOf(await walk(world.server, browser, back, 'nobody')).get('code') ?? '';
    const { body } = await redeem(world.server, client, { code, pkce, browser });
    expect(decodeJwt(body.id_token).auth_time).toBe(at);
  });
});

describe('a sign-in that is asked for anew', () => {
  const anew = () => signIn(`/oauth/login/other/?${new URLSearchParams({ fresh: '1', next: KEYS })}`);

  test('is asked for upstream too, and then counts', async () => {
    await signIn();
    const begun = await get('/oauth/login/other/?fresh=1');
    expect(sentTo(begun)).toMatchObject({ prompt: 'login', max_age: '300' });
    saying(now() - 5);
    expect((await anew()).location).toBe(world.server.url(KEYS));
    expect(await makesKeys()).toBe(true);
  });

  test('counts by our clock where the upstream does not say', async () => {
    await signIn();
    saying(undefined);
    await anew();
    expect(await makesKeys()).toBe(true);
  });

  test('but not where it says that it was long ago', async () => {
    await signIn();
    saying(now() - 1000);
    expect((await anew()).status).toBe(400);
    expect(await makesKeys()).toBe(false);
  });

  test('opens the way to disconnecting, which nothing older does', async () => {
    await signIn();
    const { id } = (await world.server.container.accounts.findByUsernameKey(`fresh${count}`)) ?? { id: '' };
    const spare = world.upstreams.spare as OidcUpstream;
    spare.person = { ...there.person, sub: `spare-${count}`, email: `s${count}@there.example` };
    saying(now());
    await signIn('/oauth/login/other/?fresh=1');
    await connectThrough(world, '/oauth/login/spare/', browser);
    saying(undefined);
    await signIn();
    const stale = await get(DISCONNECT);
    expect(stale.text).toContain('fresh=1');
    const csrf = formOf(await get('/logout'), '/logout').fields;
    const refused = await browser.post(world.server.url(DISCONNECT), csrf);
    expect(refused.status).toBe(400);
    expect(refused.text).not.toContain('This is not your password.');
    expect(await world.server.container.identities.listOf(id)).toHaveLength(2);
    saying(now());
    await signIn(`/oauth/login/other/?${new URLSearchParams({ fresh: '1', next: DISCONNECT })}`);
    expect((await browser.submit(await get(DISCONNECT), DISCONNECT)).status).toBe(303);
    expect(await world.server.container.identities.listOf(id)).toHaveLength(1);
  });

  test.each([
    ['prompt=login', { prompt: 'login' }],
    ['max_age=0', { max_age: '0' }],
  ])('for a client of ours that sends %s', async (_name, more) => {
    const client = await world.server.createClient();
    const { challenge } = newPkce();
    const params = { scope: 'openid', code_challenge: challenge, code_challenge_method: 'S256', ...more };
    const page = await browser.get(authorizeUrl(world.server, client, params));
    const form = await browser.follow(page, world.server.issuer);
    const begun = await browser.get(`${form.url}/upstream/other`);
    expect(sentTo(begun)).toMatchObject({ prompt: 'login', max_age: '300' });
  });
});
