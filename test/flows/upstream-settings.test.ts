/** What an operator may say of one upstream, as it shows in whole logins. */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Browser, createBrowser } from '../support/browser.js';
import {
  ADA,
  connectThrough,
  loginThrough,
  startWorld,
  upstreamOf,
  type World,
} from '../support/login-world.js';
import { linkIn, type MailServer, startMailServer } from '../support/mail-server.js';
import { signIn } from '../support/flow.js';
import type { OidcUpstream, Person } from '../support/upstreams.js';

let world: World;
let mail: MailServer;
let browser: Browser;
let count = 0;

beforeAll(async () => {
  mail = await startMailServer();
  world = await startWorld({
    env: { SMTP_URL: mail.url },
    upstreams: {
      grouped: { ROLES_CLAIM: 'groups', GROUP_ROLES: 'staff:editor' },
      gated: { ROLES_CLAIM: 'groups', ALLOWED_ROLES: 'staff' },
      masked: { PRECEDENCE: 'email,username,display_name' },
      doubted: { AUTO_CONFIRM: 'false' },
      hasty: { STATE_TTL: '60' },
    },
  });
});
afterAll(async () => {
  await world.close();
  await mail.close();
});
beforeEach(() => {
  count += 1;
  browser = createBrowser();
});

const upstream = (
  id: string,
  person: Partial<Person> = {},
  groups?: unknown,
  { upstreams } = world,
): OidcUpstream => {
  const found = upstreams[id] as OidcUpstream;
  const email = `set${count}@there.example`;
  found.person = { ...ADA, sub: `s-${count}`, preferred_username: `set${count}`, email, ...person };
  found.wrong = groups === undefined ? {} : { claims: (claims) => ({ ...claims, groups }) };
  return found;
};
const login = (id: string) => loginThrough(world, `/oauth/login/${id}/`, browser);
const account = (name = `set${count}`) => world.server.container.accounts.findByUsernameKey(name);

test('row 100: a group gives its role from the login to the sign-out, or to a login without it', async () => {
  upstream('grouped', {}, ['staff', 'admin']);
  await login('grouped');
  expect((await account())?.roles).toEqual(['editor']);
  const left = await browser.get(world.server.url('/oauth/logout'), { 'sec-fetch-site': 'same-origin' });
  expect(left.status).toBe(302);
  expect((await account())?.roles).toEqual([]);
  await login('grouped');
  expect((await account())?.roles).toEqual(['editor']);
  upstream('grouped', {}, []);
  browser = createBrowser();
  await login('grouped');
  expect((await account())?.roles).toEqual([]);
});

test.each<[string, unknown, number]>([
  ['none', undefined, 403],
  ['another', ['guest'], 403],
  ['one that only begins alike', ['staffing'], 403],
  ['an object', { staff: true }, 403],
  ['the role', ['guest', 'staff'], 302],
])('ALLOWED_ROLES: %s', async (_name, groups, status) => {
  upstream('gated', {}, groups);
  expect((await login('gated')).status).toBe(status);
  expect((await account()) !== undefined).toBe(status === 302);
});

test('row 93: what the mask gives to the upstream cannot be changed on the sign-up form', async () => {
  upstream('masked', { email: undefined, email_verified: undefined, name: 'Ada Lovelace' });
  const form = await browser.get((await login('masked')).location ?? '');
  const typed = { username: 'another', full_name: 'Somebody Else', email: `typed${count}@there.example` };
  await browser.submit(form, '/oauth/signup/', typed);
  expect(await account('another')).toBeUndefined();
  expect(await account()).toMatchObject({ displayName: 'Ada Lovelace', email: typed.email });
});

test('row 93: without auto-confirm a word of the upstream on an address proves nothing; our mail does', async () => {
  upstream('doubted');
  await login('doubted');
  expect(await account()).toMatchObject({ email: `set${count}@there.example`, emailVerified: false });
  await world.server.container.byMail.postman.idle();
  await browser.submit(await browser.get(linkIn(mail.to(`set${count}@there.example`))), '/verify-email');
  expect(await account()).toMatchObject({ emailVerified: true });
});

test('row 88: the lifetime of an upstream of its own wins over the door’s', async () => {
  upstream('hasty');
  const begun = () => browser.get(world.server.url('/oauth/login/hasty/'));
  const callback = await upstreamOf(browser, await begun(), world.server.issuer);
  world.server.clock.advance(61);
  expect((await browser.get(callback)).status).toBe(403);
  expect((await browser.get(await upstreamOf(browser, await begun(), world.server.issuer))).status).toBe(302);
});

test('row 32: a name that nobody wrote is filled in, one that is there or was taken out stays', async () => {
  const named = (name: string) => upstream('grouped', { name });
  upstream('grouped', { name: undefined });
  await login('grouped');
  expect((await account())?.displayName).toBeUndefined();
  named('Ada Lovelace');
  await login('grouped');
  expect((await account())?.displayName).toBe('Ada Lovelace');
  named('Somebody Else');
  await login('grouped');
  expect((await account())?.displayName).toBe('Ada Lovelace');
  const { editProfile } = world.server.container;
  const id = (await account())?.id ?? '';
  const typed = { displayName: '', givenName: '', familyName: '', locale: '' };
  await editProfile(id, typed, { ip: '192.0.2.1', requestId: 'r' });
  await login('grouped');
  expect((await account())?.displayName).toBeUndefined();
});

// In a world of its own: it moves the time beyond what the upstreams, which live in ours, can sign for.
test('a link can be undone for thirty days', async () => {
  const own = await startWorld({ env: { SMTP_URL: mail.url }, upstreams: { first: {}, second: {} } });
  try {
    const address = `undo${count}@there.example`;
    await own.server.createAccount(`own${count}`, { email: address, emailVerified: true });
    await signIn(own.server, browser, `own${count}`);
    const linked = async (id: string): Promise<string> => {
      upstream(id, {}, undefined, own);
      await connectThrough(own, `/oauth/login/${id}/`, browser);
      await own.server.container.byMail.postman.idle();
      return linkIn(mail.to(address));
    };
    const [first, second] = [await linked('first'), await linked('second')];
    const issuerOf = (id: string) => (own.upstreams[id] as OidcUpstream).issuer;
    const held = (id: string) => own.server.container.identities.find(issuerOf(id), `s-${count}`);
    const owner = createBrowser();
    own.server.clock.advance(30 * 24 * 3600 - 60);
    expect((await owner.submit(await owner.get(first), '/undo-link')).status).toBe(200);
    expect(await held('first')).toBeUndefined();
    own.server.clock.advance(120);
    expect((await owner.get(second)).status).toBe(410);
    expect(await held('second')).toBeDefined();
  } finally {
    await own.close();
  }
});
