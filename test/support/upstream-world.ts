/** A Postern with two upstreams at one real provider, whose tokens a client of ours may fetch. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Upstream } from '../../src/relying-party/upstream.js';
import { startServer, type TestClient, type TestServer } from './server.js';
import { createBench, CALLBACK } from './upstream-login.js';
import { type OidcUpstream, startOidcUpstream } from './upstreams.js';

export const SECRET_KEY = 'the secret key of the upstream world, long enough';

export interface UpstreamWorld {
  readonly there: OidcUpstream;
  readonly server: TestServer;
  /** Other processes may serve with it. */
  readonly env: Readonly<Record<string, string>>;
  /** Named by the upstream `lab`. */
  readonly named: TestClient;
  /** Named by the upstream `other` alone. */
  readonly second: TestClient;
  /** Registered the scope, named by nobody. */
  readonly unnamed: TestClient;
  /** Signs in at the provider and keeps what it gave. */
  keepFor(accountId: string, upstreamId?: string): Promise<void>;
  close(): Promise<void>;
}

const SCOPE = 'openid profile upstream_token';

/** @param more settings, such as a `DATABASE_URL` */
export async function startUpstreamWorld(more: Record<string, string> = {}): Promise<UpstreamWorld> {
  const there = await startOidcUpstream({ redirectUris: [CALLBACK] });
  const folder = mkdtempSync(join(tmpdir(), 'postern-world-'));
  const base = {
    DATABASE_URL: `sqlite:${join(folder, 'postern.sqlite')}`,
    KEYS_DIR: join(folder, 'keys'),
    SECRET_KEY,
    LEGACY_FLOWS: 'password',
    ...more,
  };
  // Ids of clients are known once they are registered.
  const plain = Object.entries(base).filter(([name]) => !name.startsWith('UPSTREAM_'));
  const before = await startServer(Object.fromEntries(plain));
  const grants = ['authorization_code', 'refresh_token', 'password', 'client_credentials'];
  const [named, second, unnamed] = await Promise.all(
    ['Named', 'Second', 'Unnamed'].map((client_name) =>
      before.createClient({ client_name, scope: SCOPE, grant_types: grants }),
    ),
  );
  await before.close();
  const entry = (id: string, client: TestClient | undefined) => ({
    [`UPSTREAM_${id}_ISSUER`]: there.issuer,
    [`UPSTREAM_${id}_TITLE`]: id === 'LAB' ? 'The Lab' : 'The other one',
    [`UPSTREAM_${id}_CLIENT_ID`]: there.clientId,
    [`UPSTREAM_${id}_CLIENT_SECRET`]: there.clientSecret,
    [`UPSTREAM_${id}_SCOPE`]: 'openid profile email offline_access',
    [`UPSTREAM_${id}_TOKEN_CLIENTS`]: client?.clientId ?? '',
  });
  const env = { ...base, ...entry('LAB', named), ...entry('OTHER', second) };
  const server = await startServer(env);
  return {
    there,
    server,
    env: { ...env, ISSUER: server.issuer },
    named: named as TestClient,
    second: second as TestClient,
    unnamed: unnamed as TestClient,
    async keepFor(accountId, upstreamId = 'lab') {
      const upstream = server.container.upstreams.find(upstreamId) as Upstream;
      const { tokens } = await createBench().login(upstream);
      await server.container.upstreamSide.access.vault.keep(accountId, upstreamId, tokens);
    },
    async close() {
      await server.close();
      await there.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
