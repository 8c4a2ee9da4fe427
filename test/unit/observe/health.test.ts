import { expect, test } from '@jest/globals';
import { createHealth, type HealthCheck } from '../../../src/platform/observe/health.js';

const works = (name: string): HealthCheck => ({ name, check: async () => undefined });
const fails = (name: string): HealthCheck => ({
  name,
  check: () => Promise.reject(new Error(`secret reason of ${name}`)),
});
const serving = () => false;

test('readyz names what is missing, all of it, without the reasons', async () => {
  const told: string[] = [];
  const health = createHealth({
    checks: [fails('database'), works('keys'), fails('migrations')],
    draining: serving,
    onFailure: (name) => told.push(name),
  });
  expect(await health.readyz()).toEqual({
    status: 503,
    body: { status: 'unavailable', failing: ['database', 'migrations'] },
  });
  expect(await health.configHealth()).toEqual({ status: 503, body: { status: 'unhealthy' } });
  expect(told).toEqual(['database', 'migrations', 'database', 'migrations']);
});

test('a check that throws at once or never answers has failed', async () => {
  const checks: HealthCheck[] = [
    {
      name: 'throws',
      check: () => {
        throw new Error('at once');
      },
    },
    { name: 'hangs', check: () => new Promise(() => undefined) },
  ];
  const health = createHealth({ checks, draining: serving, timeoutMs: 5 });
  expect((await health.readyz()).body.failing).toEqual(['throws', 'hangs']);
});

test('a draining server takes no more requests but lives', async () => {
  const health = createHealth({ checks: [works('database')], draining: () => true });
  expect(await health.readyz()).toEqual({
    status: 503,
    body: { status: 'unavailable', failing: ['draining'] },
  });
  expect(health.livez()).toEqual({ status: 200, body: { status: 'ok' } });
});

test('fifty who ask at once share one look; the next one looks anew', async () => {
  let looks = 0;
  let answer = () => {};
  let stopping = false;
  const check = () =>
    new Promise<void>((resolve) => {
      looks += 1;
      answer = resolve;
    });
  const health = createHealth({ checks: [{ name: 'database', check }], draining: () => stopping });
  const asked = Array.from({ length: 50 }, () => health.readyz());
  expect(looks).toBe(1);

  stopping = true;
  expect((await health.readyz()).body.failing).toEqual(['draining']);
  stopping = false;
  answer();
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(50).fill(200));

  const later = health.configHealth();
  expect(looks).toBe(2);
  answer();
  expect((await later).status).toBe(200);
});

test('livez asks nothing', () => {
  expect(createHealth({ checks: [fails('database')], draining: serving }).livez().status).toBe(200);
});

test('all is well', async () => {
  const health = createHealth({ checks: [works('database')], draining: serving });
  expect(await health.readyz()).toEqual({ status: 200, body: { status: 'ok' } });
  expect(await health.configHealth()).toEqual({ status: 200, body: { status: 'healthy' } });
});
