/**
 * `npm test`: everything, one jest run after the other, PostgreSQL and Chromium included.
 * `npm run drill [-- --full] [-- R04 …]` runs the races with 100 (1000) rounds, the drills with 30 (200) kills and
 * what other tests have a row of the faults in their titles, or those that have one of the names; a table at the end
 * says what came of each and what was measured.
 * With --full, or by the name R30, the unit and flow tests run five times too, shuffled.
 * Other arguments go to jest, as in `npm test -- test/flows/refresh.test.ts`.
 * The last line is always `N passed, N failed`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureChromium } from './lib/chromium.mjs';
import { enter, prepare } from './lib/front-door.mjs';
import { runJest } from './lib/jest.mjs';
import { tell } from './lib/one-line.mjs';
import { inRoot } from './lib/paths.mjs';

const args = process.argv.slice(2);
const drill = args.includes('--drill');
const full = args.includes('--full');
const extra = args.filter((arg) => arg !== '--drill' && arg !== '--full');

/** R30 is no test but runs of tests. */
const SHUFFLED = 'R30';
const SHUFFLED_RUNS = 5;

/** Where tests stand that have a row of the faults in their titles, beside the races and drills. */
const ELSEWHERE = ['unit', 'stores', 'flows'];

const EVERYTHING = [
  { projects: ['unit', 'stores'], flags: ['--maxWorkers=2'] },
  { projects: ['flows'], flags: ['--maxWorkers=2'] },
  // Apart from the rest: they start processes, set them against one another and kill them. Much of it is waiting.
  { projects: ['races', 'drills'], flags: ['--maxWorkers=2'] },
  { projects: ['pages'], flags: ['--maxWorkers=2'] },
];

await enter(async () => {
  await prepare();
  const total = drill ? await runDrill() : await runEverything();
  if (total.skipped > 0 && extra.length === 0) {
    tell(`${total.skipped} skipped tests count as failed: there are no skips here.`);
    total.failed += total.skipped;
  }
  if (total.passed + total.failed === 0) tell('No test ran.');
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
});

async function runEverything() {
  const env = { CHROMIUM: ensureChromium(), RACE_ROUNDS: process.env.RACE_ROUNDS || '25' };
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const run of EVERYTHING) {
    tell(`\n== ${run.projects.join(', ')}`);
    add(total, await runJest({ ...run, extra, env }));
  }
  return total;
}

async function runDrill() {
  const rounds = process.env.RACE_ROUNDS || (full ? '1000' : '100');
  const kills = process.env.DRILL_KILLS || (full ? '200' : '30');
  const names = extra.filter((arg) => /^R\d\d$/.test(arg));
  const others = extra.filter((arg) => !names.includes(arg));
  const ownNames = names.filter((name) => name !== SHUFFLED);
  const chosen = ownNames.length > 0 ? ['--testNamePattern', ownNames.join('|')] : [];
  const elsewhere = filesThatName(ownNames);
  tell(
    `Drill: ${rounds} rounds of each race, ${kills} kills${names.length > 0 ? `; only ${names.join(', ')}` : ''}`,
  );
  const folder = mkdtempSync(join(tmpdir(), 'postern-figures-'));
  const figures = join(folder, 'figures');
  writeFileSync(figures, '');
  const began = Date.now();
  const pulse = setInterval(() => {
    tell(`  still at it, ${Math.round((Date.now() - began) / 1000)} s`);
  }, 30_000);
  const total = { passed: 0, failed: 0, skipped: 0, tests: [] };
  try {
    if (names.length === 0 || ownNames.length > 0) {
      const flags = ['--runInBand', '--verbose', `--testTimeout=${3_600_000}`, ...chosen];
      const env = {
        RACE_ROUNDS: rounds,
        DRILL_KILLS: kills,
        DRILL: '1',
        DRILL_FULL: full ? '1' : '',
        DRILL_FIGURES: figures,
      };
      add(total, await runJest({ projects: ['races', 'drills'], flags, extra: others, env }));
      if (others.length === 0 && elsewhere.length > 0) add(total, await runElsewhere(elsewhere, ownNames));
    }
    if (names.includes(SHUFFLED) || (full && names.length === 0)) add(total, await runShuffled(others));
    tell(`\n${summary(total.tests)}\n${measurements(figures)}`);
    for (const name of missing(names, total.tests)) {
      tell(`No test of ${name} ran, which counts as failed.`);
      total.failed += 1;
    }
    return total;
  } finally {
    clearInterval(pulse);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of the other kinds of tests, the files with one of the rows in a title, or with any row. */
function filesThatName(rows) {
  const title = new RegExp(`['"\`( ](?:${rows.join('|') || 'R\\d\\d'})[:,) ]`);
  return ELSEWHERE.flatMap((kind) =>
    readdirSync(inRoot('test', kind), { recursive: true })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `test/${kind}/${name}`),
  ).filter((file) => title.test(readFileSync(inRoot(file), 'utf8')));
}

/** What of them has no row in its title is left out, and is no skipped drill. */
async function runElsewhere(files, rows) {
  const pattern = `\\b(?:${rows.join('|') || 'R\\d\\d'})\\b`;
  const flags = ['--maxWorkers=2', '--testNamePattern', pattern];
  const result = await runJest({ projects: ELSEWHERE, flags, extra: files });
  return { ...result, skipped: 0 };
}

/** Names that were asked for and of which nothing ran: a typing error must not look like a drill that passed. */
function missing(names, tests) {
  const ran = tests.filter(({ status }) => status !== 'pending');
  return names.filter((name) => !ran.some((test) => test.name.includes(name)));
}

/** R30: the files in any order, and the tests of each in any order. */
async function runShuffled(extra) {
  const total = { passed: 0, failed: 0, skipped: 0, tests: [] };
  for (let run = 1; run <= SHUFFLED_RUNS; run += 1) {
    const seed = Math.floor(Math.random() * 2 ** 31);
    tell(`\n== ${SHUFFLED}: run ${run} of ${SHUFFLED_RUNS}, --randomize --seed=${seed}`);
    const began = Date.now();
    const sequencer = `--testSequencer=${inRoot('scripts', 'lib', 'shuffled-files.mjs')}`;
    const flags = ['--maxWorkers=2', '--randomize', `--seed=${seed}`, sequencer];
    const result = await runJest({ projects: ['unit', 'flows'], flags, extra });
    const name = `${SHUFFLED}: run ${run} with seed ${seed}: ${result.passed} passed, ${result.failed} failed`;
    const status = result.failed === 0 ? 'passed' : 'failed';
    add(total, { ...result, tests: [{ name, status, seconds: (Date.now() - began) / 1000 }] });
  }
  return total;
}

/** One line a test that ran, those that failed first. */
function summary(tests) {
  const ran = tests.filter(({ status }) => status !== 'pending');
  ran.sort((one, other) => Number(one.status === 'passed') - Number(other.status === 'passed'));
  return ran
    .map(({ status, seconds, name }) => `${status.padEnd(7)} ${seconds.toFixed(1).padStart(8)} s  ${name}`)
    .join('\n');
}

/** What the drills wrote down with `measured` (`test/support/figures.ts`), in the order of the rows. */
function measurements(file) {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const all = lines.map((line) => JSON.parse(line));
  all.sort((one, other) => one.name.localeCompare(other.name));
  return all.map(({ name, figures }) => `${name}  ${figures}`).join('\n');
}

function add(total, result) {
  for (const key of ['passed', 'failed', 'skipped']) total[key] += result[key];
  total.tests?.push(...result.tests);
}
