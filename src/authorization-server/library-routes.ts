import { ROUTES } from './configuration.js';

/**
 * The addresses the library answers. It keeps its router to itself, so this is the list by its own names of
 * routes; a test asks each one. CORS preflights are left out.
 */
const GET = ['GET'];
const POST = ['POST'];
const BOTH = ['GET', 'POST'];

const METHODS: Readonly<Record<keyof typeof ROUTES, readonly string[]>> = {
  // POST by `requestByPost`, as with `end_session`.
  authorization: BOTH,
  token: POST,
  revocation: POST,
  introspection: POST,
  userinfo: BOTH,
  jwks: GET,
  pushed_authorization_request: POST,
  device_authorization: POST,
  code_verification: BOTH,
  end_session: BOTH,
};

const named = (name: string, rule: string, methods: readonly string[]) => ({
  rule,
  methods,
  endpoint: `authorization-server (${name})`,
});

export const LIBRARY_ROUTES = [
  ...Object.entries(ROUTES).map(([name, rule]) => named(name, rule, METHODS[name as keyof typeof ROUTES])),
  named('resume', `${ROUTES.authorization}/:uid`, GET),
  named('device_resume', `${ROUTES.code_verification}/:uid`, GET),
  named('end_session_confirm', `${ROUTES.end_session}/confirm`, POST),
  named('end_session_success', `${ROUTES.end_session}/success`, GET),
  named('discovery', '/.well-known/openid-configuration', GET),
  named('discovery', '/.well-known/oauth-authorization-server', GET),
];
