/** What is asked before somebody arrives: the link desk and the sign-up form (contract §8). */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Browser, createBrowser, type Page } from '../support/browser.js';
import { answerOf, authorizeUrl, newPkce, signIn, walk } from '../support/flow.js';
import { linkIn, type MailServer, startMailServer } from '../support/mail-server.js';
import { PASSWORD } from '../support/server.js';
import {
  ADA,
  connectThrough,
  loginThrough,
  startWorld,
  upstreamOf,
  type World,
} from '../support/login-world.js';
import type { OidcUpstream } from '../support/upstreams.js';

let world: World;
let mail: MailServer;
let other: OidcUpstream;
let second: OidcUpstream;

beforeAll(async () => {
  mail = await startMailServer();
  world = await startWorld({
    upstreams: { other: {}, second: {}, third: { AUTO_PROVISION: 'false' }, veiled: { HIDE: 'true' } },
    env: { SMTP_URL: mail.url },
  });
  other = world.upstreams.other as OidcUpstream;
  second = world.upstreams.second as OidcUpstream;
});
afterAll(async () => {
  await world.close();
  await mail.close();
});
let count = 0;
let email = '';
let owner = '';
beforeEach(async () => {
  count += 1;
  email = `o${count}@there.example`;
  owner = `owner${count}`;
  other.person = { ...ADA, sub: `q-${count}`, preferred_username: `new${count}`, email };
  second.person = {
    ...ADA,
    sub: `q2-${count}`,
    preferred_username: `sec${count}`,
    email: `s${count}@there.example`,
  };
});

const start = (app = 'other') => `/login/upstream/${app}?next=%2Faccount`;
const accounts = () => world.server.container.accounts;
const identityOf = (one: OidcUpstream) => world.server.container.identities.find(one.issuer, one.person.sub);
const signedInAs = async (browser: Browser): Promise<string | undefined> =>
  /Signed in as <strong><bdi>([^<]*)</.exec((await browser.get(world.server.url('/'))).text)?.[1];
const createOwner = () => world.server.createAccount(owner, { email, emailVerified: true });

describe('rows 56 and 91: a first sign-in that meets an existing proven address', () => {
  async function toDesk(browser = createBrowser()): Promise<{ browser: Browser; desk: Page }> {
    const back = await loginThrough(world, start(), browser);
    expect(back.location).toContain('/oauth/link/other/?ticket=');
    return { browser, desk: await browser.get(back.location ?? '') };
  }
  const prove = (browser: Browser, desk: Page, username = owner, password = PASSWORD) =>
    browser.submit(desk, '/oauth/link/', { username, password });

  const ownBrowser = async (): Promise<Browser> => {
    const own = createBrowser();
    await signIn(world.server, own, owner);
    return own;
  };

  beforeEach(createOwner);

  test('nothing is merged and nobody is signed in before the proof', async () => {
    const { browser, desk } = await toDesk();
    expect(desk.text).toContain(email);
    expect(desk.text).toContain(`o…${String(count).at(-1)}`);
    expect(desk.text).not.toContain(owner);
    expect(await signedInAs(browser)).toBeUndefined();
    expect(await identityOf(other)).toBeUndefined();
    expect(await accounts().findByUsernameKey(`new${count}`)).toBeUndefined();
  });

  test('a wrong password, another account’s right one and another browser prove nothing', async () => {
    await world.server.createAccount(`stranger${count}`);
    const { browser, desk } = await toDesk();
    const wrong = await prove(browser, desk, owner, 'not this one at all');
    const foreign = await prove(browser, desk, `stranger${count}`);
    for (const page of [wrong, foreign]) {
      expect(page.status).toBe(400);
      expect(page.text).toContain('The username or the password is wrong');
    }
    const thief = createBrowser();
    await loginThrough(world, start('second'), thief);
    expect((await thief.get(desk.url)).status).toBe(403);
    expect(await identityOf(other)).toBeUndefined();
    expect((await prove(browser, wrong)).status).toBe(303);
  });

  test('the proof links, the original login goes on, and the owner is told how to undo it', async () => {
    const { browser, desk } = await toDesk();
    const done = await prove(browser, desk);
    expect([done.status, done.location]).toEqual([303, world.server.url('/account')]);
    expect(await signedInAs(browser)).toBe(owner);
    expect(await identityOf(other)).toMatchObject({ linkedBy: 'link_desk' });
    // Used up.
    expect((await prove(browser, desk)).status).toBe(403);
    // From now on without a question.
    expect(await signedInAs((await loginThrough(world, start())).browser)).toBe(owner);
    await world.server.container.byMail.postman.idle();
    const undo = linkIn(mail.to(email));
    expect(undo).toContain('/undo-link?token=');
    const page = await createBrowser().get(undo);
    expect(page.text).toContain('Undo the connection');
    expect(await identityOf(other)).toBeDefined();
    const fresh = createBrowser();
    // Where access cannot be ended, the link is not used up.
    const away = jest.spyOn(accounts(), 'beginAccessEpoch').mockRejectedValueOnce(new Error('away'));
    expect((await fresh.submit(await fresh.get(undo), '/undo-link')).status).toBe(500);
    away.mockRestore();
    expect(await identityOf(other)).toBeDefined();
    const undone = await fresh.submit(await fresh.get(undo), '/undo-link');
    expect(undone.status).toBe(200);
    expect(await identityOf(other)).toBeUndefined();
    expect(await signedInAs(browser)).toBeUndefined();
    expect((await fresh.get(undo)).status).toBe(410);
    expect((await toDesk()).desk.status).toBe(200);
  });

  test('of two answers at once one counts', async () => {
    const { browser, desk } = await toDesk();
    const answers = await Promise.all([1, 2, 3].map(() => prove(browser.copy(), desk)));
    expect(answers.map(({ status }) => status).filter((status) => status === 303).length).toBeGreaterThan(0);
    const held = await world.server.container.identities.listOf(
      (await accounts().findByUsernameKey(owner))?.id ?? '',
    );
    expect(held).toHaveLength(1);
  });

  test('an upstream that is hidden is no way to prove it', async () => {
    const { identities } = world.server.container;
    const id = (await accounts().findByUsernameKey(owner))?.id ?? '';
    await connectThrough(world, '/oauth/login/second/', await ownBrowser());
    const held = await identityOf(second);
    if (held === undefined) throw new Error('not connected');
    const veiled = { ...held, id: `veiled-${count}`, upstreamId: 'veiled', subject: `v-${count}` };
    await identities.write([identities.insertStep(veiled)]);
    expect(await identities.listOf(id)).toHaveLength(2);
    const { desk } = await toDesk();
    expect(desk.text).toContain('/via/second/');
    expect(desk.text).not.toContain('/via/veiled/');
  });

  test('what is linked already proves the account, somebody else’s identity does not', async () => {
    const id = (await accounts().findByUsernameKey(owner))?.id ?? '';
    await connectThrough(world, '/oauth/login/second/', await ownBrowser());
    expect((await identityOf(second))?.accountId).toBe(id);
    const mine = second.person;

    const { browser, desk } = await toDesk();
    const [, href = ''] = /href="([^"]*\/via\/second\/[^"]*)"/.exec(desk.text) ?? [];
    second.person = { ...mine, sub: `nobody-${count}`, email: `n${count}@there.example` };
    const via = (to: Browser) => loginThrough(world, href.replaceAll('&amp;', '&'), to);
    const refused = await browser.follow(await via(browser), world.server.issuer);
    expect(refused.text).toContain('those of another account');
    expect(await identityOf(other)).toBeUndefined();
    expect(await accounts().findByUsernameKey(`sec${count}`)).toBeUndefined();

    second.person = mine;
    const { browser: again } = await toDesk();
    const done = await loginThrough(
      world,
      href.replaceAll('&amp;', '&').replace(/ticket=.*/, `ticket=${ticketOf(await lastDesk(again))}`),
      again,
    );
    expect(done.location).toBe(world.server.url('/account'));
    expect(await signedInAs(again)).toBe(owner);
    expect(await identityOf(other)).toMatchObject({ accountId: id });
  });
  const desks = new Map<Browser, Page>();
  const lastDesk = async (browser: Browser): Promise<Page> => {
    const back = await loginThrough(world, start(), browser);
    const desk = await browser.get(back.location ?? '');
    desks.set(browser, desk);
    return desk;
  };
  const ticketOf = ({ url }: Page): string => new URL(url).searchParams.get('ticket') ?? '';

  test('a separate account remains possible, and does not get the address', async () => {
    const { browser, desk } = await toDesk();
    const done = await browser.submit(desk, '/separate');
    expect(done.location).toBe(world.server.url('/account'));
    expect(await signedInAs(browser)).toBe(`new${count}`);
    expect(await accounts().findByUsernameKey(`new${count}`)).toMatchObject({
      email: undefined,
      emailVerified: false,
    });
    expect(await accounts().findByUsernameKey(owner)).toMatchObject({ email, emailVerified: true });
  });

  test('… but not where the upstream may make no accounts', async () => {
    const third = world.upstreams.third as OidcUpstream;
    third.person = { ...ADA, sub: `t-${count}`, email };
    const browser = createBrowser();
    const back = await loginThrough(world, start('third'), browser);
    const desk = await browser.get(back.location ?? '');
    expect(desk.text).not.toContain('/separate');
    const forced = await browser.submit(
      { ...desk, text: desk.text.replace('/oauth/link/third/"', '/oauth/link/third/separate"') },
      '/separate',
    );
    expect(forced.status).toBe(403);
    expect(await browser.submit(desk, '/oauth/link/', { username: owner, password: PASSWORD })).toMatchObject(
      {
        status: 303,
      },
    );
  });

  test('a client’s request goes on after the proof, in one pass', async () => {
    const { server } = world;
    const browser = createBrowser();
    const client = await server.createClient();
    const { challenge } = newPkce();
    const url = authorizeUrl(server, client, { code_challenge: challenge, code_challenge_method: 'S256' });
    const asked = await browser.follow(await browser.get(url), server.issuer);
    const [, href = ''] = /href="(\/interaction\/[^"]+\/upstream\/other)"/.exec(asked.text) ?? [];
    const back = await loginThrough(world, href, browser);
    const desk = await browser.get(back.location ?? '');
    // Whoever leaves the desk keeps the request.
    expect(desk.text).toContain(`href="${href.replace('/upstream/other', '')}"`);
    // The form may lead on to the client (library-notes 16).
    expect(desk.headers.get('content-security-policy')).toContain("form-action 'self' https://app.example");
    const answer = answerOf(await walk(server, browser, await prove(browser, desk)));
    expect(answer.get('code')).toMatch(/./);
  });
});

describe('row 92: data that is missing', () => {
  async function toForm(browser = createBrowser()): Promise<{ browser: Browser; form: Page }> {
    other.person = { sub: `q-${count}`, preferred_username: `new${count}`, name: 'Ada <b>L</b>' };
    const back = await loginThrough(world, start(), browser);
    expect(back.location).toContain('/oauth/signup/other/?ticket=');
    return { browser, form: await browser.get(back.location ?? '') };
  }
  const send = (browser: Browser, form: Page, typed: Record<string, string> = {}) =>
    browser.submit(form, '/oauth/signup/', { username: `chosen${count}`, email, full_name: 'Ada', ...typed });

  test.each<[string, Record<string, string>, string]>([
    ['no address', { email: '' }, 'Write your e-mail address.'],
    ['no real address', { email: 'ada' }, 'This is not an e-mail address.'],
    ['a reserved name', { username: 'admin' }, 'This username is reserved.'],
    ['an ORCID iD', { username: '0000-0002-1825-0097' }, 'cannot look like an ORCID iD'],
    ['no name', { username: '' }, 'Choose a username.'],
  ])('%s is refused, and what was typed stays', async (_name, typed, message) => {
    const { browser, form } = await toForm();
    const refused = await send(browser, form, typed);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain(message);
    expect(await signedInAs(browser)).toBeUndefined();
    expect(await identityOf(other)).toBeUndefined();
  });

  test('A92: another person’s name is refused, not numbered, where it is chosen', async () => {
    await createOwner();
    const { browser, form } = await toForm();
    const refused = await send(browser, form, { username: owner, email: `f${count}@there.example` });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('This username is taken.');
    expect((await send(browser, refused, { email: `f${count}@there.example` })).status).toBe(303);
  });

  test('who looks for a free name does not run out of mails', async () => {
    await createOwner();
    const { browser, form } = await toForm();
    const address = `names${count}@there.example`;
    for (let times = 0; times < 6; times += 1) {
      const refused = await send(browser, form, { username: owner, email: address });
      expect(refused.text).toContain('This username is taken.');
    }
    expect((await send(browser, form, { email: address })).status).toBe(303);
    await world.server.container.byMail.postman.idle();
    expect(linkIn(mail.to(address))).toContain('/verify-email?');
    // Of five mails one is gone.
    const { limits } = world.server.container.byMail;
    const visitor = { ip: '203.0.113.9', requestId: 'r' };
    for (let times = 0; times < 4; times += 1) await limits.count(address, visitor);
    await expect(limits.count(address, visitor)).rejects.toThrow('Too many mails');
  });

  test('row 93, A88: the account is made at once, its address counts once a mail to it was answered', async () => {
    const { browser, form } = await toForm();
    expect(form.text).toContain('Ada &lt;b&gt;L&lt;/b&gt;');
    const done = await send(browser, form);
    expect([done.status, done.location]).toEqual([303, world.server.url('/account')]);
    const made = await accounts().findByUsernameKey(`chosen${count}`);
    expect(made).toMatchObject({ email, emailVerified: false, displayName: 'Ada' });
    expect((await send(browser, form)).status).toBe(403);
    await world.server.container.byMail.postman.idle();
    const link = linkIn(mail.to(email));
    // Another identity with the same address gains nothing by the link: it proves the account it was made for.
    second.person = { sub: `thief-${count}`, preferred_username: `thief${count}` };
    const thief = createBrowser();
    const back = await loginThrough(world, start('second'), thief);
    const theirs = await thief.submit(await thief.get(back.location ?? ''), '/oauth/signup/', {
      username: `thief${count}`,
      email,
    });
    expect(theirs.status).toBe(303);
    await thief.submit(await thief.get(link), '/verify-email');
    expect(await accounts().findByUsernameKey(`chosen${count}`)).toMatchObject({ emailVerified: true });
    expect(await accounts().findByUsernameKey(`thief${count}`)).toMatchObject({ emailVerified: false });
  });

  test('an address that belongs to an account leads to the desk, which tells no name', async () => {
    await createOwner();
    const { browser, form } = await toForm();
    const sent = await send(browser, form);
    expect(sent.location).toContain('/oauth/link/other/?ticket=');
    const desk = await browser.get(sent.location ?? '');
    expect(desk.text).toContain('belongs to an account here. If it is yours, sign in to it once');
    expect(desk.text).not.toContain('o…');
    expect(await identityOf(other)).toBeUndefined();
    const done = await browser.submit(desk, '/oauth/link/', { username: owner, password: PASSWORD });
    expect(done.status).toBe(303);
    expect(await signedInAs(browser)).toBe(owner);
  });

  test('the form is its own browser’s, and nothing without a ticket', async () => {
    const { form } = await toForm();
    const stranger = createBrowser();
    // With a cookie of its own, so that it is the binding that refuses it.
    await stranger.get(world.server.url(start()));
    expect((await stranger.get(form.url)).status).toBe(403);
    expect((await createBrowser().get(form.url)).status).toBe(403);
    expect((await createBrowser().get(world.server.url('/oauth/signup/other/'))).location).toBe(
      world.server.url('/'),
    );
    expect((await createBrowser().get(world.server.url('/oauth/signup/nobody/'))).status).toBe(404);
  });

  test('the form cannot be sent from elsewhere', async () => {
    const { browser, form } = await toForm();
    const ticket = new URL(form.url).searchParams.get('ticket') ?? '';
    const posted = await browser.post(form.url, { ticket, username: 'x', email });
    expect(posted.status).toBe(403);
  });
});

test('nobody is asked at the callback of a login that was begun by another browser', async () => {
  await createOwner();
  const begun = await createBrowser().get(world.server.url(start()));
  const callback = await upstreamOf(createBrowser(), begun, world.server.issuer);
  expect((await createBrowser().get(callback)).status).toBe(403);
});
