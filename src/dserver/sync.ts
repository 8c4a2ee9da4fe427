import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { FetchFault, type GuardedFetch } from '../platform/net/guarded-fetch.js';
import type { DserverNameStore } from '../stores/dserver-name-store.js';
import type { Mint } from './mint.js';
import type { DserverName } from './names.js';

/**
 * Makes new dserver names known to a dserver, so that their first visit does not end in "user not registered".
 * A job does it beside the logins: a dserver that is away delays nobody. Whom it knows already is left as it is,
 * since replacing a user there would take an administrator's rights away.
 */
export interface Sync {
  readonly on: boolean;
  /** Tries those that are due, up to one at which dserver gives no answer; resolves to what became of each. */
  run(signal?: AbortSignal): Promise<readonly SyncResult[]>;
}

export interface SyncResult {
  readonly name: string;
  readonly outcome: 'created' | 'known' | 'failed';
  readonly reason?: string | undefined;
}

export interface SyncDeps {
  readonly settings: { readonly url?: string | undefined; readonly admin?: string | undefined };
  readonly store: DserverNameStore;
  readonly mint: Mint;
  readonly displayNameOf: (accountId: string) => Promise<string | undefined>;
  readonly fetch: GuardedFetch;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}

/** What one run goes to dserver with. */
interface Visit {
  readonly base: string;
  /** One for all names: each that is made is one more that works, and a row in the ledger. */
  readonly token: string;
  /** Of the server that stops. */
  readonly signal: AbortSignal | null;
}

const BATCH = 50;
const AGAIN_MS = 5 * 60_000;
const TOKEN_SECONDS = 300;

export function createSync(deps: SyncDeps): Sync {
  const { store, clock, log } = deps;
  const { url, admin } = deps.settings;

  async function mintToken(by: string): Promise<string> {
    const order = {
      subject: by,
      facts: { permissions: [] },
      reason: 'sync',
      lifetime: TOKEN_SECONDS,
    } as const;
    return (await deps.mint({ ...order, actorId: 'system' })).token;
  }

  async function send({ base, token, signal }: Visit, name: DserverName): Promise<'created' | 'known'> {
    const address = `${base.replace(/\/+$/, '')}/users/${encodeURIComponent(name.name)}`;
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const found = await deps.fetch(address, { headers, signal });
    if (found.status === 200) return 'known';
    if (found.status !== 404) throw new Error(`GET answered ${found.status}`);
    const displayName = name.accountId && (await deps.displayNameOf(name.accountId));
    const made = await deps.fetch(address, {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({
        username: name.name,
        is_admin: false,
        ...(displayName ? { display_name: displayName } : {}),
      }),
      signal,
    });
    if (made.status !== 201 && made.status !== 200) throw new Error(`PUT answered ${made.status}`);
    return 'created';
  }

  async function syncOne(visit: Visit, name: DserverName): Promise<SyncResult> {
    const outcome = await send(visit, name);
    await store.setSynced(name.nameKey, clock.now());
    if (outcome === 'created') {
      const event = { event: 'dserver.user_created', outcome: 'success', actorId: 'system' } as const;
      await deps.audit.record({ ...event, accountId: name.accountId, detail: { name: name.name } });
    }
    return { name: name.name, outcome };
  }

  async function putOff(name: DserverName, error: unknown): Promise<SyncResult> {
    await store.setSyncAfter(name.nameKey, clock.now() + AGAIN_MS);
    const reason = error instanceof Error ? error.message : 'unknown';
    log.warn({ reason }, 'a dserver name could not be made known to dserver');
    return { name: name.name, outcome: 'failed', reason };
  }

  return {
    on: url !== undefined && admin !== undefined,
    async run(signal) {
      if (url === undefined || admin === undefined) return [];
      const due = await store.listUnsynced(clock.now(), BATCH);
      if (due.length === 0) return [];
      const visit = { base: url, token: await mintToken(admin), signal: signal ?? null };
      const results: SyncResult[] = [];
      for (const name of due) {
        if (signal?.aborted) break;
        try {
          results.push(await syncOne(visit, name));
        } catch (error) {
          if (signal?.aborted) break;
          results.push(await putOff(name, error));
          // It gave no answer, and would give none to the others, which stay due.
          if (error instanceof FetchFault) break;
        }
      }
      return results;
    },
  };
}
