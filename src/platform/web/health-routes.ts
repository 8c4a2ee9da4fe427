import Router from '@koa/router';
import type { Health } from '../observe/health.js';

/** `/livez`, `/readyz`, `/healthz` and `/config/health`. */
export function healthRoutes(health: Health): Router {
  const router = new Router();
  const answers: [string, () => Promise<ReturnType<Health['livez']>>][] = [
    ['/livez', async () => health.livez()],
    ['/readyz', () => health.readyz()],
    ['/healthz', () => health.readyz()],
    ['/config/health', () => health.configHealth()],
  ];
  for (const [path, answer] of answers) {
    router.get(path, async (ctx) => {
      const { status, body } = await answer();
      ctx.set('Cache-Control', 'no-store');
      ctx.status = status;
      ctx.body = body;
    });
  }
  return router;
}
