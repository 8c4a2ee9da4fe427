import { randomBytes } from 'node:crypto';

/** How many values are fetched at once. */
const AT_ONCE = 256;

/**
 * Random bytes for what is no secret, such as nonces: they lie in memory for a while before they are used, and
 * in exchange most cost nothing.
 */
export function createPooledBytes(bytes: number): () => Buffer {
  let pool = Buffer.alloc(0);
  let used = 0;
  return () => {
    if (used === pool.length) {
      // Another one: what was given away stays as it is.
      pool = randomBytes(bytes * AT_ONCE);
      used = 0;
    }
    used += bytes;
    return pool.subarray(used - bytes, used);
  };
}
