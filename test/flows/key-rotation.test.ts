/**
 * R16: keys change on every node without a restart. Two nodes share a database; tokens are made at both all the
 * time, and each must verify, from its making to its end, with the key set of either.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { ANNOUNCED_MS, RETIRED_MS } from '../../src/keys/key-uses.js';
import { createBrowser } from '../support/browser.js';
import { newPlace, type Place } from '../support/command-line.js';
import { getCode, post, redeem, refresh } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

const API = 'https://api.example/rotation';
const SECOND = 1000;
const SECRET = 'a secret of the server, kept in its head';

let place: Place;
let settings: Record<string, string>;
let nodes: readonly TestServer[];
let client: TestClient;

beforeEach(async () => {
  place = newPlace();
  settings = {
    ...place.env,
    SECRET_KEY: SECRET,
    DATABASE_URL: await freshPostgres(),
    LEGACY_FLOWS: 'password',
  };
  nodes = [await startServer(settings), await startServer(settings)];
  const [{ container, createAccount, createClient }] = nodes as [TestServer];
  await container.resources.create({
    identifier: API,
    scopes: ['read'],
    token_format: 'jwt',
    signing_alg: 'ES256',
  });
  await createAccount();
  client = await createClient({
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
    scope: 'openid read offline_access',
  });
});

afterEach(async () => {
  for (const node of nodes) await node.close();
  place.remove();
});

/** What every process does each 15 seconds. */
const look = () => Promise.all(nodes.map(({ container }) => container.keyring.refresh()));

const advance = (ms: number) => {
  for (const { clock } of nodes) clock.advance(ms / SECOND);
};

const keySet = async (node: TestServer) =>
  createLocalJWKSet((await (await fetch(node.url('/oauth/jwks.json'))).json()) as JSONWebKeySet);

async function mint(node: TestServer): Promise<string> {
  const form = { grant_type: 'client_credentials', resource: API, scope: 'read' };
  const { body } = await post(node, '/oauth/token', form, client);
  return body.access_token;
}

const kidOf = (token: string) => decodeProtectedHeader(token).kid;

async function verifyEverywhere(tokens: readonly string[]): Promise<void> {
  const sets = await Promise.all(nodes.map(keySet));
  for (const token of tokens) {
    // Time stands still for them: whether the signature can be verified is what is asked.
    const currentDate = new Date((decodeJwt(token).iat ?? 0) * SECOND);
    for (const keys of sets) await jwtVerify(token, keys, { currentDate });
  }
}

describe('R16: on two nodes', () => {
  test('announce, sign, retire: no token fails, and both sign with the new key', async () => {
    const [first, second] = nodes as [TestServer, TestServer];
    const tokens: string[] = [];
    const mintAndVerify = async () => {
      tokens.push(...(await Promise.all(nodes.flatMap((node) => [mint(node), mint(node)]))));
      await verifyEverywhere(tokens);
    };
    await mintAndVerify();
    const old = kidOf(tokens[0] as string);

    const next = await first.container.signingKeys.rotate('ES256', 'cli');
    await mintAndVerify();
    await first.container.keyring.refresh();
    // One node knows, the other does not yet.
    await mintAndVerify();
    await look();
    await mintAndVerify();
    expect(new Set(tokens.map(kidOf))).toEqual(new Set([old]));

    advance(ANNOUNCED_MS);
    await second.container.keyring.refresh();
    // One node signs with the new key, the other still with the old one.
    await mintAndVerify();
    expect(new Set(tokens.slice(-4).map(kidOf))).toEqual(new Set([old, next?.kid]));
    await look();
    await mintAndVerify();
    expect(new Set(tokens.slice(-4).map(kidOf))).toEqual(new Set([next?.kid]));

    advance(RETIRED_MS - 600 * SECOND);
    await first.container.signingKeys.tend();
    await look();
    await verifyEverywhere(tokens);
    advance(600 * SECOND);
    await look();
    await expect(verifyEverywhere(tokens.slice(0, 1))).rejects.toThrow(/no applicable key/);
    await verifyEverywhere(tokens.slice(-4));
  });

  test('requests go on while keys change under them', async () => {
    const [first] = nodes as [TestServer];
    let on = true;
    const tokens: string[] = [];
    const load = Promise.all(
      nodes
        .flatMap((node) => [node, node])
        .map(async (node) => {
          while (on) tokens.push(await mint(node));
        }),
    );
    for (let round = 0; round < 8; round += 1) {
      await first.container.signingKeys.rotate('ES256', 'cli', 0);
      await look();
    }
    on = false;
    await load;
    expect(new Set(tokens.map(kidOf)).size).toBeGreaterThan(2);
    await verifyEverywhere(tokens);
  });

  test('a sign-in begun before goes on after, and a refresh token stays good', async () => {
    const [first, second] = nodes as [TestServer, TestServer];
    const grant = await getCode(
      first,
      client,
      { scope: 'openid offline_access' },
      { browser: createBrowser() },
    );
    await first.container.signingKeys.rotate('RS256', 'cli', 0);
    await look();
    const redeemed = await redeem(first, client, grant);
    expect(redeemed.status).toBe(200);
    await first.container.signingKeys.rotate('RS256', 'cli', 0);
    await look();
    const refreshed = await refresh(second, client, redeemed.body.refresh_token);
    expect(refreshed.status).toBe(200);
    expect(kidOf(refreshed.body.id_token)).not.toBe(kidOf(redeemed.body.id_token));
    await verifyEverywhere([redeemed.body.id_token, refreshed.body.id_token]);
  });

  test('in an emergency: at the next look nothing the key signed verifies, and a new one signs', async () => {
    const [first, second] = nodes as [TestServer, TestServer];
    const stolen = await mint(second);
    expect(await first.container.signingKeys.revoke(kidOf(stolen) ?? '', 'cli')).toBe(true);
    await look();
    await expect(verifyEverywhere([stolen])).rejects.toThrow(/no applicable key/);
    const fresh = await mint(second);
    expect(kidOf(fresh)).not.toBe(kidOf(stolen));
    await verifyEverywhere([fresh, await mint(first)]);
    expect(await second.container.inspectToken(stolen)).toMatchObject({ status: 'foreign' });
  });

  test('a node that cannot open the new key drops the withdrawn one all the same', async () => {
    const [first, second] = nodes as [TestServer, TestServer];
    const ahead = await startServer({ ...settings, SECRET_KEY: `${SECRET.toUpperCase()},${SECRET}` });
    try {
      const stolen = await mint(second);
      expect(await ahead.container.signingKeys.revoke(kidOf(stolen) ?? '', 'cli')).toBe(true);
      await Promise.allSettled(nodes.map(({ container }) => container.keyring.refresh()));
      for (const node of [first, second]) {
        await expect(jwtVerify(stolen, await keySet(node))).rejects.toThrow(/no applicable key/);
        const { keys } = (await (await fetch(node.url('/oauth/jwks.json'))).json()) as JSONWebKeySet;
        expect(keys.map(({ alg }) => alg)).toContain('RS256');
      }
      expect(await second.container.inspectToken(stolen)).toMatchObject({ status: 'foreign' });
    } finally {
      await ahead.close();
    }
  });
});
