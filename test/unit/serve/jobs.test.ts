import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createJobs } from '../../../src/serve/jobs.js';

const failures: string[] = [];
const log = {
  error: (fields: object, message: string) => failures.push(`${JSON.stringify(fields)} ${message}`),
};
const jobsWith = (random = 0.5) => createJobs({ log, random: () => random });

beforeEach(() => {
  jest.useFakeTimers();
  failures.length = 0;
});
afterEach(() => {
  jest.useRealTimers();
});

describe('background jobs', () => {
  test('a failing run is logged with the name and does not end the job', async () => {
    let runs = 0;
    const work = async () => {
      runs += 1;
      throw new Error('database away');
    };
    jobsWith().start({ name: 'prune', everyMs: 1000, work });
    await jest.advanceTimersByTimeAsync(3000);
    expect(runs).toBe(3);
    expect(failures).toHaveLength(3);
    expect(failures[0]).toContain('"job":"prune"');
  });

  test('a run that takes longer than the period is not overtaken by the next', async () => {
    let begun = 0;
    let finish = () => {};
    const work = () => {
      begun += 1;
      return new Promise<void>((resolve) => {
        finish = resolve;
      });
    };
    jobsWith().start({ name: 'slow', everyMs: 1000, work });
    await jest.advanceTimersByTimeAsync(10_000);
    expect(begun).toBe(1);
    finish();
    await jest.advanceTimersByTimeAsync(1000);
    expect(begun).toBe(2);
  });

  test('a run that takes part of the period does not put the next one off', async () => {
    const begun: number[] = [];
    const start = performance.now();
    const work = async () => {
      begun.push(Math.round(performance.now() - start));
      await new Promise((resolve) => setTimeout(resolve, 40_000));
    };
    jobsWith().start({ name: 'prune', everyMs: 60_000, work });
    await jest.advanceTimersByTimeAsync(200_000);
    expect(begun).toEqual([60_000, 120_000, 180_000]);
  });

  test('stop waits for a running job, tells it, and begins none any more', async () => {
    let told = false;
    let begun = 0;
    const work = (signal: AbortSignal) => {
      begun += 1;
      return new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          told = true;
          resolve();
        });
      });
    };
    const jobs = jobsWith();
    jobs.start({ name: 'prune', everyMs: 1000, work });
    await jest.advanceTimersByTimeAsync(1000);
    await jobs.stop();
    expect(told).toBe(true);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(begun).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('stop does not wait for ever: what holds the run up may never end', async () => {
    const jobs = jobsWith();
    jobs.start({ name: 'sync', everyMs: 1000, work: () => new Promise(() => {}) });
    await jest.advanceTimersByTimeAsync(1000);
    let stopped = false;
    void jobs.stop().then(() => {
      stopped = true;
    });
    await jest.advanceTimersByTimeAsync(300);
    expect(stopped).toBe(false);
    await jest.advanceTimersByTimeAsync(200);
    expect(stopped).toBe(true);
  });

  test.each([
    [0, 900],
    [0.999, 1100],
  ])('chance %d begins the run by %d ms', async (random, due) => {
    let runs = 0;
    const work = async () => {
      runs += 1;
    };
    jobsWith(random).start({ name: 'x', everyMs: 1000, work });
    await jest.advanceTimersByTimeAsync(due - 5);
    expect(runs).toBe(0);
    await jest.advanceTimersByTimeAsync(10);
    expect(runs).toBe(1);
  });
});
