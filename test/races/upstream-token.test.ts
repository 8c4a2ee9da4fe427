/**
 * Goal 32, keycloak#49341, raced: an expired pair of an upstream that rotates refresh tokens and refuses reuse,
 * asked for at the same moment by twelve requests over four server processes. One refresh, one pair for all.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getCode, redeem } from '../support/flow.js';
import { freshPostgres } from '../support/postgres.js';
import { type Racers, startRacers } from '../support/racers.js';
import { startUpstreamWorld, type UpstreamWorld } from '../support/upstream-world.js';

// A fifth of the other races': each round goes to a real provider and back.
const ROUNDS = Math.ceil(Number(process.env.RACE_ROUNDS || 25) / 5);
const PROCESSES = 4;
const PARALLEL = 12;

describe.each(['sqlite', 'postgres'])('upstream tokens over %s', (dialect) => {
  let world: UpstreamWorld;
  let racers: Racers;

  beforeAll(async () => {
    world = await startUpstreamWorld(dialect === 'postgres' ? { DATABASE_URL: await freshPostgres() } : {});
    racers = await startRacers(world.server.issuer, PROCESSES, [world.env]);
  }, 120_000);
  afterAll(async () => {
    await racers?.close();
    await world?.close();
  });

  test(
    'one refresh a round',
    async () => {
      const { id, username } = await world.server.createAccount('ann');
      await world.keepFor(id);
      const code = await getCode(world.server, world.named, { scope: 'openid upstream_token' }, { username });
      const { body } = await redeem(world.server, world.named, code);
      const { database } = world.server.container;
      const seen = new Set<string>();
      for (let round = 1; round <= ROUNDS; round += 1) {
        await database.run(database.sql('upstream_tokens').update({ expires_at: 1 }));
        const before = world.there.count('POST /token');
        const answers = await racers.race(PARALLEL, 0, {
          path: '/api/upstream-token/lab',
          headers: { authorization: `Bearer ${body.access_token}` },
        });
        expect(answers.map(({ status }) => status)).toEqual(Array(PARALLEL).fill(200));
        expect(world.there.count('POST /token')).toBe(before + 1);
        const given = new Set(answers.map((answer) => answer.body.access_token));
        expect(given.size).toBe(1);
        for (const token of given) {
          expect(seen.has(token)).toBe(false);
          seen.add(token);
        }
      }
    },
    60_000 + ROUNDS * 4_000,
  );
});
