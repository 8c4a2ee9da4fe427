/**
 * better-auth with its OAuth provider on SQLite, as its documentation sets them up: its own sign-in by password, one
 * client that asks nobody for consent, no limits. It chooses the client's id and secret: they are left in CLIENT_FILE.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import Database from 'better-sqlite3';
import { peer } from '../peers.mjs';

const { betterAuth } = await import(peer('better-auth'));
const { getMigrations } = await import(peer('better-auth/db/migration'));
const { toNodeHandler } = await import(peer('better-auth/node'));
const { jwt } = await import(peer('better-auth/plugins'));
const { oauthProvider } = await import(peer('@better-auth/oauth-provider'));

const { PORT, DATABASE, SECRET, API, REDIRECT_URI, PERSON, CLIENT_FILE } = process.env;
const person = JSON.parse(PERSON);

const database = new Database(DATABASE);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = NORMAL');

const SCOPES = ['openid', 'profile', 'offline_access', 'read'];
const options = {
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: SECRET,
  database,
  telemetry: { enabled: false },
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  advanced: { disableCSRFCheck: true },
  logger: { level: 'error' },
  plugins: [
    jwt({ jwks: { keyPairConfig: { alg: 'RS256', modulusLength: 2048 } }, disableSettingJwtHeader: true }),
    oauthProvider({
      loginPage: '/login',
      consentPage: '/consent',
      scopes: SCOPES,
      clientPrivileges: async () => true,
      resources: [{ identifier: API, name: 'api', allowedScopes: ['read'] }],
      enforcePerClientResources: false,
      silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
      rateLimit: {
        token: false,
        authorize: false,
        introspect: false,
        revoke: false,
        register: false,
        userinfo: false,
      },
    }),
  ],
};

const auth = betterAuth(options);
const { runMigrations } = await getMigrations(options);
await runMigrations();
await auth.api.signUpEmail({ body: person });
const signedIn = await auth.api.signInEmail({ body: person, asResponse: true });
const cookie = signedIn.headers
  .getSetCookie()
  .map((line) => line.split(';')[0])
  .join('; ');
const client = await auth.api.adminCreateOAuthClient({
  headers: new Headers({ cookie }),
  body: {
    client_name: 'bench',
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: 'client_secret_basic',
    skip_consent: true,
    scope: SCOPES.join(' '),
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    response_types: ['code'],
    client_credentials_scopes: ['read'],
  },
});
// Makes the signing key: else each of the first requests makes one.
await auth.api.getJwks();
writeFileSync(CLIENT_FILE, JSON.stringify({ id: client.client_id, secret: client.client_secret }), {
  mode: 0o600,
});
createServer(toNodeHandler(auth)).listen(Number(PORT), '127.0.0.1');
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
