/** The same application behind the limits it is served with: what `npm start` listens with, on a free port. */
import { createApp } from '../../src/app.js';
import { createHealth } from '../../src/platform/observe/health.js';
import { listen } from '../../src/serve/listen.js';
import type { TestServer } from './server.js';

export interface Front {
  readonly port: number;
  /** The Host header of a well-meant request. */
  readonly host: string;
  close(): void;
}

export async function openFront({ container, issuer }: TestServer): Promise<Front> {
  const checks = [{ name: 'database', check: () => container.database.ping() }];
  const app = createApp(container, createHealth({ checks, draining: () => false }));
  const { servers, port } = await listen(app, { host: '127.0.0.1', port: 0 });
  return {
    port,
    host: new URL(issuer).host,
    close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

/** Every address of contract §2 that exists by now, and some that must not. */
export const ENDPOINTS = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
  '/.well_known/openid-configuration',
  '/.well-known/change-password',
  '/.well-known/security.txt',
  '/oauth/authorize',
  '/oauth/authorize/abc',
  '/oauth/token',
  '/oauth/revoke',
  '/oauth/introspect',
  '/oauth/userinfo',
  '/oauth/jwks.json',
  '/jwks',
  '/oauth/par',
  '/oauth/device_authorization',
  '/oauth/device',
  '/oauth/device/abc',
  '/oauth/end_session',
  '/oauth/end_session/confirm',
  '/oauth/end_session/success',
  '/oauth/register',
  '/oauth/backchannel',
  '/interaction/abc',
  '/interaction/abc/login',
  '/interaction/abc/switch',
  '/interaction/abc/consent',
  '/',
  '/login',
  '/signup',
  '/forgot-password',
  '/reset-password',
  '/verify-email',
  '/account/email',
  '/logout',
  '/create_client',
  '/clients/abc',
  '/account',
  '/account/profile',
  '/account/password',
  '/account/sessions',
  '/account/sessions/end-others',
  '/account/sessions/abc/end',
  '/account/applications',
  '/account/applications/abc/revoke',
  '/account/export',
  '/account/delete',
  '/account/keep',
  '/api/me',
  '/assets/style.css',
  '/robots.txt',
  '/livez',
  '/readyz',
  '/config/health',
  '/nothing/here',
] as const;
