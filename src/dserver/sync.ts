import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { GuardedFetch } from '../platform/net/guarded-fetch.js';
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
  /** Tries those that are due; resolves to what became of each. */
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

const BATCH = 50;
const AGAIN_MS = 5 * 60_000;
const TOKEN_SECONDS = 300;

export function createSync(deps: SyncDeps): Sync {
  const { store, clock, log } = deps;
  const { url, admin } = deps.settings;

  async function send(base: string, by: string, name: DserverName): Promise<'created' | 'known'> {
    const address = `${base.replace(/\/+$/, '')}/users/${encodeURIComponent(name.name)}`;
    const order = {
      subject: by,
      facts: { permissions: [] },
      reason: 'sync',
      lifetime: TOKEN_SECONDS,
    } as const;
    const { token } = await deps.mint({ ...order, actorId: 'system' });
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const found = await deps.fetch(address, { headers });
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
    });
    if (made.status !== 201 && made.status !== 200) throw new Error(`PUT answered ${made.status}`);
    return 'created';
  }

  async function syncOne(base: string, by: string, name: DserverName): Promise<SyncResult> {
    try {
      const outcome = await send(base, by, name);
      await store.setSynced(name.nameKey, clock.now());
      if (outcome === 'created') {
        const event = { event: 'dserver.user_created', outcome: 'success', actorId: 'system' } as const;
        await deps.audit.record({ ...event, accountId: name.accountId, detail: { name: name.name } });
      }
      return { name: name.name, outcome };
    } catch (error) {
      await store.setSyncAfter(name.nameKey, clock.now() + AGAIN_MS);
      const reason = error instanceof Error ? error.message : 'unknown';
      log.warn({ reason }, 'a dserver name could not be made known to dserver');
      return { name: name.name, outcome: 'failed', reason };
    }
  }

  return {
    on: url !== undefined && admin !== undefined,
    async run(signal) {
      if (url === undefined || admin === undefined) return [];
      const results: SyncResult[] = [];
      for (const name of await store.listUnsynced(clock.now(), BATCH)) {
        if (signal?.aborted) break;
        results.push(await syncOne(url, admin, name));
      }
      return results;
    },
  };
}
