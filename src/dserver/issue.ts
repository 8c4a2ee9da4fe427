import type { Account } from '../accounts/account.js';
import { usernameKey } from '../accounts/usernames.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { Upstream } from '../relying-party/upstream.js';
import type { AccountStore } from '../stores/account-store.js';
import type { MintedTokenStore } from '../stores/minted-token-store.js';
import type { ApiKey, ApiKeys } from './api-keys.js';
import { accountFacts, type Facts, upstreamFacts } from './claims.js';
import type { MintReason } from './ledger.js';
import type { Mint, Minted, MintOrder } from './mint.js';
import { type Names, nameFault, type WantedName } from './names.js';
import { MintRefused } from './refused.js';
import type { Rights } from './rights.js';
import { type NamedIdentity, upstreamName } from './upstream-name.js';

/** Who somebody is at an upstream, as a login or a browser session knows it. */
export interface UpstreamSelf {
  readonly upstream: Upstream;
  readonly identity: NamedIdentity;
}

/** A browser session, as far as it says who is in it. */
export interface SessionName {
  readonly uid: string;
  readonly accountId: string;
}

export interface Issued extends Minted {
  /** The dserver name. */
  readonly username: string;
  /** `Upstream.providerName`, or `local`. */
  readonly provider: string;
}

/** Every way to a first dserver token; each throws {MintRefused} where there is none for who asks. */
export interface Issue {
  /** Somebody who signed in just now, or whose browser session says so. */
  forBrowser(
    who: {
      readonly account: Account;
      readonly sessionUid?: string | undefined;
      self?: UpstreamSelf | undefined;
    },
    reason: 'login' | 'session',
    info?: RequestInfo,
  ): Promise<Issued>;
  forPassword(account: Account, info: RequestInfo): Promise<Issued>;
  /** `undefined`: the key is not of the account that was named, or has ended meanwhile. */
  forApiKey(key: ApiKey, username: string | undefined, info: RequestInfo): Promise<Issued | undefined>;
  /** The operator's key: any name, or any that is known here. */
  forServerKey(username: string, info: RequestInfo): Promise<Issued>;
  /** By the operator at the terminal: it counts as their leave. */
  forOperator(account: Account, lifetime: MintOrder['lifetime']): Promise<Issued>;
}

export const LOCAL = 'local';

export interface IssueDeps {
  readonly mint: Mint;
  readonly names: Names;
  readonly rights: Rights;
  readonly apiKeys: ApiKeys;
  readonly accounts: Pick<AccountStore, 'findCredentials'>;
  readonly resign: (claims: Readonly<Record<string, unknown>>) => Promise<string>;
  readonly ledger: Pick<MintedTokenStore, 'findOfSession'>;
  /** Those a person may sign in through. */
  readonly upstreams: () => readonly Upstream[];
  readonly settings: {
    readonly apiKeyUsers: 'any' | 'known';
    readonly defaultPermissions: readonly string[];
    readonly issuer: string;
    readonly audience: string;
    readonly expiryHours: number;
  };
  readonly clock: Clock;
}

const HOUR_MS = 3_600_000;

export function createIssue(deps: IssueDeps): Issue {
  const { mint, names, rights, settings, clock } = deps;

  async function credentialsOf(accountId: string) {
    const found = await deps.accounts.findCredentials({ id: accountId });
    if (!found || found.account.disabled || found.account.deleteAt !== undefined) {
      throw new MintRefused('not_allowed', 'This account can get no token any more.');
    }
    return found;
  }

  function wantedName(account: Account, createdBy: string, self: UpstreamSelf | undefined): WantedName {
    if (self) return upstreamName(self.upstream, self.identity, deps.upstreams());
    // Their name for dserver is the upstream's to say; a user name here was chosen or made up.
    if (createdBy.startsWith('upstream:')) {
      throw new MintRefused(
        'name_unsettled',
        'This account was made by a sign-in elsewhere. Get a token through that sign-in once; it settles the name.',
      );
    }
    return { name: account.username, source: LOCAL };
  }

  interface Asked {
    readonly accountId: string;
    /** The name it is asked for by, where one was said. */
    readonly username?: string | undefined;
    readonly self?: UpstreamSelf | undefined;
    readonly reason: MintReason;
    readonly facts?: Partial<Facts>;
    /** Narrows what the account may do. */
    readonly only?: readonly string[];
    readonly byOperator?: boolean;
    readonly order?: Partial<MintOrder>;
  }

  /**
   * Rights first, then the name, then the token with both.
   * @throws {MintRefused} `other_name` where it would be for another name than the one asked for
   */
  async function prepare(asked: Asked): Promise<MintOrder> {
    const { account, createdBy } = await credentialsOf(asked.accountId);
    const { self, only } = asked;
    const asker = {
      account,
      createdBy: asked.byOperator ? 'cli' : createdBy,
      name: await names.of(account.id),
      throughUpstream: self !== undefined,
    };
    const held = await rights.require(asker);
    const permissions = only === undefined ? held : held.filter((one) => only.includes(one));
    const { name, steps } = asker.name
      ? { name: asker.name.name, steps: [] }
      : await names.settle(account.id, wantedName(account, createdBy, self));
    if (asked.username !== undefined && usernameKey(asked.username) !== usernameKey(name)) {
      throw new MintRefused('other_name', 'This account has another name at dserver.');
    }
    const facts = self
      ? upstreamFacts(account, self.identity, self.upstream.providerName)
      : accountFacts(account);
    return {
      subject: name,
      accountId: account.id,
      steps,
      reason: asked.reason,
      facts: { ...facts, ...asked.facts, permissions },
      ...asked.order,
    };
  }

  async function issue(asked: Asked, info: RequestInfo | undefined): Promise<Issued> {
    const provider = asked.self?.upstream.providerName ?? LOCAL;
    const order = await prepare(asked);
    try {
      return { ...(await mint(order, info)), username: order.subject, provider };
    } catch (error) {
      // Two first mints of one account at once: the other one has settled its name.
      const settled = (order.steps?.length ?? 0) > 0 && (await names.of(asked.accountId)) !== undefined;
      // PostgreSQL does not see the row of a session that took another id while the guard waited for it.
      const mayHaveMoved = order.sessionUid !== undefined;
      if (!(error instanceof MintRefused && (settled || mayHaveMoved))) throw error;
      const again = await prepare(asked);
      return { ...(await mint(again, info)), username: again.subject, provider };
    }
  }

  /** Half the life that tokens have now is left, and no more than all of it: it may have been made shorter. */
  function isFresh(expiresAt: number): boolean {
    const life = settings.expiryHours * HOUR_MS;
    const left = expiresAt - clock.now();
    return left >= life / 2 && left <= life;
  }

  /**
   * The token this session was given before, as long as it would be made the same way and is fresh: pages ask
   * often, and each token made is one more that works.
   */
  async function again(asked: Asked, sessionUid: string): Promise<Issued | undefined> {
    const kept = await deps.ledger.findOfSession(sessionUid, asked.accountId);
    const { claims, expiresAt } = kept ?? {};
    if (!claims || !expiresAt || !isFresh(expiresAt)) return undefined;
    if (claims.iss !== settings.issuer || claims.aud !== settings.audience) return undefined;
    const order = await prepare(asked);
    const { sub, email, name, permissions = [], provider, provider_user_id } = claims;
    const said = { email, name, permissions, provider, provider_user_id };
    if (sub !== order.subject || !sameFacts(said, order.facts)) return undefined;
    const token = await deps.resign(claims);
    return { token, claims, username: order.subject, provider: String(provider) };
  }

  return {
    async forBrowser({ account, sessionUid, self }, reason, info) {
      const facts = self ? {} : { provider: LOCAL };
      const { id: accountId, accessEpoch } = account;
      const asked: Asked = { accountId, self, reason, facts, order: { sessionUid, accessEpoch } };
      const former = reason === 'session' && sessionUid ? await again(asked, sessionUid) : undefined;
      return former ?? issue(asked, info);
    },
    forPassword: ({ id, accessEpoch }, info) =>
      issue({ accountId: id, reason: 'password', order: { accessEpoch } }, info),
    async forApiKey(key, username, info) {
      const { id: apiKeyId, accountId, permissions: only } = key;
      const asked: Asked = { accountId, username, reason: 'api_key', only, order: { apiKeyId } };
      try {
        const issued = await issue(asked, info);
        await deps.apiKeys.noteUse(apiKeyId);
        return issued;
      } catch (error) {
        if (!(error instanceof MintRefused)) throw error;
        if (error.code === 'other_name' || !(await deps.apiKeys.findLiveById(apiKeyId))) return undefined;
        throw error;
      }
    },
    async forServerKey(username, info) {
      // First: PostgreSQL refuses a NUL even as a question.
      const fault = nameFault(username);
      if (fault !== undefined) throw new MintRefused('name_unusable', fault);
      const known = await names.find(username);
      if (known?.accountId !== undefined) await credentialsOf(known.accountId);
      if (known?.accountId === undefined && settings.apiKeyUsers === 'known') {
        throw new MintRefused('unknown_name', 'This name is not known here.');
      }
      const accountId = known?.accountId;
      const own = accountId === undefined ? {} : await rights.of(accountId);
      if (own.allowed === false) throw new MintRefused('not_allowed', 'This name gets no tokens.');
      const permissions = own.permissions ?? settings.defaultPermissions;
      // dserver tells upper from lower case, and the name is one person's: as it was written first.
      const subject = known?.name ?? username;
      const order: MintOrder = { subject, accountId, reason: 'server_key', facts: { permissions } };
      const minted = await mint({ ...order, actorId: 'server_key' }, info);
      return { ...minted, username: subject, provider: LOCAL };
    },
    forOperator: (account, lifetime) =>
      issue(
        { accountId: account.id, reason: 'cli', byOperator: true, order: { lifetime, actorId: 'cli' } },
        undefined,
      ),
  };
}

/** Whether a token made before says the same. */
function sameFacts(said: Readonly<Record<string, unknown>>, facts: Facts): boolean {
  const { email, name, permissions, provider, provider_user_id } = facts;
  const plain = (value: object): string => JSON.stringify(value);
  return (
    plain([said.email ?? '', said.name ?? '', said.permissions, said.provider, said.provider_user_id]) ===
    plain([email ?? '', name ?? '', permissions, provider, provider_user_id])
  );
}
