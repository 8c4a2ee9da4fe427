import type { Clock } from '../platform/crypto/clock.js';
import { type Database, type Step, UniqueViolation } from '../platform/database/database.js';
import { Unavailable } from '../platform/errors/errors.js';

/** What a person agreed to for a client. */
export interface Agreed {
  readonly scopes: readonly string[];
  readonly claims: readonly string[];
  /** Scopes by resource indicator (RFC 8707). */
  readonly resources: Readonly<Record<string, readonly string[]>>;
}

export interface Consent extends Agreed {
  readonly accountId: string;
  readonly clientId: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Remembered consents; they outlive the library's Grants, which die with a session. */
export interface ConsentStore {
  find(accountId: string, clientId: string): Promise<Consent | undefined>;
  /** Joins to what was agreed before; two additions at once both stay. @throws {Unavailable} */
  add(
    accountId: string,
    clientId: string,
    agreed: Agreed,
    also?: readonly Step[],
    /** Scopes that were agreed to before and are no longer. */
    withdrawn?: readonly string[],
  ): Promise<void>;
  /** `false`: there was none, and `also` is not written. */
  remove(accountId: string, clientId: string, also?: readonly Step[]): Promise<boolean>;
  /** Newest first. */
  listOf(accountId: string): Promise<Consent[]>;
}

interface ConsentRow {
  account_id: string;
  client_id: string;
  scopes: string;
  claims: string;
  resources: string;
  created_at: number | string;
  updated_at: number | string;
}

const ATTEMPTS = 10;

export function createConsentStore(database: Database, clock: Clock): ConsentStore {
  const { sql } = database;
  const one = (accountId: string, clientId: string) =>
    sql('consents').where({ account_id: accountId, client_id: clientId });

  const ofPair = database.reader<ConsentRow>(one('', '').select('*'));

  async function find(accountId: string, clientId: string): Promise<Consent | undefined> {
    const [row] = await ofPair(accountId, clientId);
    return row && toConsent(row);
  }

  /** `false`: somebody else wrote in between. */
  async function put(former: Consent | undefined, next: Consent, also: readonly Step[]): Promise<boolean> {
    const row = toRow(next);
    if (former !== undefined) {
      const { scopes, claims, resources, updated_at } = row;
      const unchanged = one(next.accountId, next.clientId).where('updated_at', former.updatedAt);
      const query = unchanged.update({ scopes, claims, resources, updated_at });
      return database.write([{ query, guard: true }, ...also]);
    }
    try {
      return await database.write([{ query: sql('consents').insert(row) }, ...also]);
    } catch (error) {
      if (error instanceof UniqueViolation && error.constraint.startsWith('consents')) return false;
      throw error;
    }
  }

  return {
    find,
    async add(accountId, clientId, agreed, also = [], withdrawn = []) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        const former = await find(accountId, clientId);
        const now = clock.now();
        const next: Consent = {
          accountId,
          clientId,
          ...without(joined(former, agreed), withdrawn),
          createdAt: former?.createdAt ?? now,
          // Always later, since it is what tells one version from the next.
          updatedAt: former === undefined ? now : Math.max(now, former.updatedAt + 1),
        };
        if (await put(former, next, also)) return;
      }
      throw new Unavailable('a consent was being changed all the time');
    },
    remove: (accountId, clientId, also = []) =>
      database.write([{ query: one(accountId, clientId).delete(), guard: true }, ...also]),
    async listOf(accountId) {
      const query = sql('consents').where('account_id', accountId).select('*').orderBy('updated_at', 'desc');
      return (await database.all<ConsentRow>(query)).map(toConsent);
    },
  };
}

const union = (a: readonly string[] = [], b: readonly string[] = []): string[] => [...new Set([...a, ...b])];

function joined(former: Agreed | undefined, more: Agreed): Agreed {
  const names = union(Object.keys(former?.resources ?? {}), Object.keys(more.resources));
  const entries = names.map((name) => [name, union(former?.resources[name], more.resources[name])] as const);
  return {
    scopes: union(former?.scopes, more.scopes),
    claims: union(former?.claims, more.claims),
    resources: Object.fromEntries(entries),
  };
}

const without = (agreed: Agreed, withdrawn: readonly string[]): Agreed => ({
  ...agreed,
  scopes: agreed.scopes.filter((scope) => !withdrawn.includes(scope)),
});

const toRow = (consent: Consent) => ({
  account_id: consent.accountId,
  client_id: consent.clientId,
  scopes: JSON.stringify(consent.scopes),
  claims: JSON.stringify(consent.claims),
  resources: JSON.stringify(consent.resources),
  created_at: consent.createdAt,
  updated_at: consent.updatedAt,
});

const toConsent = (row: ConsentRow): Consent => ({
  accountId: row.account_id,
  clientId: row.client_id,
  scopes: JSON.parse(row.scopes) as string[],
  claims: JSON.parse(row.claims) as string[],
  resources: JSON.parse(row.resources) as Record<string, string[]>,
  createdAt: Number(row.created_at),
  updatedAt: Number(row.updated_at),
});
