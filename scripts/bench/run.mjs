/**
 * The benchmark. All targets are up at once and idle until it is their turn; rounds are outermost, then the
 * workloads (those that are compared together), then the targets, in turns of half a second, so that a noisy
 * minute meets all of them.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tell } from '../lib/one-line.mjs';
import { runLoad } from './load.mjs';
import { describeMachine } from './machine.mjs';
import { HELP, readOptions } from './options.mjs';
import { drawPlot } from './plot.mjs';
import { startPostgres } from './postgres.mjs';
import { publish } from './publish.mjs';
import { summarise, toMarkdown } from './report.mjs';
import { REFERENCE, TARGETS } from './targets.mjs';
import { measureInTurns } from './turns.mjs';
import { WORKLOADS } from './workloads.mjs';

const SETTLED_MS = 10_000;

/** The longest it may take to issue very many tokens. */
const GROWING_S = 150;

/** Beyond it a rate says more about the machine than about the server. */
const QUIET = 0.2;

export async function bench(args) {
  const options = readOptions(args);
  if (options === undefined) return void process.stdout.write(HELP);
  const root = mkdtempSync(join(tmpdir(), 'postern-bench-'));
  const undo = [() => rmSync(root, { recursive: true, force: true })];
  const stop = async () => {
    // A run that is interrupted measures nothing more.
    options.stopped = true;
    for (const step of undo.splice(0).reverse()) await step();
  };
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => void stop().then(() => process.exit(130)));
  try {
    const up = await startAll(root, options, undo);
    const results = await measureAll(up, options);
    if (!options.stopped) write(results, options);
  } finally {
    await stop();
  }
}

async function startAll(root, options, undo) {
  let postgres;
  const surroundings = {
    /** One server for all targets that want one, started when the first does. */
    async database() {
      if (postgres === undefined) {
        postgres = await startPostgres();
        undo.push(() => postgres.stop());
      }
      return postgres.database();
    },
  };
  const up = [];
  for (const target of TARGETS.filter(({ id }) => options.targets.includes(id))) {
    if (target.installed?.() === false) {
      tell(`${target.label}: not installed, left out`);
      continue;
    }
    const folder = join(root, target.id);
    mkdirSync(folder);
    const server = await target.start({ folder, postgres: surroundings });
    undo.push(() => server.stop());
    up.push({ target, server });
    tell(`${target.label}: up after ${Math.round(server.startMs)} ms`);
  }
  // What a start leaves behind is cleared away within seconds.
  await sleep(SETTLED_MS);
  for (const one of up) one.idle = (await one.server.usage()).rss;
  return up;
}

async function measureAll(up, options) {
  const cells = [];
  const workloads = WORKLOADS.filter(({ id }) => options.workloads.includes(id));
  const began = Date.now();
  const groups = groupsOf(workloads);
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const group of groups) {
      const asked = group.flatMap((workload) =>
        up
          .filter(({ target, server }) => takesPart(target, server, workload))
          .map((one) => ({ ...one, workload })),
      );
      const measured = await measureInTurns(asked, options, round === 1);
      if (options.stopped) return undefined;
      for (const { id, title } of group) {
        const line = measured.filter(({ workload }) => workload === id).map(brief);
        tell(`round ${round}/${options.rounds}  ${title}: ${line.join(', ')}`);
      }
      cells.push(...measured.map((cell) => ({ round, ...cell })));
    }
  }
  const targets = [];
  for (const one of up) targets.push(await describe(one, options));
  return {
    when: new Date(began).toISOString(),
    seconds: Math.round((Date.now() - began) / 1000),
    machine: describeMachine(),
    options,
    targets,
    cells,
  };
}

/** Each with those that are compared with it, so that their slices are taken together. */
function groupsOf(workloads) {
  const groups = new Map();
  for (const workload of workloads) {
    const key = workload.comparedWith ?? workload.id;
    groups.set(key, [...(groups.get(key) ?? []), workload]);
  }
  return [...groups.values()];
}

const takesPart = (target, server, workload) =>
  Boolean(workload.has(server)) && (target.only === undefined || target.only.includes(workload.id));

const brief = ({ target, cpu, bad, error }) =>
  error ? `${target} ${error}` : `${target} ${Math.round(cpu)} µs${bad > 0 ? ` (${bad} bad)` : ''}`;

/** And what it holds after very many tokens, which is measured last. */
async function describe({ target, server, idle }, { connections, tokens, workloads }) {
  const { id, label, twin } = target;
  const about = { id, label, twin, startMs: server.startMs, rssIdle: idle };
  const grows = target.only === undefined && server.machine && workloads.includes('w1');
  if (!grows) return about;
  const task = await WORKLOADS.find(({ id }) => id === 'w1').make(server);
  const run = await runLoad({ port: server.place.port, connections, seconds: GROWING_S, most: tokens, task });
  tell(`${label}: ${run.times.length} tokens more`);
  return { ...about, tokens: run.times.length, rssAfter: (await server.usage()).rss };
}

function write(results, options) {
  const summary = summarise(results, REFERENCE);
  const markdown = toMarkdown(summary);
  const plot = drawPlot(summary);
  mkdirSync(options.out, { recursive: true });
  writeFileSync(join(options.out, 'results.json'), `${JSON.stringify({ ...results, summary }, null, 1)}\n`);
  writeFileSync(join(options.out, 'results.md'), markdown);
  writeFileSync(join(options.out, 'plot.svg'), plot);
  process.stdout.write(`\n${markdown}\nWritten to ${options.out}.\n`);
  if (summary.foreign > QUIET) {
    tell(
      `Other programs used ${summary.foreign.toFixed(1)} cores: trust the ratios only, and those not far.`,
    );
  }
  if (options.publish) publish(markdown, plot);
}
