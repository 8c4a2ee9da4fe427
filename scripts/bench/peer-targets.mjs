/** How the other servers are started; see `peers.mjs` for where they come from. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { look, startChild } from './child.mjs';
import { peerProgram } from './peers.mjs';
import { newClient, newKeys, newPlace, serverFile } from './place.mjs';
import { API, REDIRECT_URI } from './postern.mjs';

/** A model in memory, as its documentation shows it: OAuth alone, so its login makes no ID Token. */
export async function startNodeOauth(folder) {
  const place = await newPlace();
  const client = newClient();
  const child = await startChild({
    command: [serverFile('node-oauth2-server.mjs')],
    env: { PORT: String(place.port), CLIENT_SECRET: client.secret },
    cwd: folder,
    log: join(folder, 'server.log'),
    ready: async () => (await look(place.port, '/ready', place.host)) === 200,
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
  const place = await newPlace();
  const person = { email: 'bench@app.example', password: randomBytes(12).toString('hex'), name: 'Bench' };
  const file = join(folder, 'client.json');
  const child = await startChild({
    command: [serverFile('better-auth.mjs')],
    env: {
      PORT: String(place.port),
      DATABASE: join(folder, 'better-auth.sqlite'),
      SECRET: randomBytes(32).toString('hex'),
      API,
      REDIRECT_URI,
      PERSON: JSON.stringify(person),
      CLIENT_FILE: file,
    },
    cwd: folder,
    log: join(folder, 'server.log'),
    ready: async () =>
      (await look(place.port, '/api/auth/.well-known/openid-configuration', place.host)) === 200,
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
  const place = await newPlace();
  const client = newClient();
  const child = await startChild({
    program: peerProgram('gunicorn'),
    command: [
      ...['--chdir', serverFile(''), '--bind', place.host, '--preload', '--workers', '2'],
      ...['--worker-class', 'gthread', '--threads', '4', '--keep-alive', '30', 'authlib_app:app'],
    ],
    env: {
      PORT: String(place.port),
      KEYS: await newKeys(folder),
      DATABASE: join(folder, 'authlib.sqlite'),
      CLIENT_SECRET: client.secret,
      API,
      REDIRECT_URI,
      AUTHLIB_INSECURE_TRANSPORT: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    cwd: folder,
    log: join(folder, 'server.log'),
    ready: async () => (await look(place.port, '/jwks', place.host)) === 200,
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
