import type { Account } from '../accounts/account.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { UpstreamIdentity } from './connector.js';
import type { DoorName, Upstream } from './upstream.js';

/**
 * Why a login is made. `token`: only what the door mints is wanted. Whether it makes an account is known only
 * when somebody is proven.
 */
export type Purpose = 'sign_in' | 'link' | 'token';

export interface Begin {
  readonly upstream: Upstream;
  readonly door: DoorName;
  readonly purpose: Purpose;
  /** Approved by the door already (`platform/web/return-to.ts`). */
  readonly returnTo: string;
  readonly redirectUri: string;
  /** Binds the login to this browser: what its cookies hold (`LoginCookie`). */
  readonly browser: string;
  /** `link`: whom to link to. */
  readonly accountId?: string | undefined;
  /** `page`: the pending request of our authorization server that the sign-in belongs to. */
  readonly interactionUid?: string | undefined;
  /** The ticket of an open question (link desk) that this login is to answer. */
  readonly question?: string | undefined;
  /** `rest`: the answer goes to the window that opened this one, by `postMessage`. */
  readonly postMessage?: boolean | undefined;
  /** Seconds: the sign-in there must not be older. */
  readonly maxAge?: number | undefined;
  /** Seconds; the upstream's own `stateTtl` wins. */
  readonly ttl: number;
}

/** The remembered half of a login (glossary: login transaction). */
export interface LoginTransaction {
  readonly door: DoorName;
  readonly purpose: Purpose;
  readonly upstreamId: string;
  readonly returnTo: string;
  readonly redirectUri: string;
  readonly accountId?: string | undefined;
  readonly interactionUid?: string | undefined;
  readonly question?: string | undefined;
  readonly postMessage?: boolean | undefined;
}

/** Somebody came back, and it is settled who it is. */
export interface Arrival {
  readonly account: Account;
  readonly upstream: Upstream;
  readonly identity: UpstreamIdentity;
  readonly identityId: string;
  readonly transaction: LoginTransaction;
  /** The account was made by this login. */
  readonly created: boolean;
  /** The identity was tied to an account by this login, which may have been there before. */
  readonly linked: boolean;
  /** Seconds since the epoch: when they proved it there; `undefined`: nobody knows. */
  readonly provedAt?: number | undefined;
  /** The upstream's name of its own session, for back-channel logout. */
  readonly sid?: string | undefined;
  /** The hint at sign-out. */
  readonly idToken?: string | undefined;
}

/**
 * What may have to be asked before somebody arrives. `sign_up`: data is missing. `link_desk`: an account
 * has the same address. `keep_account`: the account is about to be deleted.
 */
export type QuestionStep = 'sign_up' | 'link_desk' | 'keep_account';

/** `pending`: a question is open first; its ticket opens the page in the same browser. */
export type Completed = { readonly outcome: 'arrived'; readonly arrival: Arrival } | Pending;

export interface Pending {
  readonly outcome: 'pending';
  readonly step: QuestionStep;
  readonly ticket: string;
  readonly transaction: LoginTransaction;
  /** A word for the page: the proof was of another account than the one asked for. */
  readonly fault?: 'another_account';
}

export interface Callback {
  readonly params: URLSearchParams;
  /** The callback's own address, without the query: must be the one the login was begun with. */
  readonly redirectUri: string;
  readonly browser: string | undefined;
  /** Who is signed in in this browser: a link is made to nobody else. */
  readonly signedInAs?: string | undefined;
}

export interface RelyingParty {
  /** @throws {UpstreamError} where the upstream cannot be asked, or may not be used for this */
  begin(login: Begin): Promise<{ readonly location: string }>;
  /** @throws {FailedLogin} (`failed-login.ts`), whose `transaction` says which door to answer at, once it is known */
  complete(callback: Callback, info: RequestInfo): Promise<Completed>;
}
