/**
 * How much one address may ask of which endpoint. The numbers are those of a whole institute behind one
 * address, with room; they are there against programs that never stop. The README's table says the same.
 */
import type { Ceiling } from './shared-counter.js';

export interface EndpointCeiling extends Ceiling {
  /** In lower case, without a slash at the end. */
  readonly paths: readonly (string | RegExp)[];
  /** Counts these alone; absent: every method. */
  readonly method?: 'POST';
  /** Refused in the words of OAuth (RFC 6749 §5.2). */
  readonly oauth?: true;
}

const MINUTE = 60;
const TEN_MINUTES = 600;
const HOUR = 3600;

export const ENDPOINT_CEILINGS: readonly EndpointCeiling[] = [
  {
    name: 'token',
    paths: ['/oauth/token', '/oauth/revoke'],
    ...{ points: 6_000, windowSeconds: MINUTE, oauth: true },
  },
  // A resource server asks for each request of its own.
  {
    name: 'introspection',
    paths: ['/oauth/introspect', '/auth/verify'],
    ...{ points: 60_000, windowSeconds: MINUTE, oauth: true },
  },
  {
    name: 'userinfo',
    paths: ['/oauth/userinfo', '/api/me', /^\/api\/upstream-token\/[^/]+$/],
    ...{ points: 12_000, windowSeconds: MINUTE, oauth: true },
  },
  // The address is that of the application, whoever signs in to it.
  { name: 'par', paths: ['/oauth/par'], points: 6_000, windowSeconds: MINUTE, oauth: true },
  {
    name: 'device',
    paths: ['/oauth/device_authorization'],
    ...{ points: 600, windowSeconds: TEN_MINUTES, oauth: true },
  },
  // Each may leave a request and a session behind for an hour.
  { name: 'authorize', paths: ['/oauth/authorize'], points: 3_000, windowSeconds: TEN_MINUTES },
  {
    name: 'session-pages',
    paths: ['/oauth/end_session', '/oauth/device'],
    ...{ points: 3_000, windowSeconds: TEN_MINUTES },
  },
  {
    name: 'sign-in',
    paths: ['/', '/login', '/token', /^\/interaction\/[^/]+\/login$/, /^\/oauth\/link\/[^/]+$/],
    ...{ points: 3_000, windowSeconds: TEN_MINUTES, method: 'POST' },
  },
  // Each may leave a login under way behind.
  {
    name: 'upstream-login',
    paths: [
      ...['/auth/login', '/auth/begin'],
      /^\/(?:api\/)?oauth\/login\/[^/]+$/,
      /^\/login\/upstream\/[^/]+$/,
      /^\/interaction\/[^/]+\/upstream(?:\/[^/]+)?$/,
    ],
    ...{ points: 3_000, windowSeconds: TEN_MINUTES },
  },
  // The form; where there is one provider it begins a login there.
  {
    name: 'sign-in-page',
    paths: ['/login'],
    ...{ points: 3_000, windowSeconds: TEN_MINUTES },
  },
  {
    name: 'dserver',
    paths: ['/auth/token', '/auth/refresh', '/auth/check', '/auth/authorize', '/auth/update'],
    ...{ points: 6_000, windowSeconds: MINUTE },
  },
  {
    name: 'sign-up',
    paths: ['/signup', /^\/interaction\/[^/]+\/signup$/, /^\/(?:api\/)?oauth\/signup\/[^/]+$/],
    ...{ points: 200, windowSeconds: HOUR, method: 'POST' },
  },
  { name: 'create-client', paths: ['/create_client'], points: 120, windowSeconds: HOUR, method: 'POST' },
];
