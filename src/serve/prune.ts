import type { Clock } from '../platform/crypto/clock.js';

/** What is pruned: the rows of one table that ended before `before`, at most `limit` of them. */
interface Prunable {
  prune(before: number, limit: number): Promise<number>;
}

/** Kept so long after its end, so that a late use still meets "expired" or "already used". */
const KEPT_MS = 10 * 60_000;
const BATCH = 1000;

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
  },
  signal?: AbortSignal,
  report: (removed: number) => void = () => {},
): Promise<number> {
  const before = deps.clock.now() - KEPT_MS;
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
    let removed = BATCH;
    while (removed === BATCH && !signal?.aborted) {
      removed = await table.prune(before, BATCH);
      total += removed;
      if (removed === BATCH) report(total);
    }
  }
  return total + (await access.groupRoles.prune());
}
