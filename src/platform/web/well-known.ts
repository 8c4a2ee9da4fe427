import Router from '@koa/router';
import type { Clock } from '../crypto/clock.js';

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

/** Small documents at fixed addresses, and other spellings of addresses. */
export function createWellKnownRoutes(settings: {
  readonly securityContact: string | undefined;
  readonly issuer: string;
  readonly clock: Clock;
}): Router {
  const { securityContact, issuer, clock } = settings;
  const router = new Router();

  // The original misspelt the path, and clients were configured with it.
  router.get('/.well_known/openid-configuration', (ctx) => {
    ctx.redirect('/.well-known/openid-configuration');
    ctx.status = 308;
  });
  router.all('/jwks', (ctx, next) => {
    ctx.path = '/oauth/jwks.json';
    return next();
  });
  // Where password managers lead a person whose password leaked (W3C change-password-url).
  router.get('/.well-known/change-password', (ctx) => {
    ctx.redirect('/account/password');
    ctx.status = 303;
  });
  router.get('/robots.txt', (ctx) => {
    ctx.type = 'text/plain';
    ctx.body = 'User-agent: *\nDisallow: /\n';
  });
  if (securityContact) {
    // RFC 9116: both Contact and Expires are required.
    router.get('/.well-known/security.txt', (ctx) => {
      const expires = new Date(clock.now() + YEAR_MS).toISOString();
      ctx.type = 'text/plain';
      ctx.body = `Contact: ${securityContact}\nExpires: ${expires}\nCanonical: ${issuer}/.well-known/security.txt\n`;
    });
  }
  return router;
}
