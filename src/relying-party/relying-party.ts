import type { Account } from '../accounts/account.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { UpstreamIdentity } from './connector.js';
import type { DoorName, Upstream } from './upstream.js';

/** Why a login is made. `token`: only what the door mints is wanted. */
export type Purpose = 'sign_in' | 'link' | 'sign_up' | 'token';

export interface Begin {
  readonly upstream: Upstream;
  readonly door: DoorName;
  readonly purpose: Purpose;
  /** Approved by the door already (`platform/web/return-to.ts`). */
  readonly returnTo: string;
  readonly redirectUri: string;
  /** Binds the login to this browser: what its cookie holds. */
  readonly browser: string;
  /** `link`: whom to link to. */
  readonly accountId?: string | undefined;
  /** `page`: the pending request of our authorization server that the sign-in belongs to. */
  readonly interactionUid?: string | undefined;
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
}

/**
 * What a callback came to. `pending`: a question is open first (missing data, an existing account with the
 * same address); the ticket opens its page in the same browser, and the login goes on from there.
 */
export type Completed =
  | { readonly outcome: 'arrived'; readonly arrival: Arrival; readonly tokenTicket?: string }
  | {
      readonly outcome: 'pending';
      readonly step: 'sign_up' | 'link_desk';
      readonly ticket: string;
      readonly transaction: LoginTransaction;
    };

export interface Callback {
  readonly params: URLSearchParams;
  /** The callback's own address, without the query: must be the one the login was begun with. */
  readonly redirectUri: string;
  readonly browser: string | undefined;
}

export interface RelyingParty {
  /** @throws {UpstreamError} where the upstream cannot be asked */
  begin(login: Begin): Promise<{ readonly location: string }>;
  /** @throws {UpstreamError}, whose `transaction` says which door to answer at, once it is known */
  complete(callback: Callback, info: RequestInfo): Promise<Completed>;
}
