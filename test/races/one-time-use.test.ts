/**
 * Every one-time object, raced: the same request sent to four server processes over one database, twenty at
 * the same moment, RACE_ROUNDS times. Never two winners (of a refresh: two successors), never a 5xx, losers
 * get the error of the object, and what the winner got is afterwards all live or all dead.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Browser, createBrowser } from '../support/browser.js';
import { getCode, newPkce, post, redeem, signIn } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { ASSERTION_TYPE, clientAssertion, dpopProof, newProofKey, type ProofKey } from '../support/proofs.js';
import { type RaceAnswer, type RaceRequest, type Racers, startRacers } from '../support/racers.js';
import { REDIRECT_URI, startServer, type TestClient, type TestServer } from '../support/server.js';

const ROUNDS = Number(process.env.RACE_ROUNDS || 25);
const PROCESSES = 4;
/** Of the row (R01, R02). */
const PARALLEL = 20;
const TIMEOUT = 60_000 + ROUNDS * 2_000;
/** Which settings the processes serve under. */
const GRACE = 0;
const NO_GRACE = 1;
const PKCE = newPkce();
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

type Fate = 'live' | 'dead' | 'mixed';

interface Tokens {
  readonly access_token?: string;
  readonly refresh_token?: string;
}

interface OneTime {
  readonly name: string;
  readonly setting: typeof GRACE | typeof NO_GRACE;
  /** Makes a fresh object, and the request that uses it. */
  prepare(world: World): Promise<RaceRequest>;
  /** The one thing to be won, read from an answer; undefined from a loser's. */
  readonly won: (answer: RaceAnswer) => string | undefined;
  /** How many of the requests are answered as winners. */
  readonly winners: number;
  readonly losers: readonly string[];
  /** What the winner got, where it is not the answer itself. */
  collect?(world: World, answer: RaceAnswer): Promise<Tokens>;
  /** Of the winner's tokens when all have been answered; a replay ends what the winner got. */
  readonly fate: Fate;
}

/** A database with everything the races need. */
interface World {
  readonly server: TestServer;
  readonly racers: Racers;
  readonly browser: Browser;
  readonly web: TestClient;
  /** Its requests name a nonce, each another one. */
  readonly noncer: TestClient;
  readonly machine: TestClient;
  readonly signer: TestClient;
  readonly key: ProofKey;
  /** The refresh token to be raced next: each race leaves its successor. */
  chain: string | undefined;
}

interface Row {
  name: string;
  database: string;
  rounds: number;
  /** Rounds by how many requests won. */
  winners: Map<string, number>;
  losers: Map<string, number>;
  serverErrors: number;
  fates: Map<string, number>;
  times: number[];
}

const rows: Row[] = [];

const count = <Key>(counts: Map<Key, number>, key: Key, by = 1) =>
  counts.set(key, (counts.get(key) ?? 0) + by);
const list = (counts: Map<unknown, number>) =>
  [...counts].map(([key, times]) => `${key}: ${times}`).join(', ') || '-';
const median = (times: number[]) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
/** Past jest's own reporter, which prints only when a file has ended, and with a stack trace. */
const say = (line: string) => process.stderr.write(`${line}\n`);

const basic = ({ clientId, secret }: TestClient) => ({
  authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
});

const tokenRequest = (form: Record<string, string>, headers: Record<string, string>): RaceRequest => ({
  path: '/oauth/token',
  form,
  headers,
});

const accessToken = ({ status, body }: RaceAnswer): string | undefined =>
  status === 200 ? body.access_token : undefined;

function errorOf({ status, body, location }: RaceAnswer): string {
  const error = location ? new URL(location).searchParams.get('error') : body?.error;
  return `${status} ${error}`;
}

/** A code of the browser that is signed in, for whose client it has agreed before. */
const codeOf = ({ server, web, browser }: World) => getCode(server, web, {}, { browser });

async function refreshTokenOf(world: World): Promise<string> {
  const { status, body } = await redeem(world.server, world.web, await codeOf(world));
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.refresh_token;
}

const refreshRequest = (client: TestClient, refresh_token: string): RaceRequest =>
  tokenRequest({ grant_type: 'refresh_token', refresh_token }, basic(client));

/** A device code that has been approved in the browser. */
async function deviceCodeOf({ server, web, browser }: World): Promise<string> {
  const { body } = await post(server, '/oauth/device_authorization', { scope: 'openid profile' }, web);
  const asked = await browser.get(server.url('/oauth/device'));
  const confirm = await browser.submit(asked, '/oauth/device', { user_code: body.user_code });
  const done = await browser.follow(
    await browser.submit(confirm, '/oauth/device', { confirm: 'yes' }),
    server.issuer,
  );
  // Agreed to before, for the code.
  if (!done.text.includes('view-device-done')) throw new Error(`not approved: ${done.status} ${done.text}`);
  return body.device_code;
}

const codeAt = ({ location }: RaceAnswer): string | undefined =>
  location ? (new URL(location).searchParams.get('code') ?? undefined) : undefined;

async function redeemed(server: TestServer, client: TestClient, answer: RaceAnswer): Promise<Tokens> {
  const form = {
    grant_type: 'authorization_code',
    code: codeAt(answer) as string,
    redirect_uri: REDIRECT_URI,
    code_verifier: PKCE.verifier,
  };
  const { status, body } = await post(server, '/oauth/token', form, client);
  if (status !== 200) throw new Error(`the code that was won is not good: ${JSON.stringify(body)}`);
  return body;
}

/** The cookies of the signed-in browser, for a request that does not come from it. */
function cookies({ browser }: World): string {
  const names = ['postern_session', 'postern_session.sig'];
  return names.map((name) => `${name}=${browser.cookie(name)}`).join('; ');
}

const OBJECTS: OneTime[] = [
  {
    name: 'authorization code (A28, R01)',
    setting: GRACE,
    async prepare(world) {
      const { code, pkce } = await codeOf(world);
      const form = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: REDIRECT_URI,
        code_verifier: pkce.verifier,
      };
      return tokenRequest(form, basic(world.web));
    },
    won: accessToken,
    winners: 1,
    losers: ['400 invalid_grant'],
    fate: 'dead',
  },
  {
    name: 'refresh token, grace 10 s (A50, R02)',
    setting: GRACE,
    async prepare(world) {
      return refreshRequest(world.web, world.chain ?? (await refreshTokenOf(world)));
    },
    // All of the answer: whoever repeats the request is given the very same one.
    won: ({ status, body }) => (status === 200 ? JSON.stringify(body) : undefined),
    winners: PARALLEL,
    losers: [],
    async collect(world, { body }) {
      world.chain = body.refresh_token;
      return body;
    },
    fate: 'live',
  },
  {
    name: 'refresh token, grace 0 (R02)',
    setting: NO_GRACE,
    prepare: async (world) => refreshRequest(world.web, await refreshTokenOf(world)),
    won: accessToken,
    winners: 1,
    losers: ['400 invalid_grant'],
    fate: 'dead',
  },
  {
    name: 'device code',
    setting: GRACE,
    async prepare(world) {
      const form = { grant_type: DEVICE_GRANT, device_code: await deviceCodeOf(world) };
      return tokenRequest(form, basic(world.web));
    },
    won: accessToken,
    winners: 1,
    losers: ['400 invalid_grant'],
    fate: 'dead',
  },
  {
    name: 'PAR request_uri',
    setting: GRACE,
    async prepare(world) {
      const form = {
        client_id: world.web.clientId,
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        scope: 'openid profile',
        code_challenge: PKCE.challenge,
        code_challenge_method: 'S256',
      };
      const { status, body } = await post(world.server, '/oauth/par', form, world.web);
      if (status !== 201) throw new Error(JSON.stringify(body));
      const query = new URLSearchParams({ client_id: world.web.clientId, request_uri: body.request_uri });
      return { path: `/oauth/authorize?${query}`, headers: { cookie: cookies(world) } };
    },
    won: codeAt,
    winners: 1,
    // The later ones find it used before its redirect URI is known, and are told without a redirect.
    losers: ['303 invalid_request_uri', '400 invalid_request_uri'],
    collect: (world, answer) => redeemed(world.server, world.web, answer),
    fate: 'live',
  },
  {
    name: "nonce of a client whose 'Require nonce' box is ticked",
    setting: GRACE,
    async prepare(world) {
      const query = new URLSearchParams({
        client_id: world.noncer.clientId,
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        scope: 'openid profile',
        code_challenge: PKCE.challenge,
        code_challenge_method: 'S256',
        nonce: randomUUID(),
      });
      return { path: `/oauth/authorize?${query}`, headers: { cookie: cookies(world) } };
    },
    won: codeAt,
    winners: 1,
    // One that comes later is told by the redirect, one that meets the winner by a page.
    losers: ['303 invalid_request', '400 invalid_request'],
    collect: (world, answer) => redeemed(world.server, world.noncer, answer),
    fate: 'live',
  },
  {
    name: 'DPoP proof jti',
    setting: GRACE,
    async prepare({ server, machine, key }) {
      const proof = await dpopProof(key, 'POST', server.url('/oauth/token'));
      return tokenRequest({ grant_type: 'client_credentials' }, { ...basic(machine), dpop: proof });
    },
    won: accessToken,
    winners: 1,
    losers: ['400 invalid_grant'],
    fate: 'live',
  },
  {
    name: 'client assertion jti',
    setting: GRACE,
    async prepare({ server, signer, key }) {
      const assertion = await clientAssertion(signer.clientId, server.issuer, key.privateKey);
      const form = {
        grant_type: 'client_credentials',
        client_id: signer.clientId,
        client_assertion: assertion,
        client_assertion_type: ASSERTION_TYPE,
      };
      return tokenRequest(form, {});
    },
    won: accessToken,
    winners: 1,
    losers: ['401 invalid_client'],
    fate: 'live',
  },
];

/** What has become of tokens, asked of one process at introspection and, for people's, of another at UserInfo. */
async function fateOf({ racers, web, machine }: World, tokens: Tokens, turn: number): Promise<Fate> {
  const seen = new Set<boolean>();
  const at = (offset: number) => (turn + offset) % racers.processes;
  const { access_token: access, refresh_token: refresh } = tokens;
  const inspector = refresh ? web : machine;
  if (!access) return 'mixed';
  for (const [index, token] of [access, refresh].entries()) {
    if (!token) continue;
    const asked = { path: '/oauth/introspect', form: { token }, headers: basic(inspector) };
    seen.add((await racers.send(at(index), GRACE, asked)).body.active);
  }
  if (refresh) {
    const asked = { path: '/oauth/userinfo', headers: { authorization: `Bearer ${access}` } };
    seen.add((await racers.send(at(2), NO_GRACE, asked)).status === 200);
  }
  if (seen.size !== 1) return 'mixed';
  return seen.has(true) ? 'live' : 'dead';
}

function newRow(name: string, database: string): Row {
  const row = {
    name,
    database,
    rounds: 0,
    winners: new Map(),
    losers: new Map(),
    serverErrors: 0,
    fates: new Map(),
    times: [],
  };
  rows.push(row);
  return row;
}

async function round(world: World, object: OneTime, row: Row): Promise<string[]> {
  const wanted = await object.prepare(world);
  const began = performance.now();
  const answers = await world.racers.race(PARALLEL, object.setting, wanted);
  row.times.push(performance.now() - began);
  const won = answers.filter((answer) => object.won(answer) !== undefined);
  const lost = answers.filter((answer) => object.won(answer) === undefined).map(errorOf);
  const distinct = new Set(won.map(object.won));
  const failed = answers.filter(({ status }) => status >= 500).length;
  const [winner] = won;
  const got = winner && (await (object.collect?.(world, winner) ?? (winner.body as Tokens)));
  const fate = got ? await fateOf(world, got, row.rounds) : 'nobody won';
  row.rounds += 1;
  row.serverErrors += failed;
  count(row.winners, `${won.length} of ${PARALLEL}`);
  for (const error of lost) count(row.losers, error);
  count(row.fates, fate);

  const faults: string[] = [];
  if (distinct.size !== 1) faults.push(`${distinct.size} distinct things were won`);
  if (won.length !== object.winners) faults.push(`${won.length} winners`);
  if (failed > 0) faults.push(`${failed} answers of 5xx`);
  if (fate !== object.fate) faults.push(`the winner's tokens: ${fate}`);
  for (const error of new Set(lost)) if (!object.losers.includes(error)) faults.push(`a loser got ${error}`);
  return faults.map((fault) => `round ${row.rounds}: ${fault}`);
}

async function manyRounds(row: Row, once: () => Promise<string[]>): Promise<string[]> {
  const faults: string[] = [];
  let spoke = performance.now();
  for (let index = 0; index < ROUNDS && faults.length < 20; index += 1) {
    faults.push(...(await once()));
    if (performance.now() - spoke < 10_000) continue;
    spoke = performance.now();
    say(`  ${row.name} on ${row.database}: ${row.rounds} of ${ROUNDS} rounds`);
  }
  say(`  ${row.name} on ${row.database}: ${row.rounds} rounds, ${faults.length} faults`);
  return faults;
}

/** Four families of one Grant, refreshed side by side until a revocation, and after it. */
async function revocationRound(world: World, row: Row): Promise<string[]> {
  const { racers, web } = world;
  const seen: Tokens[] = [];
  const faults: string[] = [];
  let revoked = false;
  let refreshes = 0;
  let began = () => {};
  const underWay = new Promise<void>((resolve) => {
    began = resolve;
  });

  async function chain(lane: number, first: string): Promise<void> {
    let token = first;
    for (let after = false; !after; ) {
      after = revoked;
      const answer = await racers.send(lane % racers.processes, GRACE, refreshRequest(web, token));
      if (answer.status >= 500) row.serverErrors += 1;
      if (answer.status === 200) {
        token = answer.body.refresh_token;
        seen.push(answer.body);
        refreshes += 1;
        if (refreshes === PROCESSES + (row.rounds % 8)) began();
        if (after) faults.push('a refresh succeeded after the revocation had been answered');
      } else {
        count(row.losers, errorOf(answer));
        if (errorOf(answer) !== '400 invalid_grant') faults.push(`a refresh was answered ${errorOf(answer)}`);
        if (!after && !revoking) faults.push('a refresh failed before the revocation');
      }
    }
  }

  let revoking = false;
  async function revoke(token: string): Promise<void> {
    await underWay;
    revoking = true;
    const asked = { path: '/oauth/revoke', form: { token }, headers: basic(web) };
    const { status } = await racers.send(row.rounds % racers.processes, GRACE, asked);
    if (status !== 200) faults.push(`the revocation was answered ${status}`);
    revoked = true;
  }

  const firsts: Tokens[] = [];
  for (let lane = 0; lane < PROCESSES; lane += 1) {
    const { body } = await redeem(world.server, web, await codeOf(world));
    firsts.push(body);
  }
  seen.push(...firsts);
  // In turn by an access token and by a refresh token: both end the whole family.
  const [{ access_token, refresh_token }] = firsts as [Required<Tokens>];
  const target = row.rounds % 2 ? access_token : refresh_token;
  const start = performance.now();
  const chains = firsts.map((tokens, lane) => chain(lane, tokens.refresh_token as string));
  await Promise.all([...chains, revoke(target)]);
  row.times.push(performance.now() - start);
  const fates = await Promise.all(seen.map((tokens, turn) => fateOf(world, tokens, turn)));
  for (const fate of new Set(fates)) {
    count(row.fates, fate);
    if (fate !== 'dead') faults.push(`after the revocation some tokens are ${fate}`);
  }
  count(row.winners, 'refreshes before it', refreshes);
  row.rounds += 1;
  return faults.map((fault) => `round ${row.rounds}: ${fault}`);
}

async function createWorld(server: TestServer, racers: Racers): Promise<World> {
  const key = await newProofKey();
  await server.createAccount('alice');
  const unattended = {
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: '',
  };
  const web = await server.createClient({
    grant_types: ['authorization_code', 'refresh_token', DEVICE_GRANT],
  });
  const noncer = await server.createClient(
    { grant_types: ['authorization_code'] },
    { options: { requireNonce: true } },
  );
  const machine = await server.createClient(unattended, { resourceServer: true });
  const signer = await server.createClient({
    ...unattended,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [{ ...key.publicJwk, alg: 'ES256', kid: 'race' }] },
  });
  const browser = createBrowser();
  await signIn(server, browser);
  const world = { server, racers, browser, web, noncer, machine, signer, key, chain: undefined };
  await codeOf(world);
  await getCode(server, noncer, { nonce: 'agreed to' }, { browser });
  return world;
}

describe.each(['SQLite', 'PostgreSQL'])('on %s', (database) => {
  let folder: string;
  let server: TestServer;
  let racers: Racers;
  let world: World;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-races-'));
    const shared = {
      DATABASE_URL: database === 'SQLite' ? `sqlite:${join(folder, 'races.sqlite')}` : await freshPostgres(),
      KEYS_DIR: join(folder, 'keys'),
      SECRET_KEY: 'the races have a secret of their own, long enough',
    };
    server = await startServer(shared);
    const settings = { ...shared, ISSUER: server.issuer, MIGRATE: 'off' };
    racers = await startRacers(server.issuer, PROCESSES, [
      { ...settings, REFRESH_GRACE: '10' },
      { ...settings, REFRESH_GRACE: '0' },
    ]);
    world = await createWorld(server, racers);
  }, TIMEOUT);

  afterAll(async () => {
    await racers?.close();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(OBJECTS)(
    '$name: one wins',
    async (object) => {
      const row = newRow(object.name, database);
      expect(await manyRounds(row, () => round(world, object, row))).toEqual([]);
      expect(row.rounds).toBe(ROUNDS);
    },
    TIMEOUT,
  );

  test(
    'no refresh succeeds once a revocation has been answered (A128)',
    async () => {
      const row = newRow('revocation amid 4 refresh chains', database);
      expect(await manyRounds(row, () => revocationRound(world, row))).toEqual([]);
    },
    TIMEOUT,
  );
});

afterAll(() => {
  say(
    `\n| object | database | rounds | winners: rounds | losers' answers | 5xx | tokens afterwards | median ms |`,
  );
  say('|---|---|---|---|---|---|---|---|');
  for (const row of rows) {
    const cells = [row.name, row.database, row.rounds, list(row.winners), list(row.losers), row.serverErrors];
    say(`| ${[...cells, list(row.fates), Math.round(median(row.times))].join(' | ')} |`);
  }
  say('');
});
