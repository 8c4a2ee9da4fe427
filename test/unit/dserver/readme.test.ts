/** The proxy snippets of README's "Use it with dserver" send every page that a sign-in needs to Postern. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const readme = readFileSync('README.md', 'utf8');

const NEEDED = [
  '/auth/login',
  '/auth/callback',
  '/auth/token',
  '/token',
  '/public_key',
  '/login',
  '/login/upstream/x',
  '/logout',
  '/signup',
  '/oauth/signup/x/',
  '/oauth/link/x/',
  '/oauth/jwks.json',
  '/interaction/x',
  '/account',
  '/account/api-keys',
  '/assets/style.css',
  '/forgot-password',
  '/reset-password',
  '/verify-email',
  '/confirm-email',
  '/undo-link',
  '/.well-known/openid-configuration',
  '/.well_known/openid-configuration',
  '/create_client',
  '/clients/x',
  '/demo',
  '/external-logout',
];
const DSERVERS = ['/users/ada', '/me', '/config/info', '/base-uris', '/uris', '/tags/x', '/summary', '/'];

const nginx = [...readme.matchAll(/location ~ (\^\S+) \{ proxy_pass http:\/\/127\.0\.0\.1:5001/g)].map(
  (found) => new RegExp(found[1] ?? ''),
);
const caddy = (/@postern path (.+)/.exec(readme)?.[1] ?? '').split(' ');
const byCaddy = (path: string): boolean =>
  caddy.some((rule) => (rule.endsWith('*') ? path.startsWith(rule.slice(0, -1)) : path === rule));

test.each(NEEDED)('%s goes to Postern', (path) => {
  expect(nginx.some((rule) => rule.test(path))).toBe(true);
  expect(byCaddy(path)).toBe(true);
});

test.each(DSERVERS)('%s goes to dserver', (path) => {
  expect(nginx.some((rule) => rule.test(path))).toBe(false);
  expect(byCaddy(path)).toBe(false);
});
