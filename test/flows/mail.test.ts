import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.js';
import type { LinkedBy } from '../../src/stores/federated-identity-store.js';
import { authorizeUrl, getCode, redeem, signIn } from '../support/flow.js';
import { linkIn, type MailServer, startMailServer } from '../support/mail-server.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

/** Sign-up, verification, recovery, change of address and invitations, through a real SMTP server (A112, A114). */

const NEW_PASSWORD = 'another long one here';

let mail: MailServer;
let server: TestServer;
let people = 0;

beforeAll(async () => {
  mail = await startMailServer();
  server = await startServer({
    SIGN_UP: 'open',
    SMTP_URL: mail.url,
    MAIL_FROM: 'Postern Accounts <accounts@id.example.org>',
  });
});
afterAll(async () => {
  await server.close();
  await mail.close();
});

const sent = (on = server): Promise<void> => on.container.byMail.postman.idle();
// Those of the test before have come, so that mails can be counted.
beforeEach(() => sent());

const headingOf = (page: Page): string => /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(page.text)?.[1]?.trim() ?? '';
const isSignedIn = async (browser: Browser): Promise<boolean> =>
  (await browser.get(server.url('/account'))).status === 200;
const accountOf = (id: string) => server.container.accounts.findById(id);
const eventsOf = async (accountId: string): Promise<string[]> =>
  (await server.container.auditStore.list({ accountId, limit: 100 })).map(({ event }) => event);

/** Somebody new with a proven address, in a browser that is signed in. */
async function newPerson(more: object = {}) {
  people += 1;
  const email = `person${people}@example.org`;
  const { id, username } = await server.createAccount(`person${people}`, {
    email,
    emailVerified: true,
    ...more,
  });
  return { id, username, email };
}

async function signedIn(more: object = {}) {
  const person = await newPerson(more);
  const browser = createBrowser();
  await signIn(server, browser, person.username);
  return { ...person, browser };
}

async function ask(identifier: string, on = server): Promise<Page> {
  const browser = createBrowser();
  const form = await browser.get(on.url('/forgot-password'));
  const page = await browser.follow(
    await browser.submit(form, '/forgot-password', { identifier }),
    on.issuer,
  );
  await sent(on);
  return page;
}

async function use(link: string, fields: Record<string, string> = {}): Promise<Page> {
  const browser = createBrowser();
  const page = await browser.submit(await browser.get(link), new URL(link).pathname, fields);
  return browser.follow(page, server.issuer);
}

const canSignIn = async (username: string, password: string): Promise<boolean> => {
  const browser = createBrowser();
  const page = await browser.submit(await browser.get(server.url('/login')), '/login', {
    username,
    password,
  });
  return page.status === 303;
};

describe('a lost password', () => {
  test('an unknown name, an unproven and a disabled account get the words of a known one, and no mail (A112)', async () => {
    const known = await newPerson();
    const unproven = await newPerson({ emailVerified: false });
    const without = await newPerson({ email: undefined, emailVerified: false });
    const disabled = await newPerson();
    await server.container.disableAccounts.disable(disabled.id, { actorId: 'cli' });
    const before = mail.mails.length;
    const answers = [];
    for (const identifier of [
      'nobody-at-all',
      'nobody@example.org',
      'no\u202ename',
      'a b',
      unproven.email,
      unproven.username,
      without.username,
      disabled.email,
      known.username,
      known.email,
      known.email.toUpperCase(),
    ]) {
      const { status, text, headers } = await ask(identifier);
      const names = [...headers.keys()].filter((name) => name !== 'connection').sort();
      answers.push({ status, names, text: text.replaceAll(/(nonce|value)="[\w-]{20,}"/g, '') });
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]?.status).toBe(200);
    expect(mail.mails.slice(before).map(({ to }) => to)).toEqual(Array(3).fill([known.email]));
  });

  test('nothing typed, or no token of the page, asks for nothing', async () => {
    const browser = createBrowser();
    const form = await browser.get(server.url('/forgot-password'));
    const empty = await browser.submit(form, '/forgot-password', { identifier: ' ' });
    expect(empty.status).toBe(400);
    expect(empty.text).toContain('Type your username');
    const forged = await createBrowser().post(server.url('/forgot-password'), { identifier: 'x' });
    expect(forged.status).toBe(403);
  });

  test('a link forged, cut short or of another kind is one dead end that leads on', async () => {
    const { id, email } = await newPerson({ emailVerified: false });
    const account = await accountOf(id);
    if (!account) throw new Error('no account');
    await server.container.byMail.emailAddress.sendVerification(account, { ip: '::1', requestId: 'x' });
    await sent();
    const other = new URL(linkIn(mail.to(email))).searchParams.get('token') ?? '';
    for (const path of [
      '/reset-password',
      '/reset-password?token=',
      `/reset-password?token=${'A'.repeat(43)}`,
      `/reset-password?token=${other}`,
      '/reset-password?token=a&token=b',
      '/verify-email?token=x',
      '/confirm-email',
      '/undo-email-change?token=%00',
      '/signup?invite=forged',
    ]) {
      const page = await createBrowser().get(server.url(path));
      expect([path, page.status]).toEqual([path, path.includes('%00') ? page.status : 410]);
      expect(page.status).toBeLessThan(500);
      if (page.status === 410) expect(page.text).toContain('href="/login"');
    }
  });

  test('opening the link changes nothing; a bad choice is refused and the link goes on working', async () => {
    const { username, email } = await newPerson();
    await ask(username);
    const received = mail.to(email);
    expect(received.from).toBe('accounts@id.example.org');
    expect(received.headers).toMatchObject({
      from: 'Postern Accounts <accounts@id.example.org>',
      to: email,
      subject: 'Choose a new password (Postern)',
      'auto-submitted': 'auto-generated',
    });
    const link = linkIn(received);
    expect(link).toMatch(new RegExp(`^${server.issuer}/reset-password\\?token=[\\w-]{43}$`));
    expect(received.html).toContain(`href="${link}"`);
    expect(received.text).toContain(username);
    for (let times = 0; times < 3; times += 1) {
      const page = await createBrowser().get(link);
      expect([page.status, headingOf(page)]).toEqual([200, 'Choose a new password']);
    }
    for (const new_password of ['seven77', 'password1', username, PASSWORD]) {
      expect((await use(link, { new_password })).status).toBe(400);
    }
    expect(await canSignIn(username, PASSWORD)).toBe(true);
    expect((await use(link, { new_password: NEW_PASSWORD })).status).toBe(200);
    expect(await canSignIn(username, NEW_PASSWORD)).toBe(true);
  });

  test('a reset ends sessions and refresh tokens, and works once; the address is told', async () => {
    const { username, email, id, browser } = await signedIn();
    const client = await server.createClient();
    const grant = await getCode(server, client, { scope: 'openid offline_access' }, { browser, username });
    const tokens = await redeem(server, client, grant);
    expect(tokens.status).toBe(200);
    await ask(email);
    await ask(username);
    const [first = '', second = ''] = mail.mails
      .filter(({ to }) => to.includes(email))
      .map((one) => linkIn(one));
    const done = await use(second, { new_password: NEW_PASSWORD });
    expect([done.status, headingOf(done)]).toEqual([200, 'Your password was changed']);
    for (const path of ['/account/settings/linkedaccounts/', '/account/api-keys']) {
      expect(done.text).toContain(`href="${path}"`);
    }
    expect(done.text).toContain('whether everything there is yours');
    await sent();
    expect(mail.to(email).headers.subject).toBe('Your password was changed (Postern)');
    expect(await isSignedIn(browser)).toBe(false);
    const refreshed = await fetch(server.url('/oauth/token'), {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client.clientId}:${client.secret}`)}` },
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: String(tokens.body.refresh_token),
      }),
    });
    expect([refreshed.status, ((await refreshed.json()) as { error: string }).error]).toEqual([
      400,
      'invalid_grant',
    ]);
    // The one used, and the one asked for before it.
    for (const link of [first, second]) expect((await createBrowser().get(link)).status).toBe(410);
    expect(await canSignIn(username, PASSWORD)).toBe(false);
    expect(await eventsOf(id)).toEqual(
      expect.arrayContaining(['account.recovery_requested', 'account.password_changed']),
    );
  });

  test('whoever guessed too often has to wait, with a refused choice too, and not after a reset', async () => {
    const { username, email } = await newPerson();
    await ask(username);
    const link = linkIn(mail.to(email));
    for (let turn = 0; turn < 10; turn += 1) expect(await canSignIn(username, 'no')).toBe(false);
    expect(await canSignIn(username, PASSWORD)).toBe(false);
    expect((await use(link, { new_password: 'short' })).status).toBe(400);
    expect(await canSignIn(username, PASSWORD)).toBe(false);
    await use(link, { new_password: NEW_PASSWORD });
    expect(await canSignIn(username, NEW_PASSWORD)).toBe(true);
    server.clock.advance(3601);
  });

  test('a link ends after 30 minutes, with another change of the password, and with the account’s end', async () => {
    const late = await newPerson();
    await ask(late.username);
    const lateLink = linkIn(mail.to(late.email));
    const changed = await newPerson();
    await ask(changed.username);
    await server.container.setPassword(changed.id, 'set by an administrator');
    expect((await createBrowser().get(linkIn(mail.to(changed.email)))).status).toBe(410);
    expect(await canSignIn(changed.username, 'set by an administrator')).toBe(true);
    const gone = await newPerson();
    await ask(gone.username);
    await server.container.disableAccounts.disable(gone.id, { actorId: 'cli' });
    expect((await createBrowser().get(linkIn(mail.to(gone.email)))).status).toBe(410);
    const page = await createBrowser().get(lateLink);
    server.clock.advance(30 * 60);
    const browser = createBrowser();
    expect((await browser.get(lateLink)).status).toBe(410);
    expect(page.status).toBe(200);
  });

  test('mails to one person are limited alike for known and unknown names, and for one visitor', async () => {
    const { username, email } = await newPerson();
    for (const identifier of [username, 'somebody-unknown']) {
      const statuses = [];
      for (let times = 0; times < 6; times += 1) statuses.push((await ask(identifier)).status);
      expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    }
    expect(mail.mails.filter(({ to }) => to.includes(email))).toHaveLength(5);
    // Others are not made to wait for it.
    server.clock.advance(3601);
    expect((await ask(username)).status).toBe(200);
  });

  test('a server that is busy is asked again; one that refuses leaves a line in the log and in the audit trail', async () => {
    server.clock.advance(3601);
    const { username, email } = await newPerson();
    mail.refuse(1, 451);
    await ask(username);
    expect(linkIn(mail.to(email))).toContain('/reset-password');
    const other = await newPerson();
    mail.refuse(1, 550);
    const page = await ask(other.username);
    expect(page.status).toBe(200);
    expect(() => mail.to(other.email)).toThrow('no mail');
    expect(server.logs.join('')).toContain('a mail was not sent');
    const [failure] = await server.container.auditStore.list({ accountId: other.id, limit: 1 });
    expect(failure).toMatchObject({
      outcome: 'failure',
      accountId: other.id,
      ip: '127.0.0.1',
      requestId: expect.any(String),
      detail: { mail: 'reset-password', attempts: 1, reason: '550' },
    });
    expect(JSON.stringify(failure)).not.toContain(other.email);
    expect(server.logs.join('')).not.toMatch(/token=[\w-]{20}/);
  });
});

describe('signing up with an address', () => {
  async function signUp(fields: Record<string, string>) {
    server.clock.advance(3601);
    people += 1;
    const username = `person${people}`;
    const browser = createBrowser();
    const form = await browser.get(server.url('/signup'));
    const page = await browser.submit(form, '/signup', { username, password: PASSWORD, ...fields });
    await sent();
    const account = await server.container.accounts.findByUsernameKey(username);
    return { page, browser, username, account };
  }

  test.each([
    'not an address',
    'a@b, c@d',
    'a@b\r\nBcc: victim@example.org',
    '<a@b>',
    'a@b\u2028c',
    `${'x'.repeat(260)}@b.example`,
  ])('%j is refused, nothing is made and no mail leaves', async (email) => {
    const before = mail.mails.length;
    const { page, account } = await signUp({ email });
    expect(page.status).toBe(400);
    expect(page.text).toContain('This is not an e-mail address.');
    expect(account).toBeUndefined();
    expect(mail.mails).toHaveLength(before);
  });

  test('the address counts as proven only once the button behind its link was pressed', async () => {
    const { account, username } = await signUp({ email: 'carol@example.org', email_verified: '1' });
    expect(account).toMatchObject({ email: 'carol@example.org', emailVerified: false });
    const received = mail.to('carol@example.org');
    // Whoever typed the address must not be able to write to it.
    expect(received.raw).not.toContain(username);
    const link = linkIn(received);
    const page = await createBrowser().get(link);
    expect([page.status, headingOf(page)]).toEqual([200, 'Confirm your address']);
    expect(page.text).toContain('carol@example.org');
    expect(await accountOf(account?.id ?? '')).toMatchObject({ emailVerified: false });
    expect(headingOf(await use(link))).toBe('The address is confirmed');
    expect(await accountOf(account?.id ?? '')).toMatchObject({ emailVerified: true });
    expect((await createBrowser().get(link)).status).toBe(410);
    expect(await eventsOf(account?.id ?? '')).toContain('account.email_verified');
  });

  test('an address others have keeps nobody out and tells nothing', async () => {
    const { email } = await newPerson();
    const { page, account } = await signUp({ email });
    expect(page.status).toBe(303);
    expect(account).toMatchObject({ email, emailVerified: false });
  });

  test('one mailbox gets five mails; a sixth account is made without one, a seventh is told to wait', async () => {
    const statuses = [];
    const signUpSoon = async (n: number) => {
      const browser = createBrowser();
      const form = await browser.get(server.url('/signup'));
      const fields = { username: `crowd${n}`, password: PASSWORD, email: 'crowd@example.org' };
      return (await browser.submit(form, '/signup', fields)).status;
    };
    server.clock.advance(3601);
    for (let n = 1; n <= 7; n += 1) statuses.push(await signUpSoon(n));
    await sent();
    expect(statuses).toEqual([303, 303, 303, 303, 303, 303, 429]);
    expect(mail.mails.filter(({ to }) => to.includes('crowd@example.org'))).toHaveLength(5);
    expect(await server.container.accounts.findByUsernameKey('crowd6')).toBeDefined();
    expect(await server.container.accounts.findByUsernameKey('crowd7')).toBeUndefined();
  });

  test('without an address no mail leaves', async () => {
    const before = mail.mails.length;
    const { page, account } = await signUp({ email: '  ' });
    expect(page.status).toBe(303);
    expect(account?.email).toBeUndefined();
    expect(mail.mails).toHaveLength(before);
  });

  test('another mail can be asked for on the account, and none once it is proven', async () => {
    const { browser, email, id } = await signedIn({ emailVerified: false });
    const page = await browser.get(server.url('/account/email'));
    expect(page.text).toContain('not confirmed');
    const told = await browser.submit(page, '/account/email/verify');
    expect(told.status).toBe(303);
    expect((await browser.follow(told, server.issuer)).text).toContain(`on its way to ${email}`);
    await sent();
    await use(linkIn(mail.to(email)));
    expect(await accountOf(id)).toMatchObject({ emailVerified: true });
    const proven = await browser.get(server.url('/account/email'));
    expect(proven.text).not.toContain('/account/email/verify');
  });
});

describe('changing the address', () => {
  async function change(browser: Browser, email: string, password = PASSWORD): Promise<Page> {
    server.clock.advance(3601);
    const form = await browser.get(server.url('/account/email'));
    const page = await browser.submit(form, '/account/email', { email, password });
    await sent();
    return page;
  }

  test('is for those who are signed in and know the password', async () => {
    const stranger = await createBrowser().get(server.url('/account/email'));
    expect(stranger.location).toBe(server.url('/login?next=/account/email'));
    const { browser, email, id } = await signedIn();
    const before = mail.mails.length;
    const wrong = await change(browser, 'new@example.org', 'not the one');
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain('The password is wrong.');
    const bad = await change(browser, 'a@b, c@d');
    expect(bad.text).toContain('This is not an e-mail address.');
    const same = await change(browser, email);
    expect(same.text).toContain('This is your address already.');
    expect(mail.mails).toHaveLength(before);
    expect(await accountOf(id)).toMatchObject({ email });
  });

  test('the new address is proven first, the former one told, and its link brings it back', async () => {
    const { browser, email, id, username } = await signedIn();
    await change(browser, 'thief@example.org');
    expect(await accountOf(id)).toMatchObject({ email, emailVerified: true });
    expect(mail.to('thief@example.org').raw).not.toContain(username);
    expect(headingOf(await use(linkIn(mail.to('thief@example.org'))))).toBe('The address was changed');
    await sent();
    expect(await accountOf(id)).toMatchObject({ email: 'thief@example.org', emailVerified: true });
    const told = mail.to(email);
    expect(told.headers.subject).toBe('Your e-mail address was changed (Postern)');
    expect(told.text).toContain(username);
    // A second change does not shake the first one's link off, nor does a reset to the new address.
    await change(browser, 'thief2@example.org');
    await use(linkIn(mail.to('thief2@example.org')));
    await sent();
    await ask(username);
    const reset = linkIn(mail.to('thief2@example.org'));
    expect((await createBrowser().get(reset)).status).toBe(200);
    const undone = await use(linkIn(told));
    expect(headingOf(undone)).toBe('The former address is back');
    expect(await accountOf(id)).toMatchObject({ email, emailVerified: true });
    expect(await isSignedIn(browser)).toBe(false);
    for (const link of [reset, linkIn(told), linkIn(mail.to('thief@example.org'))]) {
      expect((await createBrowser().get(link)).status).toBe(410);
    }
    expect(await eventsOf(id)).toEqual(
      expect.arrayContaining([
        'account.email_change_asked',
        'account.email_changed',
        'account.email_change_undone',
      ]),
    );
  });

  test('the undo link of a thief who changed it twice ends none that is older: the owner comes after', async () => {
    const { browser, email, id } = await signedIn();
    await change(browser, 'steals@example.org');
    await use(linkIn(mail.to('steals@example.org')));
    await sent();
    const owners = linkIn(mail.to(email));
    await change(browser, 'steals-on@example.org');
    await use(linkIn(mail.to('steals-on@example.org')));
    await sent();
    const thiefs = linkIn(mail.to('steals@example.org'));
    expect(headingOf(await use(thiefs))).toBe('The former address is back');
    expect(await accountOf(id)).toMatchObject({ email: 'steals@example.org' });
    expect(headingOf(await use(owners))).toBe('The former address is back');
    expect(await accountOf(id)).toMatchObject({ email, emailVerified: true });
    expect((await createBrowser().get(owners)).status).toBe(410);
  });

  test('the owner’s undo link ends those of the thief, who was told of a later change', async () => {
    const { browser, email, id } = await signedIn();
    await change(browser, 'steals2@example.org');
    await use(linkIn(mail.to('steals2@example.org')));
    await sent();
    const owners = linkIn(mail.to(email));
    await change(browser, 'steals2-on@example.org');
    await use(linkIn(mail.to('steals2-on@example.org')));
    await sent();
    await use(owners);
    expect((await createBrowser().get(linkIn(mail.to('steals2@example.org')))).status).toBe(410);
    expect(await accountOf(id)).toMatchObject({ email });
  });

  test('undoing it takes away what was connected since, its tokens included, and nothing else', async () => {
    const { browser, email, id } = await signedIn();
    const { identities, upstreamSide, database, clock } = server.container;
    const connect = async (upstreamId: string, linkedBy: LinkedBy) => {
      const at = { createdAt: clock.now(), updatedAt: clock.now() };
      const who = { id: `${upstreamId} of ${id}`, accountId: id, upstreamId, linkedBy, ...at };
      const known = { issuer: `https://${upstreamId}.example`, subject: id, attributes: {}, extra: {} };
      await identities.write([
        identities.insertStep({ ...who, ...known }),
        ...upstreamSide.access.vault.keepSteps(id, upstreamId, { accessToken: `token-${upstreamId}` }),
      ]);
    };
    const tokens = async () =>
      (await database.all<{ upstream_id: string }>(database.sql('upstream_tokens').where({ account_id: id })))
        .map(({ upstream_id }) => upstream_id)
        .toSorted();
    await connect('older', 'link');
    await change(browser, 'connects@example.org');
    await use(linkIn(mail.to('connects@example.org')));
    await sent();
    server.clock.advance(1);
    await connect('thiefs', 'link');
    await connect('thiefs-desk', 'link_desk');
    await connect('operators', 'cli');
    const page = await use(linkIn(mail.to(email)));
    expect((await identities.listOf(id)).map(({ upstreamId }) => upstreamId).toSorted()).toEqual([
      'older',
      'operators',
    ]);
    expect(await tokens()).toEqual(['older', 'operators']);
    const trail = await server.container.auditStore.list({ accountId: id, limit: 100 });
    expect(
      trail
        .flatMap(({ event, detail }) => (event === 'account.link_undone' ? [detail?.upstream] : []))
        .toSorted(),
    ).toEqual(['thiefs', 'thiefs-desk']);
    for (const path of ['/account/settings/linkedaccounts/', '/account/api-keys']) {
      expect(page.text).toContain(`href="${path}"`);
    }
    expect(page.text).toContain('whether everything there is yours');
  });

  test('a former address that nobody proved is told nothing, and can undo nothing', async () => {
    const { browser, email, id } = await signedIn({ emailVerified: false });
    await change(browser, 'proven@example.org');
    const done = await use(linkIn(mail.to('proven@example.org')));
    await sent();
    expect(headingOf(done)).toBe('The address was changed');
    expect(done.text).not.toContain('The former address was told');
    expect(() => mail.to(email)).toThrow('no mail');
    const { database } = server.container;
    const links = await database.all<{ purpose: string }>(database.sql('links').where({ account_id: id }));
    expect(links.filter(({ purpose }) => purpose === 'undo_email_change')).toEqual([]);
    expect(await accountOf(id)).toMatchObject({ email: 'proven@example.org', emailVerified: true });
  });

  test.each([
    ['/verify-email', { emailVerified: false }],
    ['/confirm-email', {}],
    ['/undo-email-change', {}],
  ])(
    '%s says whose account gets the address, before it does; not once that is disabled',
    async (path, more) => {
      const { browser, email, username, id } = await signedIn(more);
      const fresh = `of-${username}@example.org`;
      if (path === '/verify-email') {
        server.clock.advance(3601);
        await browser.submit(await browser.get(server.url('/account/email')), '/account/email/verify');
        await sent();
      } else await change(browser, fresh);
      if (path === '/undo-email-change') await use(linkIn(mail.to(fresh)));
      await sent();
      const link = linkIn(mail.to(path === '/confirm-email' ? fresh : email));
      expect(new URL(link).pathname).toBe(path);
      expect((await createBrowser().get(link)).text).toContain(`“${username}”`);
      await server.container.disableAccounts.disable(id, { actorId: 'cli' });
      expect((await createBrowser().get(link)).status).toBe(410);
    },
  );

  test('a reset of the password ends a change that was asked for before: it may have been a thief', async () => {
    const { browser, email, id } = await signedIn();
    await change(browser, 'waiting@example.org');
    const asked = linkIn(mail.to('waiting@example.org'));
    await ask(email);
    await use(linkIn(mail.to(email)), { new_password: NEW_PASSWORD });
    expect((await createBrowser().get(asked)).status).toBe(410);
    expect(await accountOf(id)).toMatchObject({ email });
  });

  test('the undo link works for days and not for ever; the confirmation for two hours', async () => {
    const { browser, email } = await signedIn();
    await change(browser, 'days@example.org');
    await use(linkIn(mail.to('days@example.org')));
    await sent();
    const undo = linkIn(mail.to(email));
    const { browser: other } = await signedIn();
    await change(other, 'hours@example.org');
    server.clock.advance(2 * 3600);
    expect((await createBrowser().get(linkIn(mail.to('hours@example.org')))).status).toBe(410);
    server.clock.advance(6 * 86_400);
    expect((await createBrowser().get(undo)).status).toBe(200);
    server.clock.advance(86_400);
    expect((await createBrowser().get(undo)).status).toBe(410);
  });
});

describe('another password, however it is set', () => {
  const ways: [string, (browser: Browser, id: string) => Promise<unknown>][] = [
    [
      'on the account’s own page',
      async (browser) => {
        const form = await browser.get(server.url('/account/password'));
        const fields = { password: PASSWORD, new_password: NEW_PASSWORD };
        expect((await browser.submit(form, '/account/password', fields)).status).toBe(303);
      },
    ],
    [
      'by an administrator',
      (_browser, id) => server.container.setPassword(id, NEW_PASSWORD, undefined, { actorId: 'cli' }),
    ],
  ];
  test.each(ways)('%s ends what a thief asked for before', async (_where, set) => {
    server.clock.advance(3601);
    const { browser, email, id, username } = await signedIn();
    const form = await browser.get(server.url('/account/email'));
    const thiefs = `thief-of-${username}@example.org`;
    await browser.submit(form, '/account/email', { email: thiefs, password: PASSWORD });
    await ask(username);
    const links = [linkIn(mail.to(thiefs)), linkIn(mail.to(email))];
    for (const link of links) expect((await createBrowser().get(link)).status).toBe(200);
    await set(browser, id);
    for (const link of links) expect((await createBrowser().get(link)).status).toBe(410);
    expect(await accountOf(id)).toMatchObject({ email });
  });

  test('on the account’s own page is told to a proven address, and to no other', async () => {
    const change = async (more: object) => {
      const person = await signedIn(more);
      const form = await person.browser.get(server.url('/account/password'));
      await person.browser.submit(form, '/account/password', {
        password: PASSWORD,
        new_password: NEW_PASSWORD,
      });
      await sent();
      return person;
    };
    const unproven = await change({ emailVerified: false });
    expect(() => mail.to(unproven.email)).toThrow('no mail');
    const { email, username } = await change({});
    const told = mail.to(email);
    expect(told.headers.subject).toBe('Your password was changed (Postern)');
    expect(told.text).toContain(username);
    expect(linkIn(told)).toBe(server.url('/forgot-password'));
  });

  test('the owner is told that the account is about to be deleted', async () => {
    const { browser, email, username } = await signedIn();
    const form = await browser.get(server.url('/account/delete'));
    expect((await browser.submit(form, '/account/delete', { password: 'wrong' })).status).toBe(400);
    await sent();
    expect(() => mail.to(email)).toThrow('no mail');
    await browser.submit(form, '/account/delete', { password: PASSWORD });
    await sent();
    const told = mail.to(email);
    expect(told.headers.subject).toBe('Your account is about to be deleted (Postern)');
    expect(told.text).toContain(username);
    expect(told.text).toMatch(/will be deleted on \d+ \w+ \d{4}/);
    expect(linkIn(told)).toBe(server.url('/login'));
  });
});

describe('invitations', () => {
  const invite = (on: TestServer, email: string, roles: readonly string[] = []) =>
    on.container.byMail.invitations.invite({ email, roles, createdBy: 'cli' });

  async function accept(link: string, username: string, more = {}): Promise<Page> {
    const browser = createBrowser();
    const page = await browser.get(link);
    if (page.status !== 200) return page;
    return browser.submit(page, '/signup', { username, password: PASSWORD, ...more });
  }

  test('SIGN_UP=invite: without one, forged, revoked or used there is no account (A114)', async () => {
    const own = await startServer({ SIGN_UP: 'invite', SMTP_URL: mail.url });
    try {
      expect((await createBrowser().get(own.url('/signup'))).status).toBe(403);
      expect((await createBrowser().get(own.url('/login'))).text).not.toContain('/signup');
      expect((await accept(own.url('/signup?invite=forged'), 'eve')).status).toBe(410);

      const { link } = await invite(own, 'revoked@example.org');
      expect((await own.container.byMail.invitations.list()).map(({ email }) => email)).toEqual([
        'revoked@example.org',
      ]);
      const revoked = linkIn(mail.to('revoked@example.org'));
      expect(await own.container.byMail.invitations.revoke(link.id, { actorId: 'cli' })).toBe(true);
      expect(await own.container.byMail.invitations.revoke(link.id, { actorId: 'cli' })).toBe(false);
      expect((await accept(revoked, 'eve')).status).toBe(410);

      await invite(own, 'guest@example.org', ['editor']);
      const good = linkIn(mail.to('guest@example.org'));
      const shown = await createBrowser().get(good);
      expect(shown.text).toContain('guest@example.org');
      expect(formOf(shown, '/signup').fields.invite).toHaveLength(43);
      // A refused form does not use it up, and reserved names stay reserved.
      const refused = await accept(good, 'admin');
      expect(refused.status).toBe(400);
      expect(formOf(refused, '/signup').fields.invite).toHaveLength(43);
      const made = await accept(good, 'guest7', { email: 'boss@example.org', roles: 'admin' });
      expect(made.status).toBe(303);
      expect(await own.container.accounts.findByUsernameKey('guest7')).toMatchObject({
        email: 'guest@example.org',
        emailVerified: true,
        roles: ['editor'],
      });
      expect((await accept(good, 'guest8')).status).toBe(410);
      expect(await own.container.byMail.invitations.list()).toEqual([]);

      await invite(own, 'late@example.org');
      own.clock.advance(7 * 86_400);
      expect((await accept(linkIn(mail.to('late@example.org')), 'late7')).status).toBe(410);
    } finally {
      await own.close();
    }
  });

  test('SIGN_UP=open takes invitations as well, for their roles', async () => {
    await invite(server, 'role@example.org', ['editor']);
    expect((await accept(linkIn(mail.to('role@example.org')), 'roleholder')).status).toBe(303);
    expect(await server.container.accounts.findByUsernameKey('roleholder')).toMatchObject({
      roles: ['editor'],
    });
  });

  test('an address or a role that is none is refused; one the server refuses is not listed', async () => {
    await expect(invite(server, 'a@b, c@d', ['not a role'])).rejects.toMatchObject({
      faults: [{ field: 'email' }, { field: 'roles' }],
    });
    mail.refuse(1, 550);
    await expect(invite(server, 'nobody@example.org')).rejects.toMatchObject({ code: 'mail_not_sent' });
    expect(await server.container.byMail.invitations.list()).toEqual([]);
  });
});

describe('where no more mails can wait', () => {
  test('what was confirmed stays done, its notice is audited; a mail to wait for is refused first', async () => {
    const own = await startServer({ SMTP_URL: mail.url });
    try {
      const { id, username } = await own.createAccount('full', {
        email: 'full@example.org',
        emailVerified: true,
      });
      const browser = createBrowser();
      await signIn(own, browser, username);
      const form = await browser.get(own.url('/account/email'));
      const change = (email: string) => browser.submit(form, '/account/email', { email, password: PASSWORD });
      await change('first@example.org');
      await sent(own);
      const { postman } = own.container.byMail;
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      for (let count = 0; count < 503; count += 1) postman.later(() => held);

      const asked = (await own.container.auditStore.list({ accountId: id, limit: 100 })).length;
      expect((await change('second@example.org')).status).toBe(503);
      // But for the password, which was checked.
      expect((await own.container.auditStore.list({ accountId: id, limit: 100 })).length).toBe(asked + 1);

      const link = linkIn(mail.to('first@example.org'));
      const guest = createBrowser();
      expect((await guest.submit(await guest.get(link), '/confirm-email')).status).toBe(303);
      expect(await own.container.accounts.findById(id)).toMatchObject({ email: 'first@example.org' });
      release();
      await sent(own);
      const trail = await own.container.auditStore.list({ accountId: id, limit: 100 });
      expect(trail.find(({ event }) => event === 'mail.not_sent')).toMatchObject({
        outcome: 'failure',
        detail: { mail: 'email-changed', attempts: 0, reason: 'temporarily_unavailable' },
      });
    } finally {
      await own.close();
    }
  });
});

describe('without a mail server', () => {
  test('in development each mail is a file beside the database that nobody else can read, and a line', async () => {
    const own = await startServer({ SIGN_UP: 'open' });
    try {
      await own.createAccount('dora', { email: 'dora@example.org', emailVerified: true });
      expect((await ask('dora', own)).status).toBe(200);
      const folder = join(dirname(own.container.config.database.file ?? ''), 'outbox');
      const [html = '', text = ''] = readdirSync(folder).sort();
      expect([html, text].map((file) => file.replace(/^[\w-]{36}-/, ''))).toEqual([
        'reset-password.html',
        'reset-password.txt',
      ]);
      expect(statSync(join(folder, text)).mode & 0o077).toBe(0);
      const content = readFileSync(join(folder, text), 'utf8');
      expect(content).toContain('To: dora@example.org\nSubject: Choose a new password (Postern)\n\n');
      const link = /http\S+/.exec(content)?.[0] ?? '';
      const browser = createBrowser();
      const page = await browser.submit(await browser.get(link), '/reset-password', {
        new_password: NEW_PASSWORD,
      });
      expect(page).toMatchObject({ status: 303, location: own.url('/reset-password/done') });
      const line = own.logs.find((one) => one.includes('a mail was kept in the outbox')) ?? '';
      expect(line).toContain(text);
      expect(line).not.toContain(new URL(link).searchParams.get('token'));
    } finally {
      await own.close();
    }
  });

  test('in production what needs a mail says that there is none to be had, and the rest works', async () => {
    const own = await startServer({
      ISSUER: 'https://id.example.org',
      SECRET_KEY: 'k7Qv2mXz9RfT4bLc8WnYp3HsJ6dGaE5u',
      SIGN_UP: 'open',
    });
    try {
      const get = async (path: string) => {
        const headers = { host: 'id.example.org', 'x-forwarded-proto': 'https', accept: 'text/html' };
        const { request } = await import('node:http');
        return new Promise<{ status: number; text: string }>((resolve, reject) => {
          const asked = request(`${own.local}${path}`, { headers }, (answer) => {
            let text = '';
            answer.on('data', (chunk) => {
              text += chunk;
            });
            answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
          });
          asked.on('error', reject).end();
        });
      };
      const forgot = await get('/forgot-password');
      expect(forgot.status).toBe(503);
      expect(forgot.text).toContain('This server sends no mails');
      expect((await get('/login')).text).not.toContain('forgot-password');
      const signUp = await get('/signup');
      expect(signUp.status).toBe(200);
      expect(signUp.text).not.toContain('name="email"');
      const invited = own.container.byMail.invitations.invite({
        email: 'a@example.org',
        roles: [],
        createdBy: 'cli',
      });
      await expect(invited).rejects.toMatchObject({ status: 503 });
    } finally {
      await own.close();
    }
  });
});

test('/.well-known/change-password leads to where the password is changed', async () => {
  const page = await createBrowser().get(server.url('/.well-known/change-password'));
  expect(page).toMatchObject({ status: 303, location: server.url('/account/password') });
});

test('a sign-in inside a pending request leads to recovery, too', async () => {
  const client = await server.createClient();
  const browser = createBrowser();
  const page = await browser.follow(await browser.get(authorizeUrl(server, client)), server.issuer);
  expect(page.text).toContain('href="/forgot-password"');
});
