/** Who is measured. Each target is started fresh for a run; what is not installed is left out and said so. */
import { join } from 'node:path';
import { look, startChild } from './child.mjs';
import { peer, peerProgram } from './peers.mjs';
import { startAuthlib, startBetterAuth, startNodeOauth } from './peer-targets.mjs';
import { newClient, newKeys, newPlace, serverFile } from './place.mjs';
import { API, REDIRECT_URI, startPostern } from './postern.mjs';
import { fillRows } from './rows.mjs';

async function startBare(folder, env) {
  const place = await newPlace();
  const client = newClient();
  const child = await startChild({
    command: [serverFile('bare.mjs')],
    env: {
      PORT: String(place.port),
      KEYS: await newKeys(folder),
      CLIENT_SECRET: client.secret,
      ...env,
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
      authorize: '/auth',
      token: '/token',
      introspect: '/token/introspection',
      userinfo: '/me',
      discovery: '/.well-known/openid-configuration',
      jwks: '/jwks',
    },
    redirectUri: REDIRECT_URI,
    scope: 'openid profile',
    openid: true,
    refresh: true,
    machine: { grant_type: 'client_credentials' },
    machineJwt: { grant_type: 'client_credentials', resource: API, scope: 'read' },
  };
}

/** The one every ratio is to. */
export const REFERENCE = 'memory';

/** Of whoever is compared with a twin: how warm a server is follows from all it has been asked. */
const FEW = ['w1', 'w2', 'w3', 'w4', 'w5'];

/**
 * `processes`: how many serve, where it is more than one; each gets the connections and the warming-up of one.
 * `only` are the workloads of a target that is there for a question of its own, and `twin` is the one it is
 * compared with, which is asked the same; `large` ones take too long for a quick run; `installed` says whether
 * a peer is there.
 */
export const TARGETS = [
  {
    id: REFERENCE,
    label: 'oidc-provider, in memory',
    start: ({ folder }) => startBare(folder, {}),
  },
  {
    id: 'postern',
    label: 'Postern, SQLite (FULL)',
    start: ({ folder }) => startPostern({ folder }),
  },
  {
    id: 'postern-pg',
    label: 'Postern, PostgreSQL',
    start: async ({ folder, postgres }) =>
      startPostern({ folder, env: { DATABASE_URL: await postgres.database() } }),
  },
  {
    id: 'naive',
    label: 'oidc-provider, naive knex adapter',
    start: ({ folder }) => startBare(folder, { ADAPTER: 'knex', DATABASE: join(folder, 'naive.sqlite') }),
  },
  {
    id: 'postern-few',
    label: 'Postern, SQLite (FULL), empty',
    only: FEW,
    twin: 'postern-few',
    large: true,
    start: ({ folder }) => startPostern({ folder }),
  },
  {
    id: 'postern-normal',
    label: 'NORMAL instead of FULL',
    only: FEW,
    twin: 'postern-few',
    large: true,
    start: ({ folder }) => startPostern({ folder, preload: [serverFile('normal-sync.mjs')] }),
  },
  {
    id: 'postern-100k',
    label: '100k rows',
    only: FEW,
    twin: 'postern-few',
    large: true,
    start: ({ folder }) => startPostern({ folder, prepare: (url) => fillRows(url, 100_000) }),
  },
  {
    id: 'postern-1m',
    label: '1M rows',
    only: FEW,
    twin: 'postern-few',
    large: true,
    start: ({ folder }) => startPostern({ folder, prepare: (url) => fillRows(url, 1_000_000) }),
  },
  {
    id: 'postern-2',
    label: '2 workers',
    processes: 2,
    only: FEW,
    twin: 'postern-few',
    large: true,
    start: ({ folder }) => startPostern({ folder, env: { WORKERS: '2' }, family: true }),
  },
  {
    id: 'postern-pg-few',
    label: 'Postern, PostgreSQL',
    only: FEW,
    twin: 'postern-pg-few',
    large: true,
    start: async ({ folder, postgres }) =>
      startPostern({ folder, env: { DATABASE_URL: await postgres.database() } }),
  },
  {
    id: 'postern-pg-2',
    label: '2 workers, PostgreSQL',
    processes: 2,
    only: FEW,
    twin: 'postern-pg-few',
    large: true,
    start: async ({ folder, postgres }) =>
      startPostern({
        folder,
        env: { DATABASE_URL: await postgres.database(), WORKERS: '2' },
        family: true,
      }),
  },
  {
    id: 'node-oauth2-server',
    label: '@node-oauth/oauth2-server, in memory',
    installed: () => peer('@node-oauth/oauth2-server') !== undefined,
    start: ({ folder }) => startNodeOauth(folder),
  },
  {
    id: 'better-auth',
    label: 'better-auth, SQLite (NORMAL)',
    installed: () => peer('better-auth') !== undefined && peer('@better-auth/oauth-provider') !== undefined,
    start: ({ folder }) => startBetterAuth(folder),
  },
  {
    id: 'authlib',
    label: 'Authlib on Flask, SQLite (NORMAL), 2 processes',
    installed: () => peerProgram('gunicorn') !== undefined,
    start: ({ folder }) => startAuthlib(folder),
  },
];
