/** Tokens of upstreams, from the sign-in there to the application that uses them (seed rows 98, 99; goal 32). */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { disguisesOf, dump, fileBytes, leavesOf } from '../support/dump.js';
import { authorizeUrl, getCode, getWith, newPkce, post, redeem, signIn } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { PASSWORD, startServer, type TestClient, type TestServer } from '../support/server.js';
import { startUpstreamWorld, type UpstreamWorld } from '../support/upstream-world.js';

const SCOPE = 'openid profile upstream_token';
const LAB = '/api/upstream-token/lab';

describe.each(['sqlite', 'postgres'])('upstream tokens over %s', (dialect) => {
  let world: UpstreamWorld;
  let people = 0;

  beforeAll(async () => {
    world = await startUpstreamWorld(dialect === 'postgres' ? { DATABASE_URL: await freshPostgres() } : {});
  });
  afterAll(() => world.close());

  /** Somebody with tokens at the Lab, and an access token of ours that a client got from them. */
  async function person(client: TestClient = world.named, scope = SCOPE) {
    people += 1;
    const { id, username } = await world.server.createAccount(`person${people}`);
    await world.keepFor(id);
    const code = await getCode(world.server, client, { scope }, { username });
    const { body } = await redeem(world.server, client, code);
    return { id, username, token: body.access_token as string, scope: body.scope as string };
  }
  const fetchToken = (token: string | undefined, path = LAB) => getWith(world.server, path, token);
  const events = async (accountId: string, event: string) =>
    (await world.server.container.auditStore.list({ accountId, limit: 100 })).filter(
      (one) => one.event === event,
    );
  const atUpstream = async (token: string) =>
    (await fetch(`${world.there.issuer}/me`, { headers: { authorization: `Bearer ${token}` } })).status;

  test('without a token, with nonsense, with one of nobody: 401, and nothing is fetched', async () => {
    expect((await fetchToken(undefined)).status).toBe(401);
    expect((await fetchToken('nonsense')).status).toBe(401);
    const { body } = await post(
      world.server,
      '/oauth/token',
      { grant_type: 'client_credentials', scope: 'upstream_token' },
      world.named,
    );
    const own = await fetchToken(body.access_token);
    expect([401, 403]).toContain(own.status);
    for (const answer of [await fetchToken(undefined), own]) {
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });

  test('only clients that an upstream names can ask for the scope; for others it is cut', async () => {
    const { token, scope } = await person(world.unnamed);
    expect(scope).toBe('openid profile');
    const answer = await fetchToken(token);
    expect(answer.status).toBe(403);
    expect(answer.body.error).toBe('insufficient_scope');
    const password = await post(
      world.server,
      '/oauth/token',
      { grant_type: 'password', username: 'person1', password: PASSWORD, scope: 'upstream_token' },
      world.unnamed,
    );
    expect(password.body.scope ?? '').not.toContain('upstream_token');
  });

  test('a token without the scope is refused by name', async () => {
    const { token } = await person(world.named, 'openid profile');
    const answer = await fetchToken(token);
    expect(answer.status).toBe(403);
    expect(answer.headers.get('www-authenticate')).toContain('scope="upstream_token"');
  });

  test.each(['/api/upstream-token/nowhere', '/api/upstream-token/__proto__', '/api/upstream-token/..%2Flab'])(
    '%s is not found',
    async (path) => {
      const { token } = await person();
      expect((await fetchToken(token, path)).status).toBe(404);
    },
  );

  test('a client named by one upstream gets nothing of another, nor after it was unnamed', async () => {
    const { token, id } = await person();
    await world.keepFor(id, 'other');
    const other = await fetchToken(token, '/api/upstream-token/other');
    expect(other.status).toBe(403);
    expect(other.body.error).toBe('access_denied');
    const second = await person(world.second);
    expect((await fetchToken(second.token)).status).toBe(403);
    expect(await events(id, 'upstream_token.fetched')).toHaveLength(0);
  });

  test('the consent page says in words what is given away', async () => {
    const { username } = await world.server.createAccount(`reader-${dialect}`);
    const browser = createBrowser();
    await signIn(world.server, browser, username);
    const url = authorizeUrl(world.server, world.named, {
      scope: SCOPE,
      code_challenge: newPkce().challenge,
      code_challenge_method: 'S256',
    });
    const page = await browser.follow(await browser.get(url), world.server.issuer);
    expect(page.text).toContain('Act for you at the services you sign in through, such as GitHub or ORCID');
  });

  test('who has no token there, or is disabled, gets none', async () => {
    const { username } = await world.server.createAccount(`unlinked-${dialect}`);
    const { body } = await redeem(
      world.server,
      world.named,
      await getCode(world.server, world.named, { scope: SCOPE }, { username }),
    );
    const none = await fetchToken(body.access_token);
    expect([none.status, none.body.error]).toEqual([404, 'upstream_token_not_found']);
    const { id, token } = await person();
    await world.server.container.accounts.setDisabled(id, true, Date.now(), []);
    expect((await fetchToken(token)).status).toBe(401);
  });

  test('given out fresh, not to be stored, and in the audit trail each time', async () => {
    const { id, token } = await person();
    const answer = await fetchToken(token);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      upstream: 'lab',
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'openid profile email',
    });
    expect(await atUpstream(answer.body.access_token)).toBe(200);
    await fetchToken(token);
    const rows = await events(id, 'upstream_token.fetched');
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({
      clientId: world.named.clientId,
      actorId: world.named.clientId,
      detail: { upstream: 'lab' },
    });
  });

  test('keycloak#49341: what has expired is refreshed before it is given out, and works there', async () => {
    const { id, token } = await person();
    const first = (await fetchToken(token)).body.access_token;
    const asked = world.there.count('POST /token');
    const former = (await events(id, 'upstream_token.refreshed')).length;
    world.server.clock.advance(3595);
    const answers = await Promise.all(Array.from({ length: 6 }, () => fetchToken(token)));
    const given = new Set(answers.map(({ body }) => body.access_token));
    expect(given.size).toBe(1);
    const [second = ''] = given;
    expect(second).not.toBe(first);
    expect(world.there.count('POST /token')).toBe(asked + 1);
    expect(await atUpstream(second)).toBe(200);
    expect(await events(id, 'upstream_token.refreshed')).toHaveLength(former + 1);
    // And once more, with the refresh token that came along.
    world.server.clock.advance(3595);
    expect(await atUpstream((await fetchToken(token)).body.access_token)).toBe(200);
  });

  test('an upstream that does not answer is said to be so, and asked again; nothing is lost', async () => {
    const { id, token } = await person();
    world.server.clock.advance(3595);
    world.there.wrong = {
      answer: {
        '/token': (_req, res) => {
          res.writeHead(500).end('{}');
        },
      },
    };
    const refused = await fetchToken(token);
    expect(refused.status).toBeGreaterThanOrEqual(500);
    expect(refused.body.error).toMatch(/^upstream_/);
    world.there.wrong = {};
    expect((await fetchToken(token)).status).toBe(200);
    expect(await events(id, 'upstream_token.refused')).toHaveLength(0);
  });

  test('a refresh token that is good no more: the person must sign in there again, and then it works', async () => {
    const { id, token } = await person();
    const { vault } = world.server.container.upstreamSide.access;
    const held = await vault.tokenFor(id, 'lab');
    await vault.keep(id, 'lab', { ...held, refreshToken: 'used-up', expiresAt: Date.now() });
    const refused = await fetchToken(token);
    expect([refused.status, refused.body.error]).toEqual([409, 'upstream_sign_in_needed']);
    expect(refused.body.error_description).toContain('The Lab');
    const asked = world.there.count('POST /token');
    expect((await fetchToken(token)).status).toBe(409);
    expect(world.there.count('POST /token')).toBe(asked);
    await world.keepFor(id);
    expect((await fetchToken(token)).status).toBe(200);
  });

  test('row 98: no token of an upstream stands in the database or the log, in whatever disguise', async () => {
    const { id } = await person();
    const { vault } = world.server.container.upstreamSide.access;
    const { accessToken, refreshToken = '', idToken = '' } = await vault.tokenFor(id, 'lab');
    const { config } = world.server.container;
    const cells = await dump(config);
    const texts = cells.flatMap(({ value }) => leavesOf(value));
    const bytes =
      config.database.file === undefined ? '' : fileBytes(config.database.file).toString('latin1');
    const log = world.server.logs.join('');
    for (const secret of [accessToken, refreshToken, idToken]) {
      expect(secret.length).toBeGreaterThan(20);
      for (const disguise of disguisesOf(secret)) {
        expect(texts.some((text) => text.includes(disguise))).toBe(false);
        expect(bytes.includes(disguise)).toBe(false);
        expect(log.includes(disguise)).toBe(false);
      }
    }
  });
});

test('a server whose upstreams name no client knows no such scope', async () => {
  const world = await startUpstreamWorld();
  const scopesOf = async (server: TestServer) =>
    (await getWith(server, '/.well-known/openid-configuration')).body.scopes_supported;
  expect(await scopesOf(world.server)).toContain('upstream_token');
  await world.close();
  const plain = await startServer();
  expect(await scopesOf(plain)).not.toContain('upstream_token');
  await plain.close();
});
