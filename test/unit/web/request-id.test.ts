import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { requestIdFor } from '../../../src/platform/web/request-id.js';

test('every request has an id of its own, however many there are', () => {
  const ids = Array.from({ length: 1000 }, () => requestIdFor({ headers: {} } as IncomingMessage));
  expect(new Set(ids).size).toBe(1000);
  expect(ids.filter((id) => !/^[\w-]{16}$/.test(id))).toEqual([]);
});
