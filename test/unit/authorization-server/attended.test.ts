import { expect, test } from '@jest/globals';
import type { Context } from 'koa';
import { type Attendant, attended } from '../../../src/authorization-server/lanes.js';

const ctx = {} as Context;

function witness(name: string, heard: string[], work?: () => Promise<void>): Attendant {
  return {
    before: () => void heard.push(`before ${name}`),
    after() {
      heard.push(`after ${name}`);
      return work?.();
    },
  };
}

test('the outermost comes first on the way in and last on the way out', async () => {
  const heard: string[] = [];
  const step = attended([witness('outer', heard), witness('inner', heard)]);
  await step(ctx as never, async () => void heard.push('library'));
  expect(heard).toEqual(['before outer', 'before inner', 'library', 'after inner', 'after outer']);
});

test('one waits for the work of the one inside it', async () => {
  const heard: string[] = [];
  let done: () => void = () => {};
  const work = new Promise<void>((resolve) => {
    done = resolve;
  });
  const step = attended([witness('outer', heard), witness('inner', heard, () => work)]);
  const answered = step(ctx as never, async () => {});
  await new Promise(setImmediate);
  expect(heard).toEqual(['before outer', 'before inner', 'after inner']);
  done();
  await answered;
  expect(heard.at(-1)).toBe('after outer');
});

test('where the library throws, nothing comes after', async () => {
  const heard: string[] = [];
  const step = attended([witness('only', heard)]);
  const fault = new Error('the library gave up');
  await expect(step(ctx as never, () => Promise.reject(fault))).rejects.toBe(fault);
  expect(heard).toEqual(['before only']);
});

test('where one on the way out fails, those outside it are left out', async () => {
  const heard: string[] = [];
  const step = attended([
    witness('outer', heard),
    witness('inner', heard, () => Promise.reject(new Error('no disk'))),
  ]);
  await expect(step(ctx as never, async () => {})).rejects.toThrow('no disk');
  expect(heard).not.toContain('after outer');
});

test('one without anything to do before is none the less asked after', async () => {
  const heard: string[] = [];
  await attended([{ after: () => void heard.push('after') }])(ctx as never, async () => {});
  expect(heard).toEqual(['after']);
});
