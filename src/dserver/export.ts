import type { ApiKeys } from './api-keys.js';
import type { Ledger } from './ledger.js';
import type { Names } from './names.js';
import type { Rights } from './rights.js';

interface Held {
  readonly names: Names;
  readonly rights: Rights;
  readonly apiKeys: ApiKeys;
  readonly ledger: Ledger;
}

const MAX_TOKENS = 1000;

const time = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();

/** What is held here of an account's dealings with dserver, for the person: no key, no token. */
export async function exportOf(dserver: Held, accountId: string): Promise<object> {
  const [name, rights, keys, tokens] = await Promise.all([
    dserver.names.of(accountId),
    dserver.rights.of(accountId),
    dserver.apiKeys.listOf(accountId),
    dserver.ledger.list({ accountId, limit: MAX_TOKENS }),
  ]);
  return {
    name: name?.name,
    nameSince: time(name?.createdAt),
    ...rights,
    apiKeys: keys.map(({ label, permissions, createdAt, expiresAt, lastUsedAt }) => ({
      label,
      permissions,
      createdAt: time(createdAt),
      expiresAt: time(expiresAt),
      lastUsedAt: time(lastUsedAt),
    })),
    tokens: tokens.map(({ jti, reason, audience, createdAt, expiresAt, family }) => ({
      jti,
      reason,
      audience,
      createdAt: time(createdAt),
      expiresAt: time(expiresAt),
      revokedAt: time(family.revokedAt),
    })),
  };
}
