import { expect, test } from '@jest/globals';
import { createKeyring } from '../../../src/keys/keyring.js';
import type { PrivateSigningKey } from '../../../src/keys/signing-keys.js';

const keyOf = (kid: string) => ({ kid }) as PrivateSigningKey;

test('of two looks that overlap the later one counts, whichever ends first', async () => {
  const ends: (() => void)[] = [];
  const held = () => new Promise<void>((resolve) => void ends.push(resolve));
  let mark = 'first';
  let there = [keyOf('a'), keyOf('revoked')];
  let slow = false;
  const keyring = await createKeyring({
    mark: async () => mark,
    async load() {
      const seen = there;
      if (slow) await held();
      return seen;
    },
    publishedKids: async () => new Set(),
    ensure: async () => undefined as never,
    revokeLost: async () => undefined as never,
  });
  const heard: string[][] = [];
  keyring.onChange((keys) => void heard.push(keys.map(({ kid }) => kid)));
  slow = true;
  mark = 'second';
  const early = keyring.refresh();
  while (ends.length === 0) await new Promise(setImmediate);
  mark = 'third';
  there = [keyOf('a')];
  slow = false;
  const late = keyring.refresh();
  for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  for (const end of ends) end();
  await Promise.all([early, late]);
  expect(keyring.keys().map(({ kid }) => kid)).toEqual(['a']);
  expect(heard.at(-1)).toEqual(['a']);
});

test('a look that fails is told to who asked, and does not stand in the way of the next', async () => {
  let mark = 'first';
  let away = false;
  const keyring = await createKeyring({
    async mark() {
      if (away) throw new Error('the database is away');
      return mark;
    },
    load: async () => [keyOf(mark)],
    publishedKids: async () => new Set(),
    ensure: async () => undefined as never,
    revokeLost: async () => undefined as never,
  });
  away = true;
  await expect(keyring.refresh()).rejects.toThrow('away');
  away = false;
  mark = 'second';
  await keyring.refresh();
  expect(keyring.keys()[0]?.kid).toBe('second');
});

test('keys that cannot be read hold no withdrawal up, and are looked for again', async () => {
  let there = ['a', 'stolen'];
  let unreadable = false;
  const keyring = await createKeyring({
    mark: async () => there.join(),
    async load() {
      if (unreadable) throw new Error('sealed under another secret');
      return there.map(keyOf);
    },
    publishedKids: async () => new Set(there),
    ensure: async () => undefined as never,
    revokeLost: async () => undefined as never,
  });
  const heard: string[][] = [];
  keyring.onChange((keys) => void heard.push(keys.map(({ kid }) => kid)));
  there = ['a', 'sealed'];
  unreadable = true;
  await expect(keyring.refresh()).rejects.toThrow('another secret');
  await expect(keyring.refresh()).rejects.toThrow('another secret');
  expect(keyring.keys().map(({ kid }) => kid)).toEqual(['a']);
  expect(heard).toEqual([['a']]);
  unreadable = false;
  await keyring.refresh();
  expect(heard.at(-1)).toEqual(['a', 'sealed']);
});
