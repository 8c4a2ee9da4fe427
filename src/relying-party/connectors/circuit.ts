/**
 * One fuse for each upstream (R19): after several time-outs or 5xx in a row nobody waits for it any more;
 * a while later one request may try again. Nor may it hold more sockets than others can spare while it is slow.
 * Each process has its own.
 */
import type { Clock } from '../../platform/crypto/clock.js';

export interface Circuit {
  /**
   * Whether a request may go out now; one that may ends with `succeeded` or `failed`. After the rest time one
   * may, and its outcome decides.
   */
  allows(): boolean;
  succeeded(): void;
  failed(): void;
}

const FAILURES = 5;
const REST_MS = 30_000;
/** Under way at once: far more than people who sign in, far fewer than a process has sockets. */
const AT_ONCE = 256;

function createCircuit(clock: Clock): Circuit {
  let failures = 0;
  let closedUntil = 0;
  let underWay = 0;
  return {
    allows() {
      if (underWay >= AT_ONCE) return false;
      if (failures >= FAILURES) {
        if (clock.now() < closedUntil) return false;
        closedUntil = clock.now() + REST_MS;
      }
      underWay += 1;
      return true;
    },
    succeeded() {
      underWay -= 1;
      failures = 0;
    },
    failed() {
      underWay -= 1;
      failures += 1;
      if (failures >= FAILURES) closedUntil = clock.now() + REST_MS;
    },
  };
}

/** The circuit of a key; made when it is first asked for. */
export function createCircuits(clock: Clock): (key: string) => Circuit {
  const circuits = new Map<string, Circuit>();
  return (key) => {
    const known = circuits.get(key) ?? createCircuit(clock);
    circuits.set(key, known);
    return known;
  };
}
