/** From cells to a table: medians over the rounds, ratios of slices of one round. */
import { asideGoalOf, goalOf, PROCESS_GOALS } from './goals.mjs';
import { WORKLOADS } from './workloads.mjs';

export function median(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export function summarise({ cells, targets, machine, options, when }, reference) {
  const good = cells.filter(({ error }) => error === undefined);
  const cellOf = (round, target, workload) =>
    good.find((cell) => cell.round === round && cell.target === target && cell.workload === workload);
  const rows = WORKLOADS.filter(({ id }) => good.some(({ workload }) => workload === id)).map((workload) => {
    const against = workload.comparedWith ?? workload.id;
    const byTarget = targets.flatMap(({ id, twin }) => {
      const own = good.filter((cell) => cell.target === id && cell.workload === workload.id);
      if (own.length === 0) return [];
      const other = twin === undefined ? [reference, against] : [twin, workload.id];
      const ratioOf = (what) => median(own.map((cell) => cell[what] / cellOf(cell.round, ...other)?.[what]));
      return [
        {
          target: id,
          cpu: median(own.map(({ cpu }) => cpu)),
          ratio: ratioOf('cpu'),
          rate: median(own.map(({ rate }) => rate)),
          rateRatio: ratioOf('rate'),
          generator: median(own.map(({ generator }) => generator)),
          p99: median(own.map(({ p99 }) => p99)),
          foreign: median(own.map(({ foreign }) => foreign)),
          bad: own.reduce((sum, { bad }) => sum + bad, 0),
          goal: twin === undefined ? goalOf(id, workload.id) : asideGoalOf(id, workload.id),
        },
      ];
    });
    return { id: workload.id, title: workload.title, byTarget };
  });
  const faults = cells.filter(({ error }) => error !== undefined);
  const foreign = median(good.map((cell) => cell.foreign)) ?? 0;
  return { rows, targets, machine, options, when, foreign, faults };
}

const whole = (value) => (value === undefined ? '-' : String(Math.round(value)));

function markOf(value, goal) {
  if (goal === undefined || value === undefined) return '';
  const within = (bound) => (goal.atLeast ? value >= bound : value <= bound);
  return within(goal.aim) ? ' ✓✓' : within(goal.must) ? ' ✓' : ' ✗';
}

function cellText(found) {
  if (found === undefined) return '-';
  const { cpu, ratio, goal, bad } = found;
  const mark = markOf(ratio, goal);
  const factor = ratio === undefined ? '' : `**${ratio.toFixed(2)}** · `;
  return `${factor}${whole(cpu)}${mark}${bad > 0 ? ` (${bad} bad)` : ''}`;
}

const tableOf = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** The part of a summary that is about the targets with one twin, or about those without. */
function partOf({ rows, targets }, twin) {
  const of = targets.filter((target) => target.twin === twin).map(({ id }) => id);
  const measured = targets.filter(({ id }) => of.includes(id));
  const asked = rows.filter(({ byTarget }) => byTarget.some(({ target }) => of.includes(target)));
  return { rows: asked, measured };
}

function ratioTable(summary, twin) {
  const { rows, measured } = partOf(summary, twin);
  return tableOf(
    ['CPU per request: ratio · µs', ...measured.map(({ label }) => label)],
    rows.map(({ title, byTarget }) => [
      title,
      ...measured.map(({ id }) => cellText(byTarget.find(({ target }) => target === id))),
    ]),
  );
}

const rateText = ({ rate, p99 }) => `${whole(rate)} · ${p99.toFixed(1)}`;

/** Beside a twin: how many times its rate, too, and what the generator took meanwhile. */
const asideRateText = ({ rate, rateRatio, p99, generator }) =>
  `**${rateRatio?.toFixed(2) ?? '-'}** · ${whole(rate)} · ${p99.toFixed(1)} · ${generator.toFixed(2)}`;

function rateTable(summary, twin) {
  const { rows, measured } = partOf(summary, twin);
  const [head, text] =
    twin === undefined
      ? ['Requests per second · p99 in ms', rateText]
      : ['Rate: ratio · requests per second · p99 in ms · cores of the generator', asideRateText];
  return tableOf(
    [head, ...measured.map(({ label }) => label)],
    rows.map(({ title, byTarget }) => [
      title,
      ...measured.map(({ id }) => {
        const found = byTarget.find(({ target }) => target === id);
        return found ? text(found) : '-';
      }),
    ]),
  );
}

function processTable({ targets }) {
  const mib = (bytes) => (bytes === undefined ? '-' : String(Math.round(bytes / 2 ** 20)));
  // What is asked is asked of the default, SQLite.
  const mark = (id, what, value) => (id === 'postern' ? markOf(value, PROCESS_GOALS[what]) : '');
  return tableOf(
    ['W7 process', 'start to first 200, ms', 'memory idle, MiB', 'after W1 tokens, MiB'],
    targets
      .filter(({ twin }) => twin === undefined)
      .map(({ id, label, startMs, rssIdle, rssAfter, tokens }) => [
        label,
        whole(startMs) + mark(id, 'startMs', startMs),
        mib(rssIdle) + mark(id, 'rssIdle', rssIdle),
        rssAfter === undefined ? '-' : `${mib(rssAfter)} (${tokens})${mark(id, 'rssAfter', rssAfter)}`,
      ]),
  );
}

export function toMarkdown(summary) {
  const { machine, options, when, foreign, faults } = summary;
  const said = [
    `${when.slice(0, 10)}, ${machine.cores} cores (${machine.model}), Node ${machine.node.slice(1)};`,
    `median of ${options.rounds} rounds of ${options.seconds} s, ${options.connections} connections a process;`,
    `other programs used ${foreign.toFixed(2)} cores.`,
    'The ratio is to oidc-provider with its in-memory adapter and RS256, measured in the same round;',
    '✓ is our bound, ✓✓ our aim. W3 counts whole logins, two requests each.',
  ].join(' ');
  const failed = faults.map(
    ({ target, workload, error }) => `- ${target} ${workload}: ${error.split('\n')[0]}`,
  );
  const twins = [...new Set(summary.targets.flatMap(({ twin }) => twin ?? []))];
  const asides = twins.flatMap((twin) => [ratioTable(summary, twin), rateTable(summary, twin)]);
  const asideSaid = 'Separate comparisons: each variant next to a reference server under the same load.';
  return [
    said,
    ratioTable(summary),
    rateTable(summary),
    processTable(summary),
    ...(asides.length > 0 ? [asideSaid, ...asides] : []),
    ...(failed.length > 0 ? [`Not measured:\n\n${[...new Set(failed)].join('\n')}`] : []),
    '',
  ].join('\n\n');
}
