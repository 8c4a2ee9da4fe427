import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Unavailable } from '../../../src/platform/errors/errors.js';
import type { Mail } from '../../../src/platform/mail/mails.js';
import { createPostman, type Undelivered } from '../../../src/platform/mail/postman.js';
import {
  createOutbox,
  createSmtpTransport,
  type MailTransport,
} from '../../../src/platform/mail/transport.js';
import { type MailServer, startMailServer } from '../../support/mail-server.js';

const MAIL: Mail = {
  name: 'invitation',
  to: 'a@example.org',
  subject: 'S',
  text: 'text',
  html: '<p>html</p>',
};
const MODEL = { link: 'https://id.example.org/x', validFor: '1 day' };

function postmanOver(transport: MailTransport | undefined) {
  const lines: string[] = [];
  const pauses: number[] = [];
  const held: boolean[] = [];
  const given: Undelivered[] = [];
  const postman = createPostman({
    transport,
    renderMail: (name, to) => ({ ...MAIL, name, to }),
    log: { info: (_f, line) => void lines.push(line), error: (_f, line) => void lines.push(line) },
    undelivered: async (mail) => void given.push(mail),
    async pause(ms, hold) {
      pauses.push(ms);
      held.push(hold);
    },
  });
  return { postman, lines, pauses, held, given };
}

const failing = (...codes: number[]): MailTransport & { tries: number } => ({
  tries: 0,
  async send() {
    this.tries += 1;
    const responseCode = codes.shift();
    if (responseCode !== undefined) throw Object.assign(new Error('no'), { responseCode });
    return {};
  },
});

describe('the postman', () => {
  test('without a transport refuses with 503, and says so beforehand', async () => {
    const { postman } = postmanOver(undefined);
    expect(postman.available).toBe(false);
    expect(() => postman.require()).toThrow(expect.objectContaining({ status: 503 }));
    await expect(postman.send('invitation', 'a@example.org', MODEL)).rejects.toMatchObject({ status: 503 });
  });

  test('tries again what the server refuses for now, not what it refuses for good', async () => {
    const busy = failing(451, 421);
    const { postman, pauses, held } = postmanOver(busy);
    await postman.send('invitation', 'a@example.org', MODEL);
    expect([busy.tries, pauses]).toEqual([3, [1000, 5000]]);
    // Somebody waits: a command must not end in between.
    expect(held).toEqual([true, true]);
    const refusing = failing(550);
    await expect(
      postmanOver(refusing).postman.send('invitation', 'a@example.org', MODEL),
    ).rejects.toMatchObject({ code: 'mail_not_sent' });
    expect(refusing.tries).toBe(1);
    const down = failing(421, 421, 421, 421);
    await expect(postmanOver(down).postman.send('invitation', 'a@example.org', MODEL)).rejects.toMatchObject({
      code: 'mail_not_sent',
    });
    expect(down.tries).toBe(3);
  });

  test('after the answer it is patient: six attempts within a quarter of an hour, then the trail is told', async () => {
    const about = { accountId: 'anna', requestId: 'r', ip: '192.0.2.1' };
    const busy = failing(451, 421, 421, 451, 451);
    const first = postmanOver(busy);
    first.postman.post('invitation', 'a@example.org', MODEL, about);
    await first.postman.idle();
    expect([busy.tries, first.pauses, first.given]).toEqual([6, [1000, 5000, 30_000, 120_000, 600_000], []]);
    // A server that stops is not kept for a quarter of an hour.
    expect(first.held).toEqual(Array(5).fill(false));
    const down = failing(421, 421, 421, 421, 421, 421);
    const second = postmanOver(down);
    second.postman.post('invitation', 'a@example.org', MODEL, about);
    await second.postman.idle();
    expect(down.tries).toBe(6);
    expect(second.given).toEqual([{ ...about, mail: 'invitation', attempts: 6, reason: '421' }]);
    expect(second.lines).toEqual(['a mail was not sent']);
    const refusing = failing(550);
    const third = postmanOver(refusing);
    third.postman.post('invitation', 'a@example.org', MODEL, about);
    await third.postman.idle();
    expect(third.given).toEqual([{ ...about, mail: 'invitation', attempts: 1, reason: '550' }]);
    // Neither where it was to go nor what was in it.
    expect(JSON.stringify([second.given, third.given])).not.toMatch(/example\.org/);
  });

  test('what no server was asked for, since it can go nowhere, is given up at once', async () => {
    const outbox = createOutbox('/nonexistent/never-made', 'us@example.org');
    const { postman, pauses, given } = postmanOver(outbox);
    postman.post('invitation', 'a\u200d@example.org', MODEL);
    await postman.idle();
    expect([pauses, given]).toEqual([[], [{ mail: 'invitation', attempts: 1, reason: 'unfit_mail' }]]);
    await expect(postman.send('invitation', 'a\u00ad@example.org', MODEL)).rejects.toMatchObject({
      code: 'mail_not_sent',
    });
    expect(pauses).toEqual([]);
  });

  test('a mail that rests holds nobody else up; what still rests at a stop is audited once', async () => {
    const sent: string[] = [];
    const given: Undelivered[] = [];
    const wake: (() => void)[] = [];
    const postman = createPostman({
      transport: {
        async send({ to }) {
          if (to.startsWith('busy')) throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
          sent.push(to);
          return {};
        },
      },
      renderMail: (name, to) => ({ ...MAIL, name, to }),
      log: { info: () => {}, error: () => {} },
      undelivered: async (mail) => void given.push(mail),
      pause: (ms) => (ms === 10 ? Promise.resolve() : new Promise<void>((resolve) => wake.push(resolve))),
    });
    for (let count = 0; count < 5; count += 1) postman.post('invitation', `busy${count}@example.org`, MODEL);
    postman.post('invitation', 'free@example.org', MODEL);
    while (wake.length < 5) await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toEqual(['free@example.org']);
    await postman.close(10);
    expect(given).toEqual(Array(5).fill({ mail: 'invitation', attempts: 1, reason: 'stopped' }));
    for (const resume of wake) resume();
    await new Promise((resolve) => setImmediate(resolve));
    expect(given).toHaveLength(5);
  });

  test('what was never tried, or hangs at the server, is told to the trail at a stop as well', async () => {
    const given: Undelivered[] = [];
    const postman = createPostman({
      transport: { send: () => new Promise(() => {}) },
      renderMail: (name, to) => ({ ...MAIL, name, to }),
      log: { info: () => {}, error: () => {} },
      undelivered: async (mail) => void given.push(mail),
      pause: async () => {},
    });
    for (let count = 0; count < 5; count += 1) {
      postman.post('invitation', 'a@example.org', MODEL, { accountId: `account-${count}` });
    }
    await new Promise((resolve) => setImmediate(resolve));
    await postman.close(10);
    expect(given.map(({ accountId, reason }) => `${accountId} ${reason}`)).toEqual(
      Array.from({ length: 5 }, (_, count) => `account-${count} stopped`),
    );
  });

  test('begins nothing while its caller still runs, logs what fails and goes on', async () => {
    const { postman, lines } = postmanOver(failing());
    const done: string[] = [];
    postman.later(() => Promise.reject(new Error('no')));
    postman.later(async () => void done.push('second'));
    await Promise.resolve();
    expect(done).toEqual([]);
    await postman.idle();
    expect(done).toEqual(['second']);
    expect(lines).toEqual(['a mail was not sent']);
    await postman.idle();
  });

  test('refuses at once what cannot even wait, and says what a stop leaves behind', async () => {
    const { postman, lines } = postmanOver(failing());
    const never = () => new Promise<void>(() => {});
    expect(() => {
      for (let count = 0; count < 600; count += 1) postman.later(never);
    }).toThrow(Unavailable);
    await postman.close(10);
    expect(lines).toEqual(['the server stopped before every mail was sent']);
  });

  test('where nothing more can wait, a mail a person waits for is refused beforehand; a notice is audited', async () => {
    const { postman, given, lines } = postmanOver(failing());
    postman.requireRoom();
    for (let count = 0; count < 503; count += 1) postman.later(() => new Promise<void>(() => {}));
    expect(() => postman.requireRoom()).toThrow(Unavailable);
    postman.post('invitation', 'a@example.org', MODEL, { accountId: 'anna' });
    expect(given).toEqual([
      { accountId: 'anna', mail: 'invitation', attempts: 0, reason: 'temporarily_unavailable' },
    ]);
    expect(lines).toEqual(['a mail was not sent']);
    await postman.close(10);
  });

  test('neither no mail server nor a view that fails nor the trail makes a notice throw', async () => {
    const without = postmanOver(undefined);
    expect(() => without.postman.requireRoom()).toThrow(expect.objectContaining({ status: 503 }));
    without.postman.post('invitation', 'a@example.org', MODEL);
    expect(without.given).toEqual([{ mail: 'invitation', attempts: 0, reason: 'mail_unavailable' }]);
    const lines: string[] = [];
    const postman = createPostman({
      transport: failing(),
      renderMail: () => {
        throw new TypeError('no such view');
      },
      log: { info: () => {}, error: (_f, line) => void lines.push(line) },
      undelivered: () => Promise.reject(new Error('the database is away')),
      pause: async () => {},
    });
    postman.post('invitation', 'a@example.org', MODEL);
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines).toEqual(['a mail was not sent', 'a mail that was not sent could not be audited']);
  });
});

describe('a transport', () => {
  let server: MailServer;
  beforeEach(async () => {
    server = await startMailServer();
  });
  afterEach(() => server.close());

  const transports = () => [
    createSmtpTransport({ url: server.url, from: 'Us <us@example.org>' }),
    createOutbox('/nonexistent/never-made', 'us@example.org'),
  ];

  test.each([
    'a@example.org, b@example.org',
    'a@example.org\r\nBcc: b@example.org',
    'a@example.org\nX: y',
    'A <a@example.org>',
    'group:a@example.org;',
    '"a b"@example.org',
    'a@example.org\u0000',
    'a',
    '',
  ])('takes %j for no address', async (to) => {
    for (const transport of transports()) {
      await expect(transport.send({ ...MAIL, to })).rejects.toThrow('no address');
    }
    expect(server.mails).toEqual([]);
  });

  test('takes no subject of two lines', async () => {
    for (const transport of transports()) {
      await expect(transport.send({ ...MAIL, subject: 'S\r\nBcc: b@example.org' })).rejects.toThrow(
        'one line',
      );
    }
  });

  test('sends both parts in every script to one receiver', async () => {
    const [smtp] = transports();
    const text = 'Grüße, 你好, a line that is long enough to be folded '.repeat(3);
    await smtp?.send({ ...MAIL, subject: 'Grüße 你好', text, html: `<p>${text}</p>` });
    expect(server.mails).toHaveLength(1);
    const [mail] = server.mails;
    expect(mail).toMatchObject({
      to: ['a@example.org'],
      from: 'us@example.org',
      text: expect.stringMatching(text.trim()),
    });
    expect(mail?.headers.to).toBe('a@example.org');
    expect(mail?.headers.bcc).toBeUndefined();
    expect(mail?.html.trim()).toBe(`<p>${text}</p>`);
  });
});
