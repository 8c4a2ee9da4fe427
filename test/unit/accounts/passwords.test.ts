import { describe, expect, test } from '@jest/globals';
import { dictionary } from '@zxcvbn-ts/language-common';
import { argon2id, createPasswords, passwordFault } from '../../../src/accounts/passwords.js';
import { createQueue } from '../../../src/accounts/queue.js';
import { Unavailable } from '../../../src/platform/errors/errors.js';
import { countingArgon2 } from './fakes.js';

describe('password rules (A110)', () => {
  test.each([
    ['seven characters', 'pinewo7'],
    ['seven characters of four bytes each', '🌲'.repeat(7)],
    ['empty', ''],
    ['more than 1024 bytes', 'a7'.repeat(513)],
    ['more than 1024 bytes in fewer characters', 'ä7'.repeat(400)],
    ['the username', 'josephine'],
    ['the username in capitals', 'JOSEPHINE'],
    ['one of the common ones', 'password1'],
    ['one of the common ones in capitals', 'PassWord1'],
    ['one of the common ones far down the list', 'qwerty1234'],
    ['a common one the package leaves to its patterns', 'summer2026'],
    ['a short piece again and again', '12341234'],
    ['one character again and again', '00000000'],
    ['the username with a year', 'Josephine2026!'],
    ['the name of this program with a digit', 'Postern12'],
  ])('refuses %s', (_what, password) => {
    expect(passwordFault(password, 'Josephine')).toEqual(expect.any(String));
  });

  test.each([
    ['eight characters', 'pinewo77'],
    ['eight characters of four bytes each', '🌲🌳🌴🌵🌷🌸🌹🌺'],
    ['64 characters', 'pine wood'.repeat(8).slice(0, 64)],
    ['128 characters', 'pine wood'.repeat(16).slice(0, 128)],
    ['128 characters of four bytes each', '🌲'.repeat(128)],
    ['spaces and no digit', 'only lower case words'],
  ])('accepts %s', (_what, password) => {
    expect(passwordFault(password, 'josephine')).toBeUndefined();
  });
});

test('every word of 8 letters among the first 10,000 of the packaged list is refused (ASVS 6.2.4)', () => {
  const words = dictionary['passwords-common'].slice(0, 10_000).filter((word) => word.length >= 8);
  expect(words.length).toBeGreaterThan(2_000);
  expect(words.filter((word) => passwordFault(word, 'josephine') === undefined)).toEqual([]);
  expect(words.filter((word) => passwordFault(word.toUpperCase(), 'josephine') === undefined)).toEqual([]);
});

describe('hashing', () => {
  test('costs the same without a stored hash and with a password too long to be one', async () => {
    const argon2 = countingArgon2();
    const passwords = createPasswords(argon2);
    expect(await passwords.verify(undefined, 'pine wood hut')).toBe(false);
    expect(await passwords.verify(undefined, '')).toBe(false);
    expect(await passwords.verify('hash of x', 'x'.repeat(2000))).toBe(false);
    expect(argon2.calls.verified).toBe(3);
    expect(await passwords.verify('hash of pine wood hut', 'pine wood hut')).toBe(true);
    expect(argon2.calls.verified).toBe(4);
  });

  test('argon2id with 19 MiB, two passes, one lane; nothing is cut off', async () => {
    const passwords = createPasswords(argon2id);
    const long = `${'pine wood '.repeat(10)}a`;
    const kept = await passwords.hash(long);
    expect(kept).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await passwords.verify(kept, `${long.slice(0, -1)}b`)).toBe(false);
    expect(await passwords.verify(kept, long)).toBe(true);
    expect(await passwords.verify(undefined, long)).toBe(false);
  });
});

describe('the queue', () => {
  test('R29: refuses at once what cannot even wait, and goes on afterwards', async () => {
    const queue = createQueue({ running: 1, waiting: 1 });
    const open: (() => void)[] = [];
    const task = () => new Promise<void>((done) => open.push(done));
    const first = queue.run(task);
    const second = queue.run(task);
    await expect(queue.run(task)).rejects.toBeInstanceOf(Unavailable);
    open[0]?.();
    await first;
    await new Promise((done) => setImmediate(done));
    open[1]?.();
    await second;
    await expect(queue.run(async () => 'free again')).resolves.toBe('free again');
  });

  test('a failed task frees its place', async () => {
    const queue = createQueue({ running: 1, waiting: 0 });
    await expect(queue.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(queue.run(async () => 1)).resolves.toBe(1);
  });

  test('one key runs one at a time, others pass by', async () => {
    const queue = createQueue({ running: 3, waiting: 10 });
    const together = new Map<string, number>();
    const most = new Map<string, number>();
    const run = (key: string) =>
      queue.run(async () => {
        together.set(key, (together.get(key) ?? 0) + 1);
        most.set(key, Math.max(most.get(key) ?? 0, together.get(key) ?? 0));
        await new Promise((done) => setImmediate(done));
        together.set(key, (together.get(key) ?? 0) - 1);
      }, key);
    await Promise.all(['a', 'a', 'a', 'b', 'b', 'c'].map(run));
    expect([...most.values()]).toEqual([1, 1, 1]);
  });
});
