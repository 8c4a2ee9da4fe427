import { expect, test } from '@jest/globals';
import { createPooledBytes } from '../../../src/platform/crypto/pooled-bytes.js';

test('no value comes twice, beyond the end of the pool too', () => {
  const fresh = createPooledBytes(12);
  const values = Array.from({ length: 2000 }, () => fresh().toString('hex'));
  expect(new Set(values).size).toBe(2000);
  expect(values.every((value) => value.length === 24)).toBe(true);
});

test('what was given stays as it was, when the pool has run out too', () => {
  const fresh = createPooledBytes(12);
  const given = Array.from({ length: 600 }, fresh);
  const then = given.map((bytes) => bytes.toString('hex'));
  for (let more = 0; more < 600; more += 1) fresh();
  expect(given.map((bytes) => bytes.toString('hex'))).toEqual(then);
});

test('two pools have nothing in common', () => {
  const [one, other] = [createPooledBytes(8), createPooledBytes(8)];
  expect(one()).not.toEqual(other());
});
