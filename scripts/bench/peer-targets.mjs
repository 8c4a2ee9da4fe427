/** How the other servers are started; see `peers.mjs` for where they come from. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportJWK, generateKeyPair } from 'jose';
import { freePort, look, startChild } from './child.mjs';
import { peerProgram } from './peers.mjs';
import { API, REDIRECT_URI } from './postern.mjs';

const SERVERS = fileURLToPath(new URL('./servers/', import.meta.url));

const placeAt = (port) => ({ port, host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` });

/** A model in memory, as its documentation shows it: OAuth alone, so its login makes no ID Token. */
export async function startNodeOauth(folder) {
  const port = await freePort();
  const client = { id: 'bench', secret: randomBytes(32).toString('base64url') };
  const place = placeAt(port);
  const child = await startChild({
    command: [join(SERVERS, 'node-oauth2-server.mjs')],
    env: { PORT: String(port), CLIENT_SECRET: client.secret },
    cwd: folder,
    log: join(folder, 'server.log'),
    ready: async () => (await look(port, '/ready', place.host)) === 200,
  });
  return {
    ...child,
    client,
    place,
    endpoints: { authorize: '/authorize', token: '/token', userinfo: '/userinfo' },
    redirectUri: REDIRECT_URI,
    scope: 'profile',
    openid: false,
    refresh: true,
    machine: { grant_type: 'client_credentials', scope: 'profile' },
  };
}

/** With its own sign-in; its client is made by itself. */
export async function startBetterAuth(folder) {
  const port = await freePort();
  const place = placeAt(port);
  const person = { email: 'bench@app.example', password: randomBytes(12).toString('hex'), name: 'Bench' };
  const file = join(folder, 'client.json');
  const child = await startChild({
    command: [join(SERVERS, 'better-auth.mjs')],
    env: {
      PORT: String(port),
      DATABASE: join(folder, 'better-auth.sqlite'),
      SECRET: randomBytes(32).toString('hex'),
      API,
      REDIRECT_URI,
      PERSON: JSON.stringify(person),
      CLIENT_FILE: file,
    },
    cwd: folder,
    log: join(folder, 'server.log'),
    ready: async () => (await look(port, '/api/auth/.well-known/openid-configuration', place.host)) === 200,
  });
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ email: person.email, password: person.password });
  return {
    ...child,
    client: JSON.parse(readFileSync(file, 'utf8')),
    place,
    endpoints: {
      authorize: '/api/auth/oauth2/authorize',
      token: '/api/auth/oauth2/token',
      introspect: '/api/auth/oauth2/introspect',
      userinfo: '/api/auth/oauth2/userinfo',
      discovery: '/api/auth/.well-known/openid-configuration',
      jwks: '/api/auth/jwks',
    },
    redirectUri: REDIRECT_URI,
    scope: 'openid profile offline_access',
    openid: true,
    refresh: true,
    machine: { grant_type: 'client_credentials', scope: 'read' },
    machineJwt: { grant_type: 'client_credentials', scope: 'read', resource: API },
    signIn: (visitor) => visitor.visit({ method: 'POST', path: '/api/auth/sign-in/email', headers, body }),
  };
}

/** Under gunicorn, one process for each core of a small machine, as its documentation advises. */
export async function startAuthlib(folder) {
  const port = await freePort();
  const place = placeAt(port);
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const keys = join(folder, 'keys.json');
  const jwk = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: 'bench' };
  writeFileSync(keys, JSON.stringify({ keys: [jwk] }), { mode: 0o600 });
  const client = { id: 'bench', secret: randomBytes(32).toString('base64url') };
  const child = await startChild({
    program: peerProgram('gunicorn'),
    command: [
      ...['--chdir', SERVERS, '--bind', place.host, '--preload', '--workers', '2'],
      ...['--worker-class', 'gthread', '--threads', '4', '--keep-alive', '30', 'authlib_app:app'],
    ],
    env: {
      PORT: String(port),
      KEYS: keys,
      DATABASE: join(folder, 'authlib.sqlite'),
      CLIENT_SECRET: client.secret,
      API,
      REDIRECT_URI,
      AUTHLIB_INSECURE_TRANSPORT: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    cwd: folder,
    log: join(folder, 'server.log'),
    ready: async () => (await look(port, '/jwks', place.host)) === 200,
  });
  return {
    ...child,
    client,
    place,
    endpoints: {
      authorize: '/authorize',
      token: '/token',
      introspect: '/introspect',
      userinfo: '/userinfo',
      discovery: '/.well-known/openid-configuration',
      jwks: '/jwks',
    },
    redirectUri: REDIRECT_URI,
    scope: 'openid profile',
    openid: true,
    refresh: true,
    machine: { grant_type: 'client_credentials', scope: 'api' },
    machineJwt: { grant_type: 'client_credentials', scope: 'read' },
    signIn: (visitor) => visitor.visit({ method: 'POST', path: '/login', body: '' }),
  };
}
