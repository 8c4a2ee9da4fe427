/**
 * One fuse for each upstream (R19): after several time-outs or 5xx in a row nobody waits for it any more;
 * a while later one request may try again. Others never notice. Each process has its own.
 */
import type { Clock } from '../../platform/crypto/clock.js';

export interface Circuit {
  /** Whether a request may go out now. After the rest time one may, and its outcome decides. */
  allows(): boolean;
  succeeded(): void;
  failed(): void;
}

const FAILURES = 5;
const REST_MS = 30_000;

function createCircuit(clock: Clock): Circuit {
  let failures = 0;
  let closedUntil = 0;
  return {
    allows() {
      if (failures < FAILURES) return true;
      if (clock.now() < closedUntil) return false;
      closedUntil = clock.now() + REST_MS;
      return true;
    },
    succeeded() {
      failures = 0;
    },
    failed() {
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
