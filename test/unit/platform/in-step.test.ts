import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import { inStep } from '../../../src/platform/web/in-step.js';

const response = {} as ServerResponse;
const requestOf = (url: string) => ({ url, socket: { destroyed: false } }) as IncomingMessage;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Each request takes three steps, of which each waits. */
function recording() {
  const steps: string[] = [];
  const handler: RequestListener = async ({ url }) => {
    for (let step = 1; step <= 3; step += 1) {
      steps.push(`${url}${step}`);
      await Promise.resolve();
    }
  };
  return { steps, arrive: inStep(handler) };
}

test('what arrives in one turn is begun at its end and goes on side by side', async () => {
  const { steps, arrive } = recording();
  for (const url of ['a', 'b', 'c']) {
    arrive(requestOf(url), response);
    await Promise.resolve();
  }
  expect(steps).toEqual([]);
  await turn();
  expect(steps).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3', 'b3', 'c3']);
  arrive(requestOf('d'), response);
  await turn();
  expect(steps.slice(9)).toEqual(['d1', 'd2', 'd3']);
});

test('who has left before is not begun', async () => {
  const { steps, arrive } = recording();
  const socket = { destroyed: false };
  arrive({ url: 'gone', socket } as IncomingMessage, response);
  arrive(requestOf('a'), response);
  socket.destroyed = true;
  await turn();
  expect(steps).toEqual(['a1', 'a2', 'a3']);
});

test('a crowd is begun by thirty-two, so that a turn that has gone on for long is seen to', async () => {
  const begun: string[] = [];
  const arrive = inStep(({ url }) => void begun.push(url ?? ''));
  for (let count = 1; count <= 70; count += 1) {
    arrive(requestOf(String(count)), response);
    expect(begun).toHaveLength(Math.floor(count / 32) * 32);
  }
  await turn();
  expect(begun).toEqual(Array.from({ length: 70 }, (_, index) => String(index + 1)));
});
