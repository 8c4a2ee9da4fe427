/**
 * Mails leave from here, off the path of the answer: how long a mail takes, and whether there was one to
 * send, is nothing a browser can measure. A mail that cannot be sent is tried again, then logged and told
 * to whoever asked, never dropped in silence.
 */
import { setImmediate } from 'node:timers/promises';
import { PageError, PosternError, Unavailable } from '../errors/errors.js';
import type { MailModels, MailName } from './mails.js';
import type { RenderMail } from './render-mail.js';
import type { MailTransport } from './transport.js';

export interface Postman {
  /** Whether mails can leave at all: false in production without a mail server. */
  readonly available: boolean;
  /** @throws {PageError} 503 where none can */
  require(): void;
  /** Renders and sends one; throws when every attempt failed. */
  send<N extends MailName>(name: N, to: string, model: MailModels[N]): Promise<{ readonly file?: string }>;
  /**
   * Does work with mails in it after the answer. Failures are logged.
   * @throws {Unavailable} when too much is waiting already
   */
  later(work: () => Promise<void>): void;
  /** When everything given to `later` has been done. */
  idle(): Promise<void>;
  /** The same within so many milliseconds; what is left then is logged. */
  close(ms: number): Promise<void>;
}

interface PostmanLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface PostmanDeps {
  readonly transport: MailTransport | undefined;
  readonly renderMail: RenderMail;
  readonly log: PostmanLog;
  /** Waits so many milliseconds. */
  readonly pause: (ms: number) => Promise<unknown>;
}

/** Waits before another attempt. */
const AGAIN_MS = [1_000, 5_000];
const MOST_WAITING = 500;
const AT_ONCE = 3;

/** 5xx: the server will not take it, however often it is asked (RFC 5321 §4.2.1). */
const isFinal = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'responseCode' in error && Number(error.responseCode) >= 500;

const notSent = (cause: unknown): PosternError =>
  new PosternError(502, 'mail_not_sent', 'The mail server did not take the mail.', { cause });

export function createPostman({ transport, renderMail, log, pause }: PostmanDeps): Postman {
  const waiting: (() => Promise<void>)[] = [];
  let running = 0;
  let rest: (() => void)[] = [];

  function next(): void {
    if (running === 0 && waiting.length === 0) {
      for (const tell of rest) tell();
      rest = [];
    }
    while (running < AT_ONCE) {
      const work = waiting.shift();
      if (work === undefined) return;
      running += 1;
      void run(work);
    }
  }

  async function run(work: () => Promise<void>): Promise<void> {
    try {
      // The answer leaves first: even a look into the database must not hold it up.
      await setImmediate();
      await work();
    } catch (error) {
      log.error({ err: error }, 'a mail was not sent');
    } finally {
      running -= 1;
      next();
    }
  }

  function require(): void {
    if (transport !== undefined) return;
    throw new PageError(
      503,
      'mail_unavailable',
      'This server sends no mails',
      'It has no mail server to send them with. Ask the people who run this server.',
      { detail: 'SMTP_URL is not set', waysOn: [{ label: 'Sign in', href: '/login' }] },
    );
  }

  function idle(): Promise<void> {
    if (running === 0 && waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => rest.push(resolve));
  }

  return {
    available: transport !== undefined,
    require,
    async send(name, to, model) {
      require();
      const mail = renderMail(name, to, model);
      for (let attempt = 0; ; attempt += 1) {
        try {
          const sent = (await transport?.send(mail)) ?? {};
          // The file, not the link in it: a log is read by more people than a mail.
          if (sent.file) log.info({ mail: name, file: sent.file }, 'a mail was kept in the outbox');
          return sent;
        } catch (error) {
          const wait = AGAIN_MS[attempt];
          if (wait === undefined || isFinal(error)) throw notSent(error);
          await pause(wait);
        }
      }
    },
    later(work) {
      if (waiting.length >= MOST_WAITING) throw new Unavailable('too many mails are waiting');
      waiting.push(work);
      next();
    },
    idle,
    async close(ms) {
      await Promise.race([idle(), pause(ms)]);
      const left = running + waiting.length;
      if (left > 0) log.error({ left }, 'the server stopped before every mail was sent');
    },
  };
}
