import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../platform/crypto/clock.js';

/** What is pruned: the rows of one table that ended before `before`, at most `limit` of them. */
interface Prunable {
  prune(before: number, limit: number): Promise<number>;
}

/** Kept so long after its end, so that a late use still meets "expired" or "already used". */
const KEPT_MS = 10 * 60_000;

/**
 * On SQLite a batch runs in the thread that answers: 20 rows are some two milliseconds, 1,000 were 80 on a busy
 * machine. PostgreSQL's works beside it and locks only the rows it takes. Partitions by time were
 * measured there against batches and lost (README, "Several machines").
 */
const BATCH = { sqlite: 20, postgres: 1000 } as const;
/** A sweep that takes so long falls behind what expires, and takes larger batches. */
const BEHIND_MS = 5 * 60_000;
const BATCH_BEHIND = { sqlite: 100, postgres: 1000 } as const;

/** Others have four times as long to themselves as a batch took, within these milliseconds. */
const SHARE = 4;
const SHORTEST_REST_MS = 10;
/** So that about a thousand rows a second are removed beside load. */
const LONGEST_REST_MS = 16;

/** How often progress is told, in rows. */
const TOLD = 1000;

/** Removes what ended more than ten minutes ago, in batches small enough to serve between. */
export async function prune(
  deps: {
    readonly payloads: Prunable;
    readonly throttles: Prunable;
    readonly links: Prunable;
    readonly sessionFacts: Prunable;
    readonly redirectLeases: Prunable;
    readonly upstreamSide: {
      readonly login: { readonly expiring: readonly Prunable[] };
      /** Roles of upstreams of which no session is left. */
      readonly access: { readonly groupRoles: { prune(): Promise<number> } };
    };
    readonly dserver: { readonly tokens: Prunable };
    readonly permissionService: Prunable;
    readonly clock: Clock;
    readonly database: { readonly dialect: keyof typeof BATCH };
  },
  signal?: AbortSignal,
  report: (removed: number) => void = () => {},
): Promise<number> {
  const began = deps.clock.now();
  const before = began - KEPT_MS;
  const batchNow = () => (deps.clock.now() - began < BEHIND_MS ? BATCH : BATCH_BEHIND)[deps.database.dialect];
  let total = 0;
  const { login, access } = deps.upstreamSide;
  const ended = [
    deps.payloads,
    deps.throttles,
    deps.links,
    deps.sessionFacts,
    deps.redirectLeases,
    ...login.expiring,
  ];
  for (const table of [...ended, deps.dserver.tokens, deps.permissionService]) {
    let isMore = true;
    while (isMore && !signal?.aborted) {
      const batch = batchNow();
      const begun = performance.now();
      const removed = await table.prune(before, batch);
      const rest = SHARE * (performance.now() - begun);
      total += removed;
      if (Math.floor(total / TOLD) > Math.floor((total - removed) / TOLD)) report(total);
      isMore = removed >= batch;
      if (isMore) await pause(Math.min(Math.max(rest, SHORTEST_REST_MS), LONGEST_REST_MS));
    }
  }
  return total + (await access.groupRoles.prune());
}
