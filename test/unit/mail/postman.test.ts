import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Unavailable } from '../../../src/platform/errors/errors.js';
import type { Mail } from '../../../src/platform/mail/mails.js';
import { createPostman } from '../../../src/platform/mail/postman.js';
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
  const postman = createPostman({
    transport,
    renderMail: (name, to) => ({ ...MAIL, name, to }),
    log: { info: (_f, line) => void lines.push(line), error: (_f, line) => void lines.push(line) },
    pause: async (ms) => void pauses.push(ms),
  });
  return { postman, lines, pauses };
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
    const { postman, pauses } = postmanOver(busy);
    await postman.send('invitation', 'a@example.org', MODEL);
    expect([busy.tries, pauses]).toEqual([3, [1000, 5000]]);
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
});

describe('a transport', () => {
  let server: MailServer;
  beforeAll(async () => {
    server = await startMailServer();
  });
  afterAll(() => server.close());

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
