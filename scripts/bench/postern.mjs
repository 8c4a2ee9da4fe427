/** Postern as it is shipped: the compiled program with production settings, filled by its own command line. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { inRoot, main } from '../lib/paths.mjs';
import { freePort, look, startChild } from './child.mjs';
import { requestText } from './connection.mjs';
import { createVisitor, send } from './visitor.mjs';

export const API = 'https://api.example';
export const API_ES = 'https://es.api.example';
export const REDIRECT_URI = 'https://app.example/cb';
const HOST = 'id.bench.example';
const PASSWORD = 'the bench is a quiet place to sit';

const HUSH = inRoot('scripts', 'lib', 'hush-runtime-notice.mjs');

const ENDPOINTS = {
  authorize: '/oauth/authorize',
  token: '/oauth/token',
  introspect: '/oauth/introspect',
  userinfo: '/oauth/userinfo',
  discovery: '/.well-known/openid-configuration',
  jwks: '/oauth/jwks.json',
};

function settings(folder, port, more) {
  return {
    ISSUER: `https://${HOST}`,
    PORT: String(port),
    HOST: '127.0.0.1',
    SECRET_KEY: 'bench: 0123456789 abcdefghijklmnopqrstuvwxyz',
    KEYS_DIR: join(folder, 'keys'),
    DATABASE_URL: `sqlite:${join(folder, 'postern.sqlite')}`,
    ADMIN_PASSWORD: PASSWORD,
    NODE_ENV: 'production',
    ...more,
  };
}

/** A verb of the command line; answers its JSON. */
function verb(env, args, input = '') {
  const run = spawnSync(process.execPath, ['--import', HUSH, main, '--json', ...args], {
    env: { ...process.env, ...env },
    cwd: env.KEYS_DIR,
    input,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`${args.join(' ')} failed: ${run.stderr || run.stdout}`);
  return JSON.parse(run.stdout);
}

function createClient(env, alg, more = []) {
  const metadata = {
    client_name: `Bench ${alg}`,
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    response_types: ['code'],
    scope: 'openid profile offline_access',
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: alg,
  };
  const made = verb(env, ['client', 'create', '--file', '-', ...more], JSON.stringify(metadata));
  return { id: made.client_id, secret: made.client_secret };
}

/** An account, two clients and two resources; answers what the workloads need to know of them. */
function fill(env) {
  verb(env, ['user', 'create', 'bench', '--display-name', 'Bench', '--password-stdin'], PASSWORD);
  verb(env, ['resource', 'create', API, '--scope', 'read', '--alg', 'RS256']);
  verb(env, ['resource', 'create', API_ES, '--scope', 'read', '--alg', 'ES256']);
  const { api_key: apiKey } = verb(env, ['api-key', 'create', 'bench', '--label', 'bench']);
  return { client: createClient(env, 'RS256'), clientEs: createClient(env, 'ES256'), apiKey };
}

/**
 * @param {object} options
 * @param {string} options.folder a folder of its own
 * @param {Record<string, string>} [options.env] settings beside the usual ones
 * @param {string[]} [options.preload] modules loaded first
 * @param {(file: string) => void | Promise<void>} [options.prepare] is given the database before the server starts
 * @param {boolean} [options.family] its workers count with it
 */
export async function startPostern({ folder, env: more, preload = [], prepare, family }) {
  mkdirSync(join(folder, 'keys'), { recursive: true });
  const port = await freePort();
  const env = settings(folder, port, more);
  const { apiKey, ...clients } = fill(env);
  await prepare?.(env.DATABASE_URL);
  const child = await startChild({
    command: [main, 'serve'],
    preload: [HUSH, ...preload],
    env,
    cwd: folder,
    log: join(folder, 'server.log'),
    ready: async () => (await look(port, '/readyz', HOST)) === 200,
    family,
  });
  const place = { port, host: HOST, origin: `https://${HOST}` };
  const sign = { username: 'bench', password: PASSWORD };
  return {
    ...child,
    ...clients,
    place,
    endpoints: ENDPOINTS,
    redirectUri: REDIRECT_URI,
    scope: 'openid profile',
    openid: true,
    refresh: true,
    machine: { grant_type: 'client_credentials' },
    machineJwt: { grant_type: 'client_credentials', resource: API, scope: 'read' },
    machineJwtEs: { grant_type: 'client_credentials', resource: API_ES, scope: 'read' },
    forms: { '/login': sign, '/consent': { decision: 'allow' } },
    passwordRequest: () => passwordRequest(place, sign),
    dserver: dserverRequests(place, apiKey),
  };
}

/** The sign-in form, filled in, as one request that can be sent again and again. */
async function passwordRequest(place, sign) {
  const visitor = createVisitor(place);
  const page = await visitor.visit({ path: '/login' });
  const { path, body } = visitor.fill(page.text, '/login', sign);
  const headers = {
    cookie: visitor.cookieLine(),
    origin: place.origin,
    'content-type': 'application/x-www-form-urlencoded',
  };
  return requestText('POST', path, place.host, headers, body);
}

/** What a dserver and its users ask over and over: a token for an API key, and whether a token is good. */
function dserverRequests(place, apiKey) {
  const json = { 'content-type': 'application/json' };
  const text = (path, body) => requestText('POST', path, place.host, json, JSON.stringify(body));
  return {
    token: () => text('/auth/token', { api_key: apiKey }),
    async verify() {
      const body = JSON.stringify({ api_key: apiKey });
      const answer = await send(place, { method: 'POST', path: '/auth/token', headers: json, body });
      return text('/auth/verify', { token: JSON.parse(answer.text).token });
    },
  };
}
