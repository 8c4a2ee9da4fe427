import Router from '@koa/router';
import type { DserverKey } from '../keys/dserver-key.js';

/** The dserver key as PEM, for dserver's `JWT_PUBLIC_KEY_FILE`: under the names of both originals, on any host. */
export function createKeyRoutes(key: Pick<DserverKey, 'publicPem'>): Router {
  const router = new Router();
  for (const path of ['/public_key', '/auth/public-key']) {
    router.get(path, async (ctx) => {
      const pem = await key.publicPem();
      ctx.type = 'text/plain; charset=utf-8';
      ctx.body = pem;
    });
  }
  return router;
}
