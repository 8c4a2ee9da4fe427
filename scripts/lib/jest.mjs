/** Runs jest once and says honestly what came of it, also where jest itself died. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inRoot, root } from './paths.mjs';

/**
 * @param {{ projects: string[], flags?: string[], extra?: string[], env?: Record<string, string> }} run
 * @returns {Promise<{ passed: number, failed: number, skipped: number, tests: { name: string, status: string, seconds: number }[] }>}
 */
export async function runJest({ projects, flags = [], extra = [], env = {} }) {
  const folder = mkdtempSync(join(tmpdir(), 'postern-jest-'));
  const outputFile = join(folder, 'result.json');
  const args = [
    ...['--experimental-vm-modules', '--no-warnings', inRoot('node_modules', 'jest', 'bin', 'jest.js')],
    ...['--config', inRoot('test', 'jest.config.mjs'), '--json', `--outputFile=${outputFile}`],
    ...['--passWithNoTests', ...flags, ...extra],
    // Last, and each on its own: a list after one flag would swallow a path given as an extra argument.
    ...projects.map((project) => `--selectProjects=${project}`),
  ];
  try {
    const code = await exitCode(spawn(process.execPath, args, spawnOptions(env)));
    return counts(outputFile, code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// jest's JSON would otherwise also go to standard output; the people's report is on standard error.
const spawnOptions = (env) => ({
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
  env: { ...process.env, NODE_ENV: 'test', ...env },
});

const exitCode = (child) =>
  new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (code) => resolve(code ?? 1));
  });

function counts(outputFile, code) {
  if (!existsSync(outputFile)) return { passed: 0, failed: 1, skipped: 0, tests: [] };
  const result = JSON.parse(readFileSync(outputFile, 'utf8'));
  // A suite that could not even be loaded holds no failed test, and is a failure all the same.
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  return {
    passed: result.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: result.numPendingTests + result.numTodoTests,
    tests: result.testResults.flatMap(({ assertionResults }) =>
      assertionResults.map(({ fullName, status, duration }) => ({
        name: fullName,
        status,
        seconds: (duration ?? 0) / 1000,
      })),
    ),
  };
}
