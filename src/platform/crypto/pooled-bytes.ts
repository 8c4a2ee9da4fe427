import { randomFillSync } from 'node:crypto';

/** How many values are fetched at once. */
const AT_ONCE = 256;

/**
 * Random bytes for what is no secret, such as ids of requests and nonces: they lie in memory for a while before they
 * are used, and in exchange most cost nothing. Answers a view that stays as it is for the next 255 values.
 */
export function createPooledBytes(bytes: number): () => Buffer {
  const pool = Buffer.alloc(bytes * AT_ONCE);
  let used = pool.length;
  return () => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    used += bytes;
    return pool.subarray(used - bytes, used);
  };
}
