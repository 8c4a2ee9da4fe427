import { describe, expect, test } from '@jest/globals';
import {
  ANNOUNCED_MS,
  isDue,
  type KeyDates,
  published,
  RETIRED_MS,
  useOf,
} from '../../../src/keys/key-uses.js';

const DAY = 86_400_000;
const NOW = 1000 * DAY;

const key = (generation: number, signsAt: number, more: Partial<KeyDates> = {}): KeyDates => ({
  kid: `k${generation}`,
  alg: 'ES256',
  generation,
  signsAt,
  revokedAt: null,
  ...more,
});

const usesOf = (keys: readonly KeyDates[], now = NOW) => keys.map((one) => useOf(one, keys, now));

describe('what a key is for', () => {
  test.each<[string, KeyDates[], string[]]>([
    ['alone', [key(1, NOW)], ['signs']],
    ['before its time', [key(1, 0), key(2, NOW + 1)], ['signs', 'announced']],
    ['when its time has come', [key(1, 0), key(2, NOW)], ['retired', 'signs']],
    ['until nothing it signed lives', [key(1, 0), key(2, NOW - RETIRED_MS + 1)], ['retired', 'signs']],
    ['and no longer', [key(1, 0), key(2, NOW - RETIRED_MS)], ['ended', 'signs']],
    [
      'counted from its first successor',
      [key(1, 0), key(2, NOW - RETIRED_MS), key(3, NOW)],
      ['ended', 'retired', 'signs'],
    ],
    ['withdrawn', [key(1, 0, { revokedAt: NOW }), key(2, NOW)], ['revoked', 'signs']],
    ['withdrawn before it signed', [key(1, 0), key(2, NOW + DAY, { revokedAt: NOW })], ['signs', 'revoked']],
    [
      'after a successor was withdrawn, rather than none',
      [key(1, 0), key(2, 5, { revokedAt: 6 })],
      ['signs', 'revoked'],
    ],
    [
      'counted from the successor that signed, not from one withdrawn while announced long before',
      [key(1, 0), key(2, NOW - RETIRED_MS, { revokedAt: NOW - RETIRED_MS - 1 }), key(3, NOW)],
      ['retired', 'revoked', 'signs'],
    ],
    [
      'counted from the end of its second turn, which came when its successor was withdrawn',
      [key(1, 0), key(2, 5, { revokedAt: NOW - RETIRED_MS }), key(3, NOW)],
      ['retired', 'revoked', 'signs'],
    ],
    [
      'and no longer than that',
      [key(1, 0), key(2, 5, { revokedAt: 6 }), key(3, NOW - RETIRED_MS)],
      ['ended', 'revoked', 'signs'],
    ],
    ['beside another algorithm', [key(1, 0), key(2, 5, { alg: 'RS256' })], ['signs', 'signs']],
    ['overtaken while announced', [key(1, 0), key(2, NOW), key(3, NOW - 1)], ['retired', 'retired', 'signs']],
  ])('%s', (_name, keys, uses) => {
    expect(usesOf(keys)).toEqual(uses);
  });

  test('exactly one signs at any moment of a rotation, and it was published long before', () => {
    const keys = [key(1, 0), key(2, NOW), key(3, NOW + 90 * DAY)];
    for (let now = NOW - 2 * DAY; now < NOW + 200 * DAY; now += DAY / 2) {
      const uses = usesOf(keys, now);
      expect(uses.filter((use) => use === 'signs')).toHaveLength(1);
      const signer = keys[uses.indexOf('signs')] as KeyDates;
      expect(published(keys, now)[0]).toBe(signer);
      if (now > NOW) expect(published(keys, now - ANNOUNCED_MS)).toContain(signer);
    }
  });
});

describe('the schedule', () => {
  test.each([
    ['a day before the age', [key(1, NOW + DAY - 90 * DAY)], 90, true],
    ['not earlier', [key(1, NOW + DAY - 90 * DAY + 1)], 90, false],
    ['not while the next one waits', [key(1, 0), key(2, NOW + 1)], 90, false],
    ['never with 0', [key(1, 0)], 0, false],
    ['with 0 too where there is none', [], 0, true],
    ['where the only one was withdrawn', [key(1, NOW, { revokedAt: NOW })], 90, true],
  ])('%s', (_name, keys, days, due) => {
    expect(isDue('ES256', keys, days, NOW)).toBe(due);
  });
});
