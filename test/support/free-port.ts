import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that systems give away by themselves (Linux from 32768), which others would take meanwhile. */
const LOWEST = 20_000;
/** So many for each of jest's workers. */
const SPAN = 1_500;
const WORKERS = 8;

const given = new Set<number>();

/** A port that is free just now, for servers that must know each other's address before they start. */
export async function freePort(): Promise<number> {
  const lowest = LOWEST + SPAN * (Number(process.env.JEST_WORKER_ID ?? 0) % WORKERS);
  for (;;) {
    const port = randomInt(lowest, lowest + SPAN);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

/** Whether nobody listens there on this machine's own address. */
export async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
