import { addressKey } from './address-key.js';
import { ENDPOINT_CEILINGS, type EndpointCeiling } from './endpoint-ceilings.js';
import type { SharedCounter, SharedCounters } from './shared-counter.js';

/** A request that is one too many. */
export interface OverCeiling {
  /** Seconds. */
  readonly wait: number;
  /** To be said in the words of OAuth. */
  readonly oauth: boolean;
}

/** Counts a request of an address; `undefined`: it may be answered. */
export type EndpointLimits = (method: string, path: string, ip: string) => OverCeiling | undefined;

interface Rule {
  readonly counter: SharedCounter;
  readonly oauth: boolean;
}

const ANY = '*';

/** Addresses whose key was made already; to make one costs more than all else here. */
const MOST_KEYS = 10_000;

/** @param times every ceiling times this; 0: there are none */
export function createEndpointLimits(
  counters: SharedCounters,
  times: number,
  ceilings: readonly EndpointCeiling[] = ENDPOINT_CEILINGS,
): EndpointLimits {
  if (times === 0) return () => undefined;
  const exact = new Map<string, Map<string, Rule>>();
  const patterns: { readonly path: RegExp; readonly method: string; readonly rule: Rule }[] = [];
  for (const { name, points, windowSeconds, paths, method = ANY, oauth = false } of ceilings) {
    const rule = { counter: counters.counter({ name, points: points * times, windowSeconds }), oauth };
    for (const path of paths) {
      if (typeof path === 'string') exact.set(path, (exact.get(path) ?? new Map()).set(method, rule));
      else patterns.push({ path, method, rule });
    }
  }

  function ruleOf(method: string, path: string): Rule | undefined {
    const known = exact.get(path);
    if (known !== undefined) return known.get(method) ?? known.get(ANY);
    // Routers take `/SignUp/` for `/signup`.
    const plain = path.toLowerCase().replace(/(.)\/$/, '$1');
    if (plain !== path) return ruleOf(method, plain);
    return patterns.find((one) => (one.method === ANY || one.method === method) && one.path.test(path))?.rule;
  }

  const keys = new Map<string, string>();
  function keyOf(ip: string): string {
    const known = keys.get(ip);
    if (known !== undefined) return known;
    if (keys.size >= MOST_KEYS) keys.clear();
    const key = addressKey(ip);
    keys.set(ip, key);
    return key;
  }

  return (method, path, ip) => {
    const rule = ruleOf(method, path);
    // Preflights ask for nothing yet.
    if (rule === undefined || method === 'OPTIONS' || isOwnMachine(ip)) return undefined;
    const wait = rule.counter.take(keyOf(ip));
    return wait === 0 ? undefined : { wait, oauth: rule.oauth };
  };
}

/** The operator's own programs; or a proxy that `TRUST_PROXY` does not name, behind which all would be one. */
const isOwnMachine = (ip: string): boolean => ip.startsWith('127.') || ip === '::1';
