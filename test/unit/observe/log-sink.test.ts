import { Writable } from 'node:stream';
import { afterEach, expect, jest, test } from '@jest/globals';
import { createLogSink } from '../../../src/platform/observe/log-sink.js';
import { createLogger } from '../../../src/platform/observe/logger.js';

afterEach(() => void jest.useRealTimers());

/** A pipe whose reader takes lines when told to. */
function pipe() {
  const taken: string[] = [];
  const held: (() => void)[] = [];
  const stream = new Writable({
    highWaterMark: 10,
    write(chunk, _encoding, done) {
      held.push(() => {
        taken.push(String(chunk));
        done();
      });
    },
  });
  return {
    stream,
    taken,
    async readAll() {
      while (held.length > 0) {
        held.shift()?.();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

test('R28: beyond the bound lines are dropped, counted, and told of once the reader has caught up', async () => {
  const { stream, taken, readAll } = pipe();
  const sink = createLogSink(stream, 30);
  const told: number[] = [];
  sink.onCaughtUp((dropped) => told.push(dropped));
  for (let line = 0; line < 10; line += 1) sink.write(`line ${line} ..`);
  expect([sink.dropped(), taken, told]).toEqual([6, [], []]);
  await readAll();
  expect(taken).toEqual(['line 0 ..line 1 ..line 2 ..line 3 ..']);
  expect(told).toEqual([6]);
  sink.write('again');
  sink.flush();
  await readAll();
  expect([taken.at(-1), sink.dropped(), told]).toEqual(['again', 6, [6]]);
});

test('a stream that tells nothing of what waits, such as a file, is never full', () => {
  const lines: string[] = [];
  const sink = createLogSink({ write: (line) => lines.push(line) }, 1);
  for (let line = 0; line < 5; line += 1) sink.write(`${line}`);
  sink.flush();
  expect([lines, sink.dropped()]).toEqual([['01234'], 0]);
});

test('the lines of some milliseconds are written at once', async () => {
  jest.useFakeTimers();
  const written: string[] = [];
  const sink = createLogSink({
    write(lines, taken) {
      written.push(lines);
      taken?.();
    },
    writableLength: 0,
  });
  sink.write('one\n');
  sink.write('two\n');
  expect(written).toEqual([]);
  jest.advanceTimersByTime(5);
  expect(written).toEqual(['one\ntwo\n']);
  sink.write('three\n');
  sink.flush();
  sink.write('four\n');
  jest.advanceTimersByTime(5);
  expect(written.slice(1)).toEqual(['three\n', 'four\n']);
});

test('a warning takes with it what was said before, at once: a process may end with it', () => {
  const written: string[] = [];
  const log = createLogger({
    level: 'info',
    stream: createLogSink({ write: (lines) => written.push(lines) }),
  });
  log.info('before');
  expect(written).toEqual([]);
  log.warn('now');
  expect(
    written
      .join('')
      .split('\n')
      .map((line) => line && JSON.parse(line).msg),
  ).toEqual(['before', 'now', '']);
});

test('what shares a pipe with others hands on whole lines, as many as a pipe takes at once, one write at a time', async () => {
  const { stream, taken, readAll } = pipe();
  const sink = createLogSink(stream);
  const line = `${'é'.repeat(500)}\n`;
  for (let count = 0; count < 9; count += 1) sink.write(line);
  sink.flush();
  expect(stream.writableLength).toBe(4 * Buffer.byteLength(line));
  await readAll();
  expect(taken.map((lines) => lines.length / line.length)).toEqual([4, 4, 1]);
});

test('at the end everything is handed on, whether or not a write is under way', () => {
  const written: string[] = [];
  const sink = createLogSink({ write: (lines) => written.push(lines), writableLength: 0 });
  for (const line of ['one\n', 'two\n']) {
    sink.write(line);
    sink.flush();
  }
  sink.write('three\n');
  expect(written).toEqual(['one\n']);
  sink.end();
  expect(written).toEqual(['one\n', 'two\nthree\n']);
});

test('a turn that writes very much does not keep it all', () => {
  const written: string[] = [];
  const sink = createLogSink({ write: (lines) => written.push(lines) });
  for (let line = 0; line < 3; line += 1) sink.write('x'.repeat(20_000));
  expect(written.map((lines) => lines.length)).toEqual([20_000, 20_000]);
});
