/**
 * Load on one target: a number of connections that each send the next request when the last was answered,
 * until the time is over or enough was counted. Loopback only, and nothing goes on behind its back.
 */
import { openConnection } from './connection.mjs';

/** However fast a server is. */
const MOST_REQUESTS = 1_000_000;

/**
 * @param {object} cell
 * @param {number} cell.port
 * @param {number} cell.connections
 * @param {number} cell.seconds
 * @param {number} [cell.most] stops after so many, where the time is not over before
 * @param {(worker: number) => (ask: Function) => Promise<boolean | string>} cell.task makes the step of one
 *   connection; the step answers true, or what was wrong
 * @returns `times`: what each good answer took, in milliseconds; `seconds`: what all took; `bad`: how many
 *   were not good, and what was wrong with the first as `firstBad`
 */
export async function runLoad({ port, connections, seconds, most = MOST_REQUESTS, task }) {
  const begun = performance.now();
  const until = begun + seconds * 1000;
  const times = [];
  let bad = 0;
  let firstBad;

  async function work(worker) {
    const step = task(worker);
    let connection = openConnection(port);
    while (performance.now() < until && times.length + bad < most) {
      const from = performance.now();
      let outcome;
      try {
        outcome = await step(connection.ask);
      } catch (error) {
        outcome = error.message;
        connection.close();
        connection = openConnection(port);
      }
      if (outcome === true) times.push(performance.now() - from);
      else {
        bad += 1;
        firstBad ??= String(outcome).slice(0, 300);
        // A server that refuses everything is not worth a busy loop.
        if (bad > 50 && times.length === 0) break;
      }
    }
    connection.close();
  }

  await Promise.all(Array.from({ length: connections }, (_, worker) => work(worker)));
  const spent = (performance.now() - begun) / 1000;
  return { times, seconds: spent, bad, ...(firstBad === undefined ? {} : { firstBad }) };
}

export const quantile = (sorted, part) =>
  sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
