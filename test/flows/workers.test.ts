/** Several processes on one machine (issue 6 §3): the real program with WORKERS=2 on one SQLite file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, type ClientRequest, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Program, startProgram } from '../support/program.js';

const PATIENCE_MS = 180_000;

const folders: string[] = [];
let program: Program;

/** Requests one after another on kept-alive connections, as many as `users`, until told to end. */
function load({ port }: Program, users: number) {
  const agent = new Agent({ keepAlive: true });
  const failures: string[] = [];
  let answered = 0;
  let on = true;

  const ask = (): Promise<void> =>
    new Promise((resolve) => {
      const sent: ClientRequest = get(
        { agent, host: '127.0.0.1', port, path: '/.well-known/openid-configuration' },
        (response) => {
          response.resume();
          response.once('close', () => {
            if (response.statusCode === 200 && response.complete) answered += 1;
            else failures.push(`status ${response.statusCode}`);
            resolve();
          });
        },
      );
      sent.once('error', (error) => {
        failures.push(`${error.message}${sent.reusedSocket ? ' on a kept connection' : ''}`);
        resolve();
      });
    });

  const running = Promise.all(
    Array.from({ length: users }, async () => {
      while (on) await ask();
    }),
  );
  return {
    answered: () => answered,
    failures,
    async end() {
      on = false;
      await running;
      agent.destroy();
    },
  };
}

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

async function start(): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-workers-'));
  folders.push(folder);
  return startProgram(folder, { WORKERS: '2' });
}

// One for all, unless a test has ended it.
beforeEach(async () => {
  if (program?.child.exitCode !== null) program = await start();
  await program.until(/Stop: Ctrl-C/);
}, PATIENCE_MS);

afterAll(async () => {
  await program?.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('WORKERS=2', () => {
  test('migrates, makes keys and prints the password once', () => {
    const said = program.said();
    expect(count(said, /Applying migration 0001-accounts/g)).toBe(1);
    expect(count(said, /shown only now/g)).toBe(1);
    expect(count(said, /Running on/g)).toBe(1);
  });

  test(
    'R07: SIGHUP under load exchanges the workers, and no request fails',
    async () => {
      const traffic = load(program, 8);
      program.child.kill('SIGHUP');
      await program.until(/"reloaded"/);
      await traffic.end();
      expect(traffic.failures).toEqual([]);
      expect(traffic.answered()).toBeGreaterThan(100);
      await program.until(/"stopped"[\s\S]*"stopped"/);
    },
    PATIENCE_MS,
  );

  test(
    'R03: a killed worker is replaced, and the others serve on',
    async () => {
      const before = count(program.said(), /"serving"/g);
      const pid = Number(
        program
          .said()
          .match(/"worker":(\d+),"msg":"serving"/g)
          ?.at(-1)
          ?.match(/\d+/)?.[0],
      );
      process.kill(pid, 'SIGKILL');
      await program.until(/a worker ended unexpectedly/);
      const traffic = load(program, 2);
      await program.until(new RegExp(`(?:"serving"[\\s\\S]*){${before + 1}}`));
      await traffic.end();
      expect(traffic.failures).toEqual([]);
    },
    PATIENCE_MS,
  );

  test(
    'SIGTERM ends them all, with exit code 0',
    async () => {
      expect(await program.stop()).toBe(0);
      expect(program.said()).toMatch(/"stopping"/);
      await expect(fetch(`http://127.0.0.1:${program.port}/livez`)).rejects.toThrow();
    },
    PATIENCE_MS,
  );
});

/** Preloaded, also into the workers: a machine of one processor. */
const ONE_PROCESSOR = `data:text/javascript,${encodeURIComponent(`
  import os from 'node:os';
  import { syncBuiltinESMExports } from 'node:module';
  os.availableParallelism = () => 1;
  syncBuiltinESMExports();`)}`;

test(
  'WORKERS=auto on one processor: one worker, and SIGHUP reloads as on any other machine',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-workers-'));
    folders.push(folder);
    const main = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
    const one = await startProgram(folder, { WORKERS: 'auto' }, undefined, ['--import', ONE_PROCESSOR, main]);
    try {
      await one.until(/Stop: Ctrl-C/);
      expect(count(one.said(), /"serving"/g)).toBe(1);
      one.child.kill('SIGHUP');
      await one.until(/"reloaded"/);
      expect((await fetch(`http://127.0.0.1:${one.port}/livez`)).status).toBe(200);
    } finally {
      expect(await one.stop()).toBe(0);
    }
  },
  PATIENCE_MS,
);
