/**
 * R06: somebody who comes from an upstream for the first time, in twenty browsers at once over two processes, gets
 * one account; and of two people who would like the same username, both get an account, and one of them the name.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { createBrowser } from '../support/browser.js';
import { temporaryFolder } from '../support/folder.js';
import { ADA, startWorld, upstreamOf, type World } from '../support/login-world.js';
import { freshPostgres } from '../support/postgres.js';
import { type RaceAnswer, type RaceRequest, type Racers, startRacers } from '../support/racers.js';
import type { OidcUpstream, Person } from '../support/upstreams.js';

// A fifth of the other races': each round goes to a real provider and back, twenty times.
const ROUNDS = Math.ceil(Number(process.env.RACE_ROUNDS || 25) / 5);
const PROCESSES = 2;
const BROWSERS = 20;
const START = '/oauth/login/other/';
/** Where that door leads in the end. */
const LINKED = '/account/settings/linkedaccounts/';

describe.each(['sqlite', 'postgres'])('R06: first logins over %s', (dialect) => {
  let world: World;
  let racers: Racers;
  let there: OidcUpstream;

  beforeAll(async () => {
    const folder = temporaryFolder();
    const url = dialect === 'postgres' ? await freshPostgres() : `sqlite:${join(folder, 'postern.sqlite')}`;
    world = await startWorld({
      env: {
        DATABASE_URL: url,
        KEYS_DIR: join(folder, 'keys'),
        SECRET_KEY: 'the secret key of first logins, long enough',
      },
    });
    there = world.upstreams.other as OidcUpstream;
    racers = await startRacers(world.server.issuer, PROCESSES, [world.env]);
  }, 120_000);
  afterAll(async () => {
    await racers?.close();
    await world?.close();
  });

  /** Through the upstream and back, up to the callback, which is not visited yet. */
  async function arriving(person: Person): Promise<RaceRequest> {
    there.person = person;
    const browser = createBrowser();
    const begun = await browser.get(world.server.url(START));
    const callback = new URL(await upstreamOf(browser, begun, world.server.issuer));
    const cookie = browser.cookiesFor(callback.href);
    return { path: callback.pathname + callback.search, headers: { cookie, accept: 'text/html' } };
  }

  const atOnce = (requests: readonly RaceRequest[]): Promise<RaceAnswer[]> =>
    Promise.all(requests.map((request, index) => racers.send(index % PROCESSES, 0, request)));

  async function inTurn<T>(times: number, work: (index: number) => Promise<T>): Promise<T[]> {
    const done: T[] = [];
    for (let index = 0; index < times; index += 1) done.push(await work(index));
    return done;
  }

  async function accountsNamed(start: string): Promise<string[]> {
    const { database } = world.server.container;
    const query = database.sql('accounts').where('username', 'like', `${start}%`).select('username');
    return (await database.all<{ username: string }>(query)).map(({ username }) => username).sort();
  }

  test(
    'one identity gets one account, two identities never share a name',
    async () => {
      for (let round = 1; round <= ROUNDS; round += 1) {
        const one = `one${round}x`;
        const person = { ...ADA, sub: one, preferred_username: one, email: `${one}@there.example` };
        const answers = await atOnce(await inTurn(BROWSERS, () => arriving(person)));
        const ended = [302, LINKED];
        expect(answers.map(({ status, location }) => [status, location])).toEqual(
          Array(BROWSERS).fill(ended),
        );
        expect(await accountsNamed(one)).toEqual([one]);

        const two = `two${round}x`;
        // The provider tells of the person it has at the time, so an address it calls proven would be one of both.
        const unproven = { ...person, preferred_username: two, email_verified: false };
        const likeIt = (index: number) => arriving({ ...unproven, sub: `${two}-${index}` });
        const both = await atOnce(await inTurn(2, likeIt));
        expect(both.map(({ status, location }) => [status, location])).toEqual([ended, ended]);
        const names = await accountsNamed(two);
        expect([names.length, new Set(names).size, names[0]]).toEqual([2, 2, two]);
      }
    },
    60_000 + ROUNDS * 8_000,
  );
});
