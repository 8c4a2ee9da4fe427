/** The signing keys in the database (issue 6 §4): made once by several nodes, sealed, announced, withdrawn. */
import { expect, test } from '@jest/globals';
import { makeKey } from '../../src/keys/key-text.js';
import { ANNOUNCED_MS, RETIRED_MS } from '../../src/keys/key-uses.js';
import { type PrivateSigningKey, SIGNING_ALGS, type SigningAlg } from '../../src/keys/signing-keys.js';
import { createStoredKeys } from '../../src/keys/stored-keys.js';
import { createAudit } from '../../src/platform/audit/audit.js';
import { createSecretBox } from '../../src/platform/crypto/secret-box.js';
import type { OpenDatabase } from '../../src/platform/database/open.js';
import { createAuditStore } from '../../src/stores/audit-store.js';
import { createSigningKeyStore } from '../../src/stores/signing-key-store.js';
import { describeOnBothDatabases } from '../support/databases.js';

const DAY = 86_400_000;

interface Setting {
  readonly secrets?: string[];
  readonly rotationDays?: number;
  readonly inFiles?: readonly PrivateSigningKey[];
  /** Grows by the kids of warnings. */
  readonly told?: string[];
}

function createNode(
  database: OpenDatabase,
  clock: { now(): number },
  { secrets = ['a secret of the server'], rotationDays = 90, inFiles = [], told = [] }: Setting = {},
) {
  return createStoredKeys({
    store: createSigningKeyStore(database),
    box: createSecretBox(secrets, 'signing-key'),
    audit: createAudit({ store: createAuditStore(database), clock }),
    clock,
    rotationDays,
    inFiles: async () => inFiles,
    log: { warn: (fields) => void told.push((fields as { kid: string }).kid) },
  });
}

const createClock = () => {
  let time = 1000 * DAY;
  return {
    now: () => time,
    advance(ms: number) {
      time += ms;
    },
  };
};

describeOnBothDatabases('stored signing keys', (open) => {
  test('nodes that start together make one key of each algorithm, and hold the same', async () => {
    const [database, clock] = [await open(), createClock()];
    const nodes = [createNode(database, clock), createNode(database, clock), createNode(database, clock)];
    const made = await Promise.all(nodes.map((node) => node.ensure()));
    expect(made.reduce((sum, one) => sum + one)).toBe(SIGNING_ALGS.length);
    const [first, ...others] = await Promise.all(nodes.map((node) => node.load()));
    expect(first?.map(({ alg }) => alg)).toEqual([...SIGNING_ALGS]);
    for (const other of others) expect(other).toEqual(first);
  });

  test('nothing of a private key is readable in the row, and only under the secrets', async () => {
    const [database, clock] = [await open(), createClock()];
    await createNode(database, clock).ensure();
    const keys = await createNode(database, clock).load();
    const rows = JSON.stringify(await database.all(database.sql('signing_keys')));
    for (const { jwk } of keys) expect(rows).not.toContain(jwk.d);
    const stranger = createNode(database, clock, { secrets: ['another secret'] });
    await expect(stranger.load()).rejects.toThrow(/sealed under another SECRET_KEY/);
    const both = createNode(database, clock, { secrets: ['another secret', 'a secret of the server'] });
    expect(await both.load()).toEqual(keys);
  });

  test('a key that is withdrawn while another node announces the next one has a successor that signs', async () => {
    const [database, clock] = [await open(), createClock()];
    const [node, other] = [createNode(database, clock), createNode(database, clock)];
    await node.ensure();
    for (const { kid, alg } of await node.list()) {
      await Promise.all([other.rotate(alg as SigningAlg, 'cli'), node.revoke(kid, 'cli')]);
      // Whoever was first.
      const states = (await node.list()).filter((key) => key.alg === alg).map(({ state }) => state);
      expect(states).toContain('signs');
    }
  });

  test('the schedule: announced a day before, signs, retires, is deleted', async () => {
    const [database, clock] = [await open(), createClock()];
    const node = createNode(database, clock);
    await node.ensure();
    const statesOf = async () =>
      (await node.list()).filter(({ alg }) => alg === 'ES256').map(({ state }) => state);

    await node.tend();
    expect(await statesOf()).toEqual(['signs']);
    clock.advance(89 * DAY);
    await Promise.all([node.tend(), createNode(database, clock).tend()]);
    expect(await statesOf()).toEqual(['signs', 'announced']);
    const before = await node.mark();
    clock.advance(ANNOUNCED_MS);
    expect(await node.mark()).not.toBe(before);
    expect(await statesOf()).toEqual(['retired', 'signs']);
    clock.advance(RETIRED_MS - 1);
    await node.tend();
    expect(await statesOf()).toEqual(['retired', 'signs']);
    clock.advance(1);
    await node.tend();
    expect(await statesOf()).toEqual(['signs']);
    const events = await database.all<{ event: string }>(database.sql('audit_events').select('event'));
    expect(events.filter(({ event }) => event === 'keys.deleted')).toHaveLength(SIGNING_ALGS.length);
  });

  test('by command: once while another waits; at once on demand', async () => {
    const [database, clock] = [await open(), createClock()];
    const node = createNode(database, clock, { rotationDays: 0 });
    await node.ensure();
    clock.advance(1000 * DAY);
    await node.tend();
    expect(await node.list()).toHaveLength(SIGNING_ALGS.length);
    expect(await node.rotate('RS256', 'cli')).toMatchObject({ state: 'announced', alg: 'RS256' });
    expect(await node.rotate('RS256', 'cli')).toBeUndefined();
    expect(await node.rotate('RS256', 'cli', 0)).toMatchObject({ state: 'signs' });
  });

  test('a withdrawn key is gone from what is published, and another signs in its place', async () => {
    const [database, clock] = [await open(), createClock()];
    const node = createNode(database, clock);
    await node.ensure();
    const doomed = (await node.load()).find(({ alg }) => alg === 'EdDSA')?.kid ?? '';
    expect(await node.revoke(doomed, 'cli')).toBe(true);
    expect(await node.revoke(doomed, 'cli')).toBe(false);
    expect(await node.revoke('no-such-key', 'cli')).toBe(false);
    const left = (await node.load()).filter(({ alg }) => alg === 'EdDSA');
    expect(left).toHaveLength(1);
    expect(left[0]?.kid).not.toBe(doomed);
  });

  test("one that no secret opens stands in nobody's way until it signs, and is told of once", async () => {
    const [database, clock] = [await open(), createClock()];
    const told: string[] = [];
    const node = createNode(database, clock, { told });
    await node.ensure();
    const before = await node.load();
    const ahead = createNode(database, clock, { secrets: ['a new secret', 'a secret of the server'] });
    const announced = (await ahead.rotate('ES256', 'cli'))?.kid ?? '';
    expect(await node.load()).toEqual(before);
    expect(await node.load()).toEqual(before);
    expect(told).toEqual([announced]);
    expect([...(await node.publishedKids())]).toContain(announced);
    clock.advance(ANNOUNCED_MS);
    await expect(node.load()).rejects.toThrow(/sealed under another SECRET_KEY/);
    await ahead.rotate('ES256', 'cli', 0);
    expect((await ahead.load()).map(({ kid }) => kid)).toContain(announced);
  });

  test('keys in files are taken over once, the first of an algorithm going on to sign', async () => {
    const [database, clock] = [await open(), createClock()];
    const inFiles = [await makeKey('ES256', 5), await makeKey('ES256', 6)];
    await createNode(database, clock, { inFiles }).ensure();
    const node = createNode(database, clock, { inFiles });
    await node.ensure();
    const listed = (await node.list()).filter(({ alg }) => alg === 'ES256');
    expect(listed.map(({ kid, state }) => [kid, state])).toEqual([
      [inFiles[0]?.kid, 'signs'],
      [inFiles[1]?.kid, 'announced'],
    ]);
    expect(await node.load()).toHaveLength(SIGNING_ALGS.length + 1);
  });
});
