/**
 * @node-oauth/oauth2-server over node:http with a model in memory. It knows OAuth 2.0 alone: no ID Token, no
 * introspection. One client, and one person who is always signed in.
 */
import { createServer } from 'node:http';
import { peer } from '../peers.mjs';

const { default: OAuth2Server } = await import(peer('@node-oauth/oauth2-server'));
const { Request, Response } = OAuth2Server;
const { PORT, CLIENT_SECRET } = process.env;

const client = {
  id: 'bench',
  redirectUris: ['https://app.example/cb'],
  grants: ['authorization_code', 'refresh_token', 'client_credentials'],
};
const person = { id: 'bench' };
const access = new Map();
const refresh = new Map();
const codes = new Map();

const oauth = new OAuth2Server({
  model: {
    getClient: async (id, secret) =>
      id === client.id && (secret ?? CLIENT_SECRET) === CLIENT_SECRET ? client : null,
    getUserFromClient: async () => person,
    async saveToken(token, owner, user) {
      const saved = { ...token, client: owner, user };
      access.set(saved.accessToken, saved);
      if (saved.refreshToken) refresh.set(saved.refreshToken, saved);
      return saved;
    },
    getAccessToken: async (token) => access.get(token),
    getRefreshToken: async (token) => refresh.get(token),
    revokeToken: async ({ refreshToken }) => refresh.delete(refreshToken),
    async saveAuthorizationCode(code, owner, user) {
      const saved = { ...code, client: owner, user };
      codes.set(saved.authorizationCode, saved);
      return saved;
    },
    getAuthorizationCode: async (code) => codes.get(code),
    revokeAuthorizationCode: async ({ authorizationCode }) => codes.delete(authorizationCode),
    validateScope: async (_user, _client, scope) => scope,
    verifyScope: async () => true,
  },
});

const routes = {
  '/token': (request, response) => oauth.token(request, response),
  '/authorize': (request, response) =>
    oauth.authorize(request, response, { authenticateHandler: { handle: () => person } }),
  async '/userinfo'(request, response) {
    const { user } = await oauth.authenticate(request, response);
    response.body = { sub: user.id };
  },
  async '/ready'(_request, response) {
    response.body = { ready: true };
  },
};

async function bodyOf(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return Object.fromEntries(new URLSearchParams(text));
}

createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(req.url, 'http://localhost');
  const body = await bodyOf(req);
  const { method, headers } = req;
  const request = new Request({ method, headers, query: Object.fromEntries(searchParams), body });
  const response = new Response({ headers: {} });
  try {
    await routes[pathname](request, response);
  } catch (error) {
    response.status = error.code ?? 500;
    response.body = { error: error.name };
  }
  const answer = JSON.stringify(response.body ?? {});
  res
    .writeHead(response.status ?? 200, { ...response.headers, 'content-type': 'application/json' })
    .end(answer);
}).listen(Number(PORT), '127.0.0.1');
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
