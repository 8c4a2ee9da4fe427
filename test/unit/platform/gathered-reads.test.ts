import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { gatherReads } from '../../../src/platform/database/gathered-reads.js';
import { Unavailable } from '../../../src/platform/errors/errors.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

const fromServer = (code: string) =>
  Object.assign(new Error(code), { code, severity: 'ERROR', routine: 'r' });

/** A database that answers when it is told to, with what was stored when it was asked. */
function slowDatabase() {
  const asked: string[][] = [];
  const returns: (() => void)[] = [];
  const stored = new Map<string, string>();
  const read = gatherReads(async (keys: readonly string[]) => {
    asked.push([...keys]);
    const found = keys.map((key) => stored.get(key));
    await new Promise<void>((resolve) => returns.push(resolve));
    return found;
  });
  const goOn = async () => {
    for (const back of returns.splice(0)) back();
    await turn();
    await turn();
  };
  return { asked, stored, read, goOn };
}

describe('reads that are gathered', () => {
  afterEach(() => void jest.useRealTimers());

  test('those of one turn are one, and what two ask for is asked for once', async () => {
    const { asked, stored, read, goOn } = slowDatabase();
    stored.set('a', 'one').set('b', 'two');
    const answers = [read('a'), read('b'), read('a'), read('nobody')];
    await turn();
    await goOn();
    expect(asked).toEqual([['a', 'b', 'nobody']]);
    expect(await Promise.all(answers)).toEqual(['one', 'two', 'one', undefined]);
  });

  test('who asks after a read was sent gets one of their own, and so never an older answer', async () => {
    const { asked, stored, read, goOn } = slowDatabase();
    stored.set('a', 'before');
    const first = read('a');
    await turn();
    stored.set('a', 'after');
    const later = read('a');
    await turn();
    await goOn();
    expect(asked).toEqual([['a'], ['a']]);
    expect(await Promise.all([first, later])).toEqual(['before', 'after']);
  });

  test('those who come while two are under way go together when one is back', async () => {
    const { asked, read, goOn } = slowDatabase();
    const answers = [];
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      answers.push(read(key));
      await turn();
    }
    expect(asked).toEqual([['a'], ['b']]);
    await goOn();
    expect(asked).toEqual([['a'], ['b'], ['c', 'd', 'e']]);
    await goOn();
    await Promise.all(answers);
  });

  test('those that never return keep others for a moment once, and then nobody', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    const { asked, read, goOn } = slowDatabase();
    for (const key of ['a', 'b', 'c']) {
      void read(key);
      await turn();
    }
    expect(asked).toEqual([['a'], ['b']]);
    for (let moment = 0; moment < 2; moment += 1) {
      jest.advanceTimersByTime(5);
      await turn();
    }
    expect(asked).toEqual([['a'], ['b'], ['c']]);
    const later = read('d');
    await turn();
    expect(asked).toEqual([['a'], ['b'], ['c'], ['d']]);
    await goOn();
    await later;
  });

  test('very many are sent as several', async () => {
    const { asked, read, goOn } = slowDatabase();
    const answers = Array.from({ length: 250 }, (_, at) => read(String(at)));
    await turn();
    await goOn();
    await goOn();
    await Promise.all(answers);
    expect(asked.map(({ length }) => length)).toEqual([100, 100, 50]);
  });

  test('keys of several parts are one where all parts are', async () => {
    const asked: unknown[] = [];
    const read = gatherReads(async (keys: readonly (readonly unknown[])[]) => {
      asked.push(...keys);
      return keys.map(([name]) => name);
    });
    expect(await Promise.all([read(['a', 1]), read(['b', 1]), read(['a', 1]), read(['a', '1'])])).toEqual([
      'a',
      'b',
      'a',
      'a',
    ]);
    expect(asked).toEqual([
      ['a', 1],
      ['b', 1],
      ['a', '1'],
    ]);
  });

  test('a value that cannot be read fails alone', async () => {
    let asked = 0;
    const read = gatherReads(async (keys: readonly string[]) => {
      asked += 1;
      if (keys.includes('bad')) throw fromServer('22021');
      return keys;
    });
    const all = await Promise.allSettled([read('a'), read('bad'), read('b')]);
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(asked).toBe(5);
  });

  test.each([
    ['a database that is away', () => new Unavailable('away')],
    ['a statement that is wrong', () => fromServer('42703')],
  ])('%s is not asked again for each, and the failure is not kept', async (_, fault) => {
    let fails = true;
    let asked = 0;
    const read = gatherReads(async (keys: readonly string[]) => {
      asked += 1;
      if (fails) throw fault();
      return keys;
    });
    const all = await Promise.allSettled([read('a'), read('b')]);
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(asked).toBe(1);
    fails = false;
    expect(await read('a')).toBe('a');
  });
});
