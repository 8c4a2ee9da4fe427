/** The dserver key is exchanged by its operator alone, and once a year is time to. */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { remindOfHandOver } from '../../../src/dserver/hand-over.js';
import { createDserverKey, type DserverKeySource } from '../../../src/keys/dserver-key.js';
import { temporaryFolder } from '../../support/folder.js';

const DAY = 86_400;
const now = 1_800_000_000;

async function remindersOf(source: DserverKeySource): Promise<object[]> {
  const said: object[] = [];
  const key = createDserverKey(source, 'ES256');
  const log = { warn: (fields: object) => void said.push(fields) };
  await remindOfHandOver({ key, clock: { now: () => now * 1000 }, log });
  return said;
}

test.each([
  [364, []],
  [365, [{ days: 365 }]],
])('a key of %i days', async (days, said) => {
  const keysDir = temporaryFolder();
  const file = join(keysDir, 'key.pem');
  writeFileSync(file, 'whatever');
  utimesSync(file, now - days * DAY, now - days * DAY);
  expect(await remindersOf({ keysDir, privateFile: file })).toEqual(said);
});

test('one that Postern made is looked at where it lies', async () => {
  const keysDir = temporaryFolder();
  await createDserverKey({ keysDir }, 'ES256').publicPem();
  const long = now - 400 * DAY;
  utimesSync(join(keysDir, 'dserver', 'p-256.pem'), long, long);
  expect(await remindersOf({ keysDir })).toEqual([{ days: 400 }]);
});

test('of a text in a setting, or a file that is away, nobody knows', async () => {
  const keysDir = temporaryFolder();
  expect(await remindersOf({ keysDir, privateText: 'a text' })).toEqual([]);
  expect(await remindersOf({ keysDir })).toEqual([]);
});
