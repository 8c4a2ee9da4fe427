/**
 * Mails leave from here, off the path of the answer: how long a mail takes, and whether there was one to
 * send, is nothing a browser can measure. A mail that cannot be sent is tried again for a quarter of an hour,
 * then logged, audited, and told to whoever waits for it: never dropped in silence. The queue is this
 * process's own: what it holds when the server stops is audited, and can be asked for again by a new link.
 */
import { setImmediate } from 'node:timers/promises';
import { PageError, PosternError, Unavailable } from '../errors/errors.js';
import type { Mail, MailModels, MailName } from './mails.js';
import type { RenderMail } from './render-mail.js';
import { type MailTransport, UnfitMail } from './transport.js';

export interface Postman {
  /** Whether mails can leave at all: false in production without a mail server. */
  readonly available: boolean;
  /** @throws {PageError} 503 where none can */
  require(): void;
  /**
   * For a mail that a person waits for: asked before anything is written about it.
   * @throws {PageError} 503 where none can leave
   * @throws {Unavailable} when too much is waiting already
   */
  requireRoom(): void;
  /** Renders and sends one while somebody waits for it: three attempts in six seconds, then it throws. */
  send<N extends MailName>(name: N, to: string, model: MailModels[N]): Promise<{ readonly file?: string }>;
  /**
   * Renders one and sends it after the answer, patiently. It never throws: what it tells of is done already, so
   * whatever becomes of the mail is audited.
   */
  post<N extends MailName>(name: N, to: string, model: MailModels[N], about?: About): void;
  /**
   * Does work with mails in it after the answer. Failures are logged.
   * @throws {Unavailable} when too much is waiting already
   */
  later(work: () => Promise<void>): void;
  /** When everything given to `later` and `post` has been done, or given up. */
  idle(): Promise<void>;
  /** The same within so many milliseconds; what is left then is logged, and its mails are audited. */
  close(ms?: number): Promise<void>;
}

/** Whom a mail is for and which request it comes from, for the audit trail. */
export interface About {
  readonly accountId?: string | undefined;
  readonly ip?: string | undefined;
  readonly requestId?: string | undefined;
}

/** A mail that was given up. Without its address: that is in the account. */
export interface Undelivered extends About {
  readonly mail: MailName;
  readonly attempts: number;
  /** The SMTP answer's code, an error's code or name, or `stopped`. */
  readonly reason: string;
}

interface PostmanLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface PostmanDeps {
  readonly transport: MailTransport | undefined;
  readonly renderMail: RenderMail;
  readonly log: PostmanLog;
  /** Tells the audit trail. */
  readonly undelivered: (mail: Undelivered) => Promise<unknown>;
  /** Waits so many milliseconds; the process goes on meanwhile where it is held. */
  readonly pause: (ms: number, held: boolean) => Promise<unknown>;
}

/** Of the two seconds that closing may take. */
const LAST_MAILS_MS = 1_500;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Waits before another attempt while somebody waits for the answer. */
const AGAIN_MS = [1 * SECOND, 5 * SECOND];
/** And where nobody does: a restart of the mail server, or its greylisting, is over by then. */
const PATIENTLY_MS = [1 * SECOND, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE];
const MOST_WAITING = 500;
const AT_ONCE = 3;

/** 5xx: the server will not take it, however often it is asked (RFC 5321 §4.2.1). */
const isFinal = (error: unknown): boolean =>
  error instanceof UnfitMail ||
  (typeof error === 'object' &&
    error !== null &&
    'responseCode' in error &&
    Number(error.responseCode) >= 500);

function reasonOf(error: unknown): string {
  const of = (name: string): unknown =>
    typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[name] : undefined;
  return String(of('responseCode') ?? of('code') ?? of('name') ?? 'unknown');
}

const notSent = (cause: unknown): PosternError =>
  new PosternError(502, 'mail_not_sent', 'The mail server did not take the mail.', { cause });

interface Work {
  readonly begin: () => Promise<void>;
  /** What to tell the trail where it comes to nothing. */
  readonly mail?: Omit<Undelivered, 'reason'>;
}

export function createPostman({ transport, renderMail, log, undelivered, pause }: PostmanDeps): Postman {
  const waiting: Work[] = [];
  const running = new Set<Work>();
  /** Those that were refused for now, between two attempts: they hold none of the places at work. */
  const resting = new Set<Undelivered>();
  /** What the trail is being told. */
  const telling = new Set<Promise<unknown>>();
  let rest: (() => void)[] = [];

  const isIdle = (): boolean =>
    running.size === 0 && waiting.length === 0 && resting.size === 0 && telling.size === 0;

  function next(): void {
    if (isIdle()) {
      for (const tell of rest) tell();
      rest = [];
    }
    while (running.size < AT_ONCE) {
      const work = waiting.shift();
      if (work === undefined) return;
      running.add(work);
      void run(work);
    }
  }

  async function run(work: Work): Promise<void> {
    try {
      // The answer leaves first: even a look into the database must not hold it up.
      await setImmediate();
      await work.begin();
    } catch (error) {
      log.error({ err: error }, 'a mail was not sent');
    } finally {
      running.delete(work);
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

  function requirePlace(): void {
    if (waiting.length + resting.size >= MOST_WAITING) throw new Unavailable('too many mails are waiting');
  }

  function enqueue(work: Work): void {
    requirePlace();
    waiting.push(work);
    next();
  }

  async function deliver(mail: Mail): Promise<{ readonly file?: string }> {
    const sent = (await transport?.send(mail)) ?? {};
    // The file, not the link in it: a log is read by more people than a mail.
    if (sent.file) log.info({ mail: mail.name, file: sent.file }, 'a mail was kept in the outbox');
    return sent;
  }

  /** One attempt; the next one takes its place in the queue when its time has come. */
  async function attempt(mail: Mail, about: About, attempts: number): Promise<void> {
    try {
      await deliver(mail);
    } catch (error) {
      const given: Undelivered = { ...about, mail: mail.name, attempts, reason: reasonOf(error) };
      const wait = PATIENTLY_MS[attempts - 1];
      if (wait === undefined || isFinal(error)) {
        await undelivered(given);
        throw notSent(error);
      }
      resting.add(given);
      void pause(wait, false).then(() => {
        // Told already, where the server is stopping.
        if (!resting.delete(given)) return;
        waiting.push({ begin: () => attempt(mail, about, attempts + 1), mail: given });
        next();
      });
    }
  }

  /** Tells the trail of a mail that never got into the queue. */
  function tell(mail: Undelivered): void {
    const told = undelivered(mail)
      .catch((err: unknown) => log.error({ err }, 'a mail that was not sent could not be audited'))
      .finally(() => {
        telling.delete(told);
        next();
      });
    telling.add(told);
  }

  function idle(): Promise<void> {
    if (isIdle()) return Promise.resolve();
    return new Promise((resolve) => rest.push(resolve));
  }

  return {
    available: transport !== undefined,
    require,
    requireRoom() {
      require();
      requirePlace();
    },
    async send(name, to, model) {
      require();
      const mail = renderMail(name, to, model);
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await deliver(mail);
        } catch (error) {
          const wait = AGAIN_MS[attempt];
          if (wait === undefined || isFinal(error)) throw notSent(error);
          // A command that waits for this has nothing else to go on for.
          await pause(wait, true);
        }
      }
    },
    post(name, to, model, about = {}) {
      try {
        require();
        const mail = renderMail(name, to, model);
        enqueue({ begin: () => attempt(mail, about, 1), mail: { ...about, mail: name, attempts: 0 } });
      } catch (err) {
        log.error({ err }, 'a mail was not sent');
        tell({ ...about, mail: name, attempts: 0, reason: reasonOf(err) });
      }
    },
    later: (begin) => enqueue({ begin }),
    idle,
    async close(ms = LAST_MAILS_MS) {
      await Promise.race([idle(), pause(ms, false)]);
      const works = [...running, ...waiting.splice(0)];
      const left = works.length + resting.size;
      if (left > 0) log.error({ left }, 'the server stopped before every mail was sent');
      const mails = [...resting, ...works.flatMap(({ mail }) => mail ?? [])];
      resting.clear();
      // One that is being handed over may arrive all the same: better told twice than not at all.
      await Promise.allSettled(mails.map((mail) => undelivered({ ...mail, reason: 'stopped' })));
    },
  };
}
