import type { RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { AccountStore } from '../stores/account-store.js';
import type { ApiKeys } from './api-keys.js';
import type { Mint, Minted } from './mint.js';
import type { Names } from './names.js';
import { MintRefused } from './refused.js';
import type { Rights } from './rights.js';
import type { VerifiedToken, Verify } from './verify.js';

/**
 * A new token for one that is still good; `undefined`: none. What it says of the person stays, what it may do
 * is read anew, and the chain ends `JWT_REFRESH_MAX_DAYS` after its sign-in.
 */
export type Refresh = (token: unknown, info: RequestInfo) => Promise<Minted | undefined>;

/** Made for one use; nobody needs them longer. */
const NEVER: ReadonlySet<string> = new Set(['sync', 'test']);

const DAY_MS = 86_400_000;

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export function createRefresh(deps: {
  readonly verify: Verify;
  readonly mint: Mint;
  readonly names: Names;
  readonly rights: Rights;
  readonly apiKeys: ApiKeys;
  readonly accounts: Pick<AccountStore, 'findCredentials'>;
  readonly settings: {
    readonly refreshMaxDays: number;
    readonly defaultPermissions: readonly string[];
    readonly apiKey?: string | undefined;
  };
  readonly clock: Clock;
}): Refresh {
  const { names, rights, settings, clock } = deps;

  /** @throws {MintRefused} where it may do nothing any more */
  async function permissionsOf({ minted, claims }: VerifiedToken): Promise<readonly string[]> {
    const { accountId, apiKeyId } = minted.family;
    if (accountId === undefined) {
      if (settings.apiKey === undefined) throw new MintRefused('not_allowed', 'The key was taken away.');
      return settings.defaultPermissions;
    }
    const found = await deps.accounts.findCredentials({ id: accountId });
    const name = await names.of(accountId);
    if (!found || (name !== undefined && name.name !== claims.sub)) {
      throw new MintRefused('not_allowed', 'The account has another name.');
    }
    const provider = textOf(claims.provider);
    const throughUpstream = provider !== undefined && provider !== 'local';
    const held = await rights.require({ ...found, name, throughUpstream });
    if (apiKeyId === undefined) return held;
    const key = await deps.apiKeys.findLiveById(apiKeyId);
    if (key === undefined) throw new MintRefused('not_allowed', 'The API key has ended.');
    return held.filter((one) => key.permissions.includes(one));
  }

  return async (token, info) => {
    const verified = await deps.verify(token);
    if (verified === undefined) return undefined;
    const { claims, minted } = verified;
    const { family } = minted;
    const over = clock.now() >= family.beganAt + settings.refreshMaxDays * DAY_MS;
    if (over || NEVER.has(minted.reason)) return undefined;
    try {
      const facts = {
        email: textOf(claims.email),
        name: textOf(claims.name),
        permissions: await permissionsOf(verified),
        provider: textOf(claims.provider),
        provider_user_id: textOf(claims.provider_user_id),
      };
      const { accountId, sessionUid } = family;
      const order = { subject: claims.sub, facts, reason: 'refresh', accountId, family, sessionUid } as const;
      return await deps.mint(order, info);
    } catch (error) {
      if (error instanceof MintRefused) return undefined;
      throw error;
    }
  };
}
