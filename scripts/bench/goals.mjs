/** What issue 6 asks of Postern and what it aims at: CPU per request against bare oidc-provider in memory. */
const SQLITE = {
  w1: { must: 1.2, aim: 1.05 },
  w1jwt: { must: 1.1, aim: 1.0 },
  'w1jwt-es': { must: 0.6, aim: 0.5 },
  w2: { must: 1.2, aim: 1.05 },
  'w2-es': { must: 0.9, aim: 0.75 },
  w3: { must: 1.15, aim: 1.0 },
  'w3-es': { must: 0.95, aim: 0.85 },
  w4: { must: 1.15, aim: 0.9 },
  w5: { must: 1.25, aim: 1.0 },
  w6: { must: 0.5, aim: 0.3 },
  w6jwks: { must: 0.5, aim: 0.3 },
};

const fifthLess = (must) => ({ must, aim: must * 0.8 });

const POSTGRES = {
  w1: fifthLess(2.2),
  w2: fifthLess(1.7),
  w3: fifthLess(1.8),
  w4: fifthLess(2.2),
  w5: fifthLess(1.8),
};

export const goalOf = (target, workload) => ({ postern: SQLITE, 'postern-pg': POSTGRES })[target]?.[workload];

/** Against the twin of `targets.mjs`. */
const GROWTH = { must: 1.15, aim: 1.05 };
const WORKERS = { must: 1.25, aim: 1.0 };
/** The twin is the one with the bound: FULL may cost 1.2 of NORMAL, so NORMAL must not cost less than this of it. */
const UNSYNCED = { must: 1 / 1.2, aim: 1 / 1.1, atLeast: true };

const GROWS = ['w1', 'w4', 'w5'];

const ASIDE = {
  'postern-1m': (workload) => (GROWS.includes(workload) ? GROWTH : undefined),
  'postern-normal': () => UNSYNCED,
  'postern-2': () => WORKERS,
  'postern-pg-2': () => WORKERS,
};

const MIB = 2 ** 20;

/** W7: milliseconds and bytes. */
export const PROCESS_GOALS = {
  startMs: { must: 1200, aim: 700 },
  rssIdle: { must: 120 * MIB, aim: 95 * MIB },
  rssAfter: { must: 200 * MIB, aim: 140 * MIB },
};

export const asideGoalOf = (target, workload) => ASIDE[target]?.(workload);
