/**
 * oidc-provider as its README starts it: with its in-memory adapter, the speed that a durable server is held
 * against, or (`ADAPTER=knex`) with the adapter people copy. One client, one account, nothing around it.
 */
import { readFileSync } from 'node:fs';
import '../../lib/hush-runtime-notice.mjs';
import { errors, Provider } from 'oidc-provider';

const { PORT, KEYS, ADAPTER, DATABASE, CLIENT_SECRET } = process.env;
const origin = `http://127.0.0.1:${PORT}`;
const API = 'https://api.example';
const [jwk] = JSON.parse(readFileSync(KEYS, 'utf8')).keys;

const adapter =
  ADAPTER === 'knex' ? (await import('./naive-knex-adapter.mjs')).naiveKnexAdapter(DATABASE) : undefined;

const provider = new Provider(origin, {
  ...((await adapter) && { adapter: await adapter }),
  clients: [
    {
      client_id: 'bench',
      client_secret: CLIENT_SECRET,
      redirect_uris: ['https://app.example/cb'],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      response_types: ['code'],
      id_token_signed_response_alg: 'RS256',
    },
  ],
  jwks: { keys: [jwk] },
  cookies: { keys: ['the cookie key of the benchmark'] },
  scopes: ['openid', 'profile', 'offline_access', 'read'],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'updated_at'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo(_ctx, resource) {
        if (resource !== API) throw new errors.InvalidTarget();
        return { scope: 'read', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
      },
    },
  },
  ttl: {
    AccessToken: 3600,
    ClientCredentials: 3600,
    Session: 86_400,
    Grant: 86_400,
    RefreshToken: 86_400,
    IdToken: 3600,
    Interaction: 3600,
    AuthorizationCode: 60,
  },
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: (_ctx, accountId) => ({
    accountId,
    claims: () => ({
      sub: accountId,
      name: 'Bench',
      preferred_username: 'bench',
      updated_at: 1_700_000_000,
    }),
  }),
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
});

/** Signs in and agrees without asking. */
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { prompt, params, session, grantId } = await provider.interactionDetails(ctx.req, ctx.res);
  if (prompt.name === 'login') {
    return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: 'bench' } });
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid profile');
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(ctx.req, ctx.res, { consent }, { mergeWithLastSubmission: true });
});
provider.on('server_error', (_ctx, error) => process.stderr.write(`${error.stack}\n`));
provider.listen(Number(PORT), '127.0.0.1');
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
