import { expect, test } from '@jest/globals';
import { createSteadyTime } from '../../../src/platform/crypto/steady-time.js';

const MINUTE = 60_000;

function fakeTime() {
  const time = { wall: 1_800_000_000_000, passed: 500.25, told: [] as number[] };
  const now = createSteadyTime({
    wall: () => time.wall,
    passed: () => time.passed,
    setBack: (by) => time.told.push(by),
  });
  const pass = (ms: number) => {
    time.wall += ms;
    time.passed += ms;
  };
  return { time, now, pass };
}

test('is the time of the machine, whole, and follows it forwards at once', () => {
  const { time, now, pass } = fakeTime();
  pass(1000.5);
  expect(now()).toBe(1_800_000_001_000);
  time.wall += 60 * MINUTE;
  expect(now()).toBe(1_800_003_601_000);
  expect(time.told).toEqual([]);
});

test('R15: set back by an hour it goes on from where it was, says so once, and is with the clock again later', () => {
  const { time, now, pass } = fakeTime();
  const before = now();
  time.wall -= 60 * MINUTE;
  expect([now(), now()]).toEqual([before, before]);
  expect(time.told).toEqual([60 * MINUTE]);
  pass(10 * MINUTE);
  expect(now()).toBe(before + 5 * MINUTE);
  pass(110 * MINUTE);
  expect(now()).toBe(before + 60 * MINUTE);
  expect(now()).toBe(time.wall);
  pass(5 * MINUTE);
  expect(now()).toBe(time.wall);
  expect(time.told).toHaveLength(1);
});

test('a small correction backwards is not worth a word', () => {
  const { time, now } = fakeTime();
  const before = now();
  time.wall -= 900;
  expect(now()).toBe(before);
  expect(time.told).toEqual([]);
});

test('whoever is told may ask for the time', () => {
  let wall = 1_800_000_000_000;
  const told: number[] = [];
  const now: () => number = createSteadyTime({
    wall: () => wall,
    passed: () => 0,
    setBack: () => told.push(now()),
  });
  const before = now();
  wall -= 60 * MINUTE;
  expect(now()).toBe(before);
  expect(told).toEqual([before]);
});
