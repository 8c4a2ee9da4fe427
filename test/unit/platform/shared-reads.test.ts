import { describe, expect, test } from '@jest/globals';
import { shareReads } from '../../../src/platform/database/shared-reads.js';

describe('reads that are shared', () => {
  test('who asks after a read was sent gets one of their own, and so never an older answer', async () => {
    let sent = 0;
    let stored = 'before';
    const gates: (() => void)[] = [];
    const read = shareReads(async (_key: string) => {
      sent += 1;
      const found = stored;
      await new Promise<void>((resolve) => gates.push(resolve));
      return found;
    });
    const first = read('a');
    const beside = read('a');
    await new Promise(setImmediate);
    stored = 'after';
    const later = read('a');
    await new Promise(setImmediate);
    expect(sent).toBe(2);
    for (const open of gates) open();
    expect(await Promise.all([first, beside, later])).toEqual(['before', 'before', 'after']);
  });

  test('other things are asked for apart', async () => {
    const asked: unknown[] = [];
    const read = shareReads(async (key: readonly unknown[]) => {
      asked.push(key);
      return key[0];
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

  test('a failure reaches all who asked, and is not kept', async () => {
    let fails = true;
    const read = shareReads(async (_key: string) => {
      if (fails) throw new Error('away');
      return 'there';
    });
    const both = await Promise.allSettled([read('a'), read('a')]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    fails = false;
    expect(await read('a')).toBe('there');
  });
});
