/** What the program prints may find no place. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ensureCompiled, newPlace, type Place } from '../support/command-line.js';

const main = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const VERB = ['client', 'create', '--name', 'Once', '--grant-type', 'client_credentials'];

let place: Place;

beforeAll(async () => {
  place = newPlace();
  await ensureCompiled();
  await place.run('migrate up');
});
afterAll(() => place.remove());

function start(stdout: number | 'pipe') {
  const env = { PATH: process.env.PATH ?? '', HOME: place.folder, ...place.env };
  const stdio = ['ignore', stdout, 'pipe'] as const;
  return spawn(process.execPath, [main, ...VERB], { cwd: place.folder, env, stdio: [...stdio] });
}

test('a secret that could not be written is no success', async () => {
  const full = openSync('/dev/full', 'w');
  const child = start(full);
  closeSync(full);
  const said = text(child.stderr as Readable);
  const [code] = await once(child, 'close');
  expect([code, await said]).toEqual([
    1,
    expect.stringMatching(/^Not all that was printed .* \(ENOSPC\)\.$/m),
  ]);
});

test('a reader who leaves early is no failure', async () => {
  const child = start('pipe');
  child.stdout?.destroy();
  const said = text(child.stderr as Readable);
  const [code] = await once(child, 'close');
  expect([code, await said]).toEqual([0, expect.not.stringContaining('Not all')]);
});
