import type { Clock } from '../crypto/clock.js';
import { createEndpointLimits, type EndpointLimits } from './endpoint-limits.js';
import { createSharedCounters } from './shared-counter.js';
import { createThrottle, type Throttle, type ThrottleRule, type ThrottleTable } from './throttle.js';

/** Everything that counts in the database all processes share. */
export interface Limits {
  readonly throttle: (rule: ThrottleRule) => Throttle;
  readonly ofEndpoints: EndpointLimits;
  close(): Promise<void>;
}

interface Deps {
  readonly store: ThrottleTable;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
  /** The ceilings of the endpoints times this; 0: none. */
  readonly times: number;
}

export function createLimits(deps: Deps): Limits {
  const counters = createSharedCounters(deps);
  return {
    throttle: (rule) => createThrottle(deps, rule),
    ofEndpoints: createEndpointLimits(counters, deps.times),
    close: counters.close,
  };
}
