/**
 * Slices are taken in short turns, to and fro: the speed of a virtual machine moves within seconds, and so
 * moves for all whose slices are compared.
 */
import { quantile, runLoad } from './load.mjs';
import { watchLoad } from './machine.mjs';

/** Shorter, and what opening the connections costs would count. */
const TURN_S = 0.5;
/** Requests after which the hot code is compiled. */
const WARM = 2500;
/**
 * Seconds a process. After minutes without a request V8 has thrown some of it away, and connections to PostgreSQL were
 * given up: a slice that began so took up to twice the time.
 */
const AGAIN_WARM_S = 0.7;

/**
 * @param {{ target: object, server: object, workload: object }[]} asked what is compared with one another
 * @param {{ connections: number, seconds: number, warmup: number, stopped?: boolean }} options
 *   `seconds`: of a slice, all turns
 * @param {boolean} first whether nobody was asked this before
 * @returns for each, in the order of `asked`, a cell, or what went wrong as `error`; none once it was stopped
 */
export async function measureInTurns(asked, options, first) {
  const slices = asked.map((one) => ({ ...one, turns: [], error: undefined }));
  const each = async (order, step) => {
    for (const slice of order.filter(({ error }) => error === undefined)) {
      if (options.stopped) return;
      await step(slice).catch((error) => {
        slice.error = error?.message || String(error);
      });
    }
  };
  await each(slices, (slice) => prepare(slice, options, first));
  const turns = Math.max(1, Math.round(options.seconds / TURN_S));
  for (let turn = 0; turn < turns; turn += 1) {
    await each(turn % 2 ? slices.toReversed() : slices, (slice) => take(slice, options.seconds / turns));
  }
  return options.stopped ? [] : slices.map(cellOf);
}

async function prepare(slice, { connections, warmup }, first) {
  const { target, server, workload } = slice;
  const { processes = 1 } = target;
  // Made anew for each round: a server may have forgotten the sessions of the last one.
  const task = await workload.make(server);
  slice.load = { port: server.place.port, connections: connections * processes, task };
  const most = (workload.warm ?? WARM) * processes;
  await runLoad({ ...slice.load, seconds: first ? warmup : AGAIN_WARM_S * processes, most });
}

async function take({ server, load, turns }, seconds) {
  const spent = watchLoad();
  const before = await server.usage();
  const run = await runLoad({ ...load, seconds });
  const { cpu, rss } = await server.usage();
  if (run.times.length === 0) throw new Error(run.firstBad ?? 'nothing was answered');
  turns.push({ ...run, rss, used: cpu - before.cpu, ...spent((cpu - before.cpu) / 1e6) });
}

function cellOf({ target, workload, turns, error }) {
  const cell = { target: target.id, workload: workload.id };
  if (error !== undefined) return { ...cell, error };
  const sum = (of) => turns.reduce((total, turn) => total + of(turn), 0);
  const times = turns.flatMap((turn) => turn.times).sort((a, b) => a - b);
  const seconds = sum((turn) => turn.seconds);
  const used = sum((turn) => turn.used);
  const firstBad = turns.find((turn) => turn.firstBad !== undefined)?.firstBad;
  return {
    ...cell,
    cpu: used / times.length,
    rate: times.length / seconds,
    cores: used / 1e6 / seconds,
    foreign: Math.max(0, sum((turn) => turn.foreign) / seconds),
    generator: sum((turn) => turn.own) / seconds,
    rss: turns.at(-1).rss,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    bad: sum((turn) => turn.bad),
    ...(firstBad === undefined ? {} : { firstBad }),
  };
}
