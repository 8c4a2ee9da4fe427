import type { TestServer } from './server.js';

/** What another process does between the look at who asks and the note of their token: as the token is signed. */
export async function whileSigning<T>(
  server: TestServer,
  meanwhile: () => Promise<unknown>,
  ask: () => Promise<T>,
): Promise<T> {
  const { key } = server.container.dserver;
  const { sign } = key;
  Object.assign(key, {
    async sign(...of: Parameters<typeof sign>) {
      Object.assign(key, { sign });
      await meanwhile();
      return sign(...of);
    },
  });
  return ask();
}
