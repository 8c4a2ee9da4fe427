import type { SignInWay } from '../authorization-server/browser-session.js';
import type { Clock } from '../platform/crypto/clock.js';
import { randomToken, sha256 } from '../platform/crypto/ids.js';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import type { Step } from '../platform/database/database.js';
import { loginCookieValues } from '../platform/web/login-cookie.js';
import type { LoginKey, LoginTransactionStore } from '../stores/login-transaction-store.js';
import type { Proven } from './connector.js';
import type { LoginTransaction, QuestionStep } from './relying-party.js';

/**
 * What is remembered of a login: first while the person is at the upstream, then while a question is open,
 * then until the page that waits for it comes by. Each is opened by a random value that only this browser
 * was given, bound to a cookie of the browser, sealed but for what the table needs, and taken once.
 */
export interface BegunLogin {
  readonly transaction: LoginTransaction;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly maxAge?: number | undefined;
  readonly temporarySecret?: string | undefined;
}

/** Somebody is proven upstream, and something has to be asked before they arrive. */
export interface OpenQuestion {
  readonly step: QuestionStep;
  readonly transaction: LoginTransaction;
  readonly proven: Proven;
  /** `link_desk` and `keep_account`: the accounts it is about. */
  readonly accountIds: readonly string[];
  /** `link_desk`: the address that brought them up. */
  readonly email?: string | undefined;
  /** Whether the upstream has proven that address; otherwise it was typed on the sign-up form. */
  readonly emailProven: boolean;
}

/** What waits for a page of a pending request (`/interaction/:uid/upstream`). */
export interface StoredArrival {
  readonly accountId: string;
  /** Another one at the page: then this proof has ended with everything else of the account. */
  readonly accessEpoch: number;
  readonly interactionUid: string;
  readonly way: SignInWay;
}

type Stage = 'begun' | 'question' | 'arrived';

interface Owner {
  readonly value: string;
  /** What the browser's cookies hold. */
  readonly browser: string | undefined;
}

export interface LoginTransactions {
  begin(
    login: BegunLogin & { readonly state: string; readonly browser: string; readonly ttl: number },
  ): Promise<void>;
  takeBegun(state: string, browser: string | undefined): Promise<BegunLogin | undefined>;
  /** Resolves to the ticket of the question. */
  ask(question: OpenQuestion, browser: string): Promise<string>;
  findQuestion(ticket: string, browser: string | undefined): Promise<OpenQuestion | undefined>;
  /** A guard for the unit that the answer makes: of several answers one counts. */
  answerStep(ticket: string, browser: string): Step;
  takeQuestion(ticket: string, browser: string): Promise<OpenQuestion | undefined>;
  /** Resolves to the ticket. */
  store(arrival: StoredArrival, about: { browser: string; transaction: LoginTransaction }): Promise<string>;
  takeArrival(ticket: string, browser: string | undefined): Promise<StoredArrival | undefined>;
}

/** Long enough to look for a password, short enough for a machine that others use too. */
const QUESTION_SECONDS = 1800;
/** The browser is on its way already. */
const ARRIVAL_SECONDS = 120;
const TOKEN = /^[A-Za-z0-9_-]{16,128}$/;

export function createLoginTransactions(deps: {
  readonly store: LoginTransactionStore;
  /** Purpose `login-transaction`. */
  readonly box: SecretBox;
  readonly clock: Clock;
}): LoginTransactions {
  const { store, box, clock } = deps;

  /** `undefined` for what cannot be one: nothing of that is looked up. */
  function keyOf(stage: Stage, { value, browser }: Owner): LoginKey | undefined {
    const browsers = loginCookieValues(browser ?? '').filter((one) => TOKEN.test(one));
    if (!TOKEN.test(value) || browsers.length === 0) return undefined;
    return { key: sha256(value), stage, browsers: browsers.map(sha256), now: clock.now() };
  }

  async function insert(
    stage: Stage,
    { value, browser }: { value: string; browser: string },
    { upstreamId, door }: LoginTransaction,
    content: object,
    seconds: number,
  ): Promise<void> {
    const key = sha256(value);
    const now = clock.now();
    await store.insert({
      key,
      stage,
      browser: sha256(loginCookieValues(browser)[0] ?? ''),
      upstreamId,
      door,
      sealed: box.seal(JSON.stringify(content), `${stage} ${key}`),
      createdAt: now,
      expiresAt: now + seconds * 1000,
    });
  }

  async function read<T>(way: 'find' | 'take', stage: Stage, owner: Owner): Promise<T | undefined> {
    const key = keyOf(stage, owner);
    const row = key && (await store[way](key));
    const opened = row && box.open(row.sealed, `${stage} ${row.key}`);
    return opened === undefined ? undefined : (JSON.parse(opened) as T);
  }

  return {
    begin: ({ state, browser, ttl, ...login }) =>
      insert('begun', { value: state, browser }, login.transaction, login, ttl),
    takeBegun: (value, browser) => read<BegunLogin>('take', 'begun', { value, browser }),
    async ask(question, browser) {
      const value = randomToken();
      await insert('question', { value, browser }, question.transaction, question, QUESTION_SECONDS);
      return value;
    },
    findQuestion: (value, browser) => read<OpenQuestion>('find', 'question', { value, browser }),
    answerStep: (value, browser) =>
      store.takeStep({
        key: sha256(value),
        stage: 'question',
        browsers: loginCookieValues(browser).map(sha256),
        now: clock.now(),
      }),
    takeQuestion: (value, browser) => read<OpenQuestion>('take', 'question', { value, browser }),
    async store(arrival, { browser, transaction }) {
      const value = randomToken();
      await insert('arrived', { value, browser }, transaction, arrival, ARRIVAL_SECONDS);
      return value;
    },
    takeArrival: (value, browser) => read<StoredArrival>('take', 'arrived', { value, browser }),
  };
}
