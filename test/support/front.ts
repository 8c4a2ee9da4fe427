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
  const { servers, port } = await listen(app, { host: '127.0.0.1', port: 0, log: container.log });
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

/** Every address of contract §2, and some that must not exist. */
export const ENDPOINTS = [
  '/login/upstream/other',
  '/login/authorize',
  '/interaction/abc/upstream',
  '/interaction/abc/upstream/other',
  '/interaction/abc/cancel',
  '/oauth/login',
  '/oauth/login/other/',
  '/oauth/authorized/other/',
  '/oauth/signup/other/',
  '/oauth/link/other/',
  '/oauth/link/other/via/other/',
  '/oauth/link/other/separate',
  '/oauth/keep/other/',
  '/oauth/disconnect/other/',
  '/oauth/logout',
  '/oauth/backchannel_logout/other',
  '/external-logout',
  '/account/settings/linkedaccounts/',
  '/undo-link',
  '/api/oauth/login/other/',
  '/api/oauth/authorized/other/',
  '/api/oauth/signup/other/',
  '/api/oauth/disconnect/other/',
  '/api/upstream-token/other',
  '/auth/login',
  '/auth/callback',
  '/auth/callback/other',
  '/auth/logout',
  '/auth/info',
  '/auth/token',
  '/token',
  '/auth/refresh',
  '/auth/verify',
  '/auth/public-key',
  '/public_key',
  '/auth/check',
  '/auth/authorize',
  '/auth/update',
  '/auth/resolve',
  '/auth/get_profile',
  '/auth/begin',
  '/auth/oauth_callback',
  '/auth/oauth_callback/other',
  '/account/api-keys',
  '/account/api-keys/create',
  '/account/api-keys/abc/revoke',
  '/admin',
  '/admin/linked-accounts',
  '/admin/upstream-tokens',
  '/admin/services',
  '/demo',
  '/demo/callback',
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
