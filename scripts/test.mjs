/**
 * `npm test`: everything, one jest run after the other, PostgreSQL and Chromium included.
 * `npm run drill [-- --full]` runs the race suite alone, with 100 (1000) rounds.
 * Other arguments go to jest, as in `npm test -- test/flows/refresh.test.ts`.
 * The last line is always `N passed, N failed`.
 */
import { ensureChromium } from './lib/chromium.mjs';
import { enter, prepare } from './lib/front-door.mjs';
import { runJest } from './lib/jest.mjs';
import { tell } from './lib/one-line.mjs';

const args = process.argv.slice(2);
const drill = args.includes('--drill');
const full = args.includes('--full');
const extra = args.filter((arg) => arg !== '--drill' && arg !== '--full');

const RACES = { projects: ['races'], flags: ['--runInBand'] };
const EVERYTHING = [
  { projects: ['unit', 'stores'], flags: ['--maxWorkers=2'] },
  { projects: ['flows'], flags: ['--maxWorkers=2'] },
  // Alone: what it measures is several processes against one another.
  RACES,
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
  tell(`Race drill with ${rounds} rounds`);
  const began = Date.now();
  const pulse = setInterval(() => {
    tell(`  still racing, ${Math.round((Date.now() - began) / 1000)} s`);
  }, 30_000);
  try {
    const flags = [...RACES.flags, '--verbose', `--testTimeout=${3_600_000}`];
    return await runJest({ ...RACES, flags, extra, env: { RACE_ROUNDS: rounds } });
  } finally {
    clearInterval(pulse);
  }
}

function add(total, result) {
  for (const key of Object.keys(total)) total[key] += result[key];
}
