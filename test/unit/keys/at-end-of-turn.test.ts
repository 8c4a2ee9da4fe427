import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { atEndOfTurn } from '../../../src/keys/at-end-of-turn.js';

describe('what is done at the end of a turn', () => {
  test('is not begun before, is done in order, and each gets its own', async () => {
    const done: number[] = [];
    const double = atEndOfTurn((one: number) => {
      done.push(one);
      return 2 * one;
    });
    const asked = [double(3)];
    await Promise.resolve();
    asked.push(double(1), double(2));
    expect(done).toEqual([]);
    await turn();
    expect(done).toEqual([3, 1, 2]);
    expect(await Promise.all(asked)).toEqual([6, 2, 4]);
  });

  test('that fails for one fails for no other', async () => {
    const invert = atEndOfTurn((one: number) => {
      if (one === 0) throw new Error('nothing to invert');
      return 1 / one;
    });
    expect(await Promise.allSettled([invert(2), invert(0), invert(4)])).toEqual([
      { status: 'fulfilled', value: 0.5 },
      { status: 'rejected', reason: new Error('nothing to invert') },
      { status: 'fulfilled', value: 0.25 },
    ]);
  });

  test('what comes meanwhile is for the next turn', async () => {
    const done: string[] = [];
    const note = atEndOfTurn((name: string) => {
      if (name === 'first') later = note('later');
      done.push(name);
    });
    let later: Promise<void> | undefined;
    const first = note('first');
    await turn();
    expect(done).toEqual(['first']);
    await Promise.all([first, later]);
    expect(done).toEqual(['first', 'later']);
  });

  test('is asked for by what was just done', async () => {
    const count = atEndOfTurn((one: number) => one + 1);
    expect(await count(await count(await count(0)))).toBe(3);
  });
});
