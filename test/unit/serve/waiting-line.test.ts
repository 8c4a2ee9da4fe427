import { expect, test } from '@jest/globals';
import { createWaitingLine, type Waiting } from '../../../src/serve/waiting-line.js';

interface One extends Waiting {
  readonly name: string;
}

function lineOf(...those: [name: string, since: number, known: boolean][]) {
  const line = createWaitingLine<One>();
  for (const [name, since, known] of those) line.join({ name, since, kind: known ? 'known' : 'new' });
  return line;
}

const all = (line: ReturnType<typeof lineOf>): string[] =>
  Array.from({ length: line.length }, () => line.next()?.name ?? 'nobody');

test('one who was served before waits for one newcomer at most, and none of the crowd waits for ever', () => {
  const line = lineOf(
    ['a', 1, false],
    ['b', 2, false],
    ['c', 3, false],
    ['known', 4, true],
    ['known too', 5, true],
  );
  expect(all(line)).toEqual(['known', 'a', 'known too', 'b', 'c']);
  expect(line.next()).toBeUndefined();
});

test('whoever is there goes on when the other line is empty', () => {
  expect(all(lineOf(['a', 1, false], ['b', 2, false]))).toEqual(['a', 'b']);
  expect(all(lineOf(['a', 1, true], ['b', 2, true]))).toEqual(['a', 'b']);
});

test('who may not go is passed over, and keeps the place', () => {
  const line = lineOf(['a', 1, false], ['known', 2, true], ['b', 3, false], ['known too', 4, true]);
  const onlyKnown = (kind: 'known' | 'new') => kind === 'known';
  expect([line.next(onlyKnown)?.name, line.next(onlyKnown)?.name]).toEqual(['known', 'known too']);
  expect(line.next(onlyKnown)).toBeUndefined();
  expect(all(line)).toEqual(['a', 'b']);
});

test('each line says how long it is and since when its first one waits', () => {
  const line = lineOf(['known', 7, true], ['a', 5, false], ['b', 6, false]);
  expect([line.sinceOf('known'), line.lengthOf('known')]).toEqual([7, 1]);
  expect([line.sinceOf('new'), line.lengthOf('new'), line.length]).toEqual([5, 2, 3]);
  line.next();
  expect([line.sinceOf('known'), line.lengthOf('known')]).toEqual([Number.POSITIVE_INFINITY, 0]);
});
