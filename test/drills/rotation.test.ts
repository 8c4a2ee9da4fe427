/**
 * R16: keys change under load on three nodes of the real program that nobody restarts. Two are told of it by the
 * database; the third, as behind PgBouncer, has to look. The tokens of all of them are held against the key set of
 * each, all the time.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { measured, since, size, until } from '../support/figures.js';
import { post } from '../support/flow.js';
import { freePort } from '../support/free-port.js';
import { freshPostgres } from '../support/postgres.js';
import type { Program } from '../support/program.js';
import type { TestServer } from '../support/server.js';
import { createSite, type Site } from '../support/site.js';

const SETTINGS: readonly Record<string, string>[] = [{}, {}, { DATABASE_PREPARED: 'off' }];
const API = 'https://api.example/rotation';
/** Seconds a key is published before it signs: who looks does so every 15. */
const ANNOUNCED = size(17, 20, 60);
const ROTATIONS = size(1, 1, 3);
/** Of the row, for all nodes to sign with the new key, and to forget a withdrawn one. */
const LIMIT_MS = 60_000;
const PAUSE_MS = 50;
const PATIENCE_MS = 600_000;

let site: Site;
let programs: Program[];
let nodes: TestServer[];
let on = true;
let lanes: Promise<unknown>;

/** Every token that was answered, newest last, by the node that signed it. */
const tokens: { readonly token: string; readonly kid: string; readonly node: TestServer }[] = [];
const refusals: string[] = [];

const kidOf = (token: string): string => decodeProtectedHeader(token).kid as string;

async function mint(node: TestServer): Promise<void> {
  const form = { grant_type: 'client_credentials', resource: API, scope: 'read' };
  const { status, headers, body } = await post(node, '/oauth/token', form, site.clients.machine);
  const token = body.access_token;
  if (status === 200) tokens.push({ token, kid: kidOf(token), node });
  // Turned away before any work (R21) is no failure of keys.
  else if (status !== 503 || !headers.get('retry-after')) refusals.push(`${status} ${JSON.stringify(body)}`);
}

async function lane(node: TestServer): Promise<void> {
  while (on) {
    await mint(node).catch((error) => refusals.push(String(error)));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

const publishedBy = async (node: TestServer): Promise<JSONWebKeySet> => {
  const answer = await fetch(node.url('/oauth/jwks.json'));
  return (await answer.json()) as JSONWebKeySet;
};

/** The key that signed the newest token of each node. */
function signers(): (string | undefined)[] {
  expect(refusals).toEqual([]);
  return nodes.map((node) => tokens.findLast((one) => one.node === node)?.kid);
}

/** Verifies each token that is new, and one of each key again, with the key set of each node. */
function createChecker() {
  let seen = 0;
  const failures: string[] = [];
  return {
    failures,
    checked: () => seen,
    async look(): Promise<void> {
      const fresh = tokens.slice(seen);
      const known = new Map(tokens.slice(0, seen).map((one) => [one.kid, one]));
      seen += fresh.length;
      for (const node of nodes) {
        // Asked after the tokens were answered: what is signed must be published already.
        const keys = createLocalJWKSet(await publishedBy(node));
        for (const { token, kid } of [...fresh, ...known.values()]) {
          await jwtVerify(token, keys).catch((error) => failures.push(`${kid}: ${error}`));
        }
      }
    },
  };
}

const keys = async (verb: string) => {
  const { code, stderr, json } = await site.place.run(`keys ${verb} --json`, { env: site.env });
  expect([code, stderr]).toEqual([0, '']);
  return json();
};

beforeAll(async () => {
  site = await createSite({ DATABASE_URL: await freshPostgres(), INTERNAL_HOSTS: 'localhost' });
  const { stderr } = await site.place.run(`resource create ${API} --scope read --alg ES256`, {
    env: site.env,
  });
  expect(stderr).toBe('');
  programs = [];
  nodes = [];
  for (const own of SETTINGS) {
    const port = await freePort();
    programs.push(await site.start(own, port));
    const here = `http://localhost:${port}`;
    nodes.push({ issuer: site.target.issuer, url: (path: string) => `${here}${path}` } as TestServer);
  }
  lanes = Promise.all([...nodes, ...nodes].map(lane));
}, PATIENCE_MS);

afterAll(async () => {
  on = false;
  await lanes;
  await Promise.all(programs.map((program) => program.stop()));
  site.place.remove();
});

test(
  'R16: announced, signing, retired: every token verifies at every node all the time',
  async () => {
    const checker = createChecker();
    const late: number[] = [];
    await until('each node has signed', () => !signers().includes(undefined), LIMIT_MS);
    for (let rotation = 0; rotation < ROTATIONS; rotation += 1) {
      const [old] = signers();
      expect(new Set(signers())).toEqual(new Set([old]));
      const { kid: next } = await keys(`rotate ES256 --in ${ANNOUNCED}s`);
      const due = performance.now() + ANNOUNCED * 1000;
      const followed = async () => {
        await checker.look();
        return signers().every((kid) => kid === next);
      };
      await until('all nodes sign with it', followed, ANNOUNCED * 1000 + LIMIT_MS);
      late.push(since(due));
      for (const node of nodes) {
        const published = (await publishedBy(node)).keys.map(({ kid }) => kid);
        expect(published).toEqual(expect.arrayContaining([old, next]));
      }
    }
    await checker.look();
    measured(
      'R16',
      `${ROTATIONS} rotations on ${nodes.length} nodes: ${checker.checked()} tokens, ${checker.failures.length} not verified, ` +
        `all signed with the new key ${late.join(', ')} ms after its time`,
    );
    expect(checker.failures).toEqual([]);
    expect(Math.max(...late)).toBeLessThan(LIMIT_MS);
    expect(new Set(tokens.map(({ kid }) => kid)).size).toBe(ROTATIONS + 1);
    expect(checker.checked()).toBeGreaterThan(0);
  },
  PATIENCE_MS,
);

test(
  'R16: in an emergency: within a minute no node publishes the key or signs with it, and what is signed then verifies',
  async () => {
    const [stolen] = signers();
    await keys(`revoke ${stolen} --yes`);
    const began = performance.now();
    const forgotten = async () => {
      const sets = await Promise.all(nodes.map(publishedBy));
      const published = sets.some((set) => set.keys.some(({ kid }) => kid === stolen));
      return !published && !signers().includes(stolen);
    };
    await until('no node publishes it or signs with it', forgotten, LIMIT_MS);
    const took = since(began);
    tokens.splice(0);
    const checker = createChecker();
    await until('each node has signed', () => !signers().includes(undefined), LIMIT_MS);
    await checker.look();
    measured('R16', `a key withdrawn from all nodes within ${took} ms`);
    expect(checker.failures).toEqual([]);
    expect(tokens.map(({ kid }) => kid)).not.toContain(stolen);
  },
  PATIENCE_MS,
);
