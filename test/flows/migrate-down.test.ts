/** `migrate down` undoes what was agreed to, and nothing else. */
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { migrations } from '../../migrations/index.js';
import { runCli } from '../../src/cli/cli.js';
import { newPlace, type Place } from '../support/command-line.js';

let place: Place;

beforeAll(async () => {
  place = newPlace();
  await place.run('migrate up');
});
afterAll(() => place.remove());

/** Somebody at a terminal who says yes, but not before something else has happened. */
async function answerYesAfter(meanwhile: () => Promise<unknown>, args: readonly string[]) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  let stderr = '';
  const write = (text: string) => {
    stderr += text;
    if (text.endsWith(': ')) void meanwhile().then(() => stdin.write('yes\r'));
  };
  const terminal = { stdin, stdout: { write: () => {} }, stderr: { write } };
  const code = await runCli(args, { terminal, env: place.env, folder: place.folder });
  return { code, stderr };
}

test('of two who agree to undo the newest migration, the second undoes no older one', async () => {
  const newest = migrations.at(-1)?.name;
  const { code, stderr } = await answerYesAfter(() => place.run('migrate down --yes'), ['migrate', 'down']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/Nothing was undone\.\n$/)]);
  expect(stderr).toContain(`Undo the migration ${newest} of ${place.folder}`);
  const { applied } = (await place.run('migrate status --json')).json();
  expect(applied).toEqual(migrations.slice(0, -1).map(({ name }) => name));
});
