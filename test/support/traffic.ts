/**
 * Load with a ledger: machines that ask for tokens and revoke some, people whose browsers ask for codes that are
 * redeemed, refreshed and revoked. Each lane is sequential, so what it was answered is certain.
 */
import { randomUUID } from 'node:crypto';
import { createBrowser } from './browser.js';
import { type CodeGrant, getCode, post, redeem, refresh, type TokenAnswer } from './flow.js';
import type { Checked, Ledger } from './ledger.js';
import type { TestClient, TestServer } from './server.js';

/** Where the load goes. */
export type Target = Pick<TestServer, 'issuer' | 'url'>;

export interface Clients {
  /** Client credentials. */
  readonly machine: TestClient;
  /** Authorization code and refresh, of the account `alice`. */
  readonly web: TestClient;
}

export interface Failure {
  readonly what: string;
  /** Of an answer, else 0. */
  readonly status: number;
  /** Of a 503: whether it says when to come again. */
  readonly retryAfter: boolean;
  readonly reason: string;
  /** `performance.now()` of its beginning and end. */
  readonly from: number;
  readonly to: number;
}

export interface Traffic {
  readonly failures: Failure[];
  /** Milliseconds of the requests that were answered as they should be. */
  readonly times: number[];
  answered(): number;
  /** `performance.now()` of the last good answer. */
  lastAnswer(): number;
  /** Lets every lane finish the request it is at. */
  end(): Promise<void>;
}

export interface Lanes {
  readonly machines?: number;
  readonly people?: number;
  /** A pause after each failure, milliseconds, so that a dead server is not hammered. */
  readonly pauseMs?: number;
  /** A rest after each good answer, milliseconds: none unless told otherwise. */
  readonly restMs?: number;
}

export const MACHINE = {
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: '',
};

export async function createClients(server: TestServer): Promise<Clients> {
  await server.createAccount('alice');
  return { machine: await server.createClient(MACHINE), web: await server.createClient() };
}

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return String((cause as { code?: string }).code ?? cause);
};

const running = new Set<Traffic>();

/** For `afterEach`: a drill that failed leaves its load running. */
export async function endTraffic(): Promise<void> {
  await Promise.all([...running].map((traffic) => traffic.end()));
}

class Refused extends Error {
  readonly status: number;
  readonly retryAfter: boolean;

  constructor({ status, headers, body }: TokenAnswer) {
    super(`${status} ${JSON.stringify(body)?.slice(0, 200)}`);
    this.status = status;
    this.retryAfter = Number(headers.get('retry-after')) > 0;
  }
}

/** A page of the walk that was not what it should be is told by its status alone. */
const statusOf = (error: unknown): number => {
  if (error instanceof Refused) return error.status;
  return Number(/ (\d{3})\b/.exec(String(error))?.[1] ?? 0);
};

export function startTraffic(
  target: Target,
  { machine, web }: Clients,
  ledger: Ledger,
  { machines = 4, people = 2, pauseMs = 20, restMs = 0 }: Lanes = {},
): Traffic {
  const server = target as TestServer;
  const failures: Failure[] = [];
  const times: number[] = [];
  let [on, last] = [true, 0];

  /** One request; what is not answered with `wanted` is noted, and `undefined`. */
  async function ask<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    const from = performance.now();
    try {
      const answer = await work();
      last = performance.now();
      times.push(last - from);
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
      return answer;
    } catch (error) {
      const retryAfter = !(error instanceof Refused) || error.retryAfter;
      const to = performance.now();
      failures.push({ what, status: statusOf(error), retryAfter, reason: reasonOf(error), from, to });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      return undefined;
    }
  }

  const good = async (answer: Promise<TokenAnswer>): Promise<TokenAnswer> => {
    const got = await answer;
    if (got.status !== 200) throw new Refused(got);
    return got;
  };

  async function machineLane(): Promise<void> {
    for (let turn = 0; on; turn += 1) {
      const made = await ask('token', () =>
        good(post(server, '/oauth/token', { grant_type: 'client_credentials' }, machine)),
      );
      if (made === undefined) continue;
      const token: string = made.body.access_token;
      ledger.gave(token);
      if (turn % 3 > 0 || !on) continue;
      ledger.revoking(token);
      const done = await ask('revocation', () => good(post(server, '/oauth/revoke', { token }, machine)));
      if (done) ledger.revoked(token);
    }
  }

  async function personLane(): Promise<void> {
    const browser = createBrowser();
    // What one browser session lets one client do is one grant, and is revoked as one.
    let family = randomUUID();
    for (let turn = 0; on; turn += 1) {
      const grant = await ask('authorization', () => getCode(server, web, {}, { browser }));
      if (grant && (await useGrant(grant, family, turn))) family = randomUUID();
    }
  }

  /** Whether the family was revoked, or may have been. */
  async function useGrant(grant: CodeGrant, family: string, turn: number): Promise<boolean> {
    const thing = JSON.stringify({ code: grant.code, verifier: grant.pkce.verifier });
    ledger.using(thing);
    const first = await ask('code', () => good(redeem(server, web, grant)));
    if (first === undefined) return false;
    ledger.took(thing, first.body.access_token);
    let { access_token: access, refresh_token: next } = first.body;
    ledger.gave(access, family);
    ledger.gave(next, family);
    for (let step = 0; step < 2 && on; step += 1) {
      ledger.using(next);
      const answer = await ask('refresh', () => good(refresh(server, web, next)));
      if (answer === undefined) return false;
      ledger.took(next, answer.body.access_token);
      ({ access_token: access, refresh_token: next } = answer.body);
      ledger.gave(access, family);
      ledger.gave(next, family);
    }
    if (turn % 3 > 0 || !on) return false;
    ledger.revoking(next, family);
    const done = await ask('revocation', () => good(post(server, '/oauth/revoke', { token: next }, web)));
    if (done) ledger.revoked(next, family);
    return true;
  }

  const lanes = [
    ...Array.from({ length: machines }, machineLane),
    ...Array.from({ length: people }, personLane),
  ];
  const traffic: Traffic = {
    failures,
    times,
    answered: () => times.length,
    lastAnswer: () => last,
    async end() {
      on = false;
      await Promise.all(lanes);
      running.delete(traffic);
    },
  };
  running.add(traffic);
  return traffic;
}

/** `503 of token: 4, …` */
export function kindsOf(failures: readonly Failure[]): string {
  const counts = new Map<string, number>();
  for (const { what, status, reason } of failures) {
    const kind = `${status === 502 ? status : reason.slice(0, 160)} of ${what}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${kind}: ${count}`).join(', ') || 'none';
}

/** The ledger's questions, asked of a server. A client is told only of its own tokens, so both are asked. */
export function checkedAt(target: Target, { machine, web }: Clients): Checked {
  const server = target as TestServer;
  return {
    async isActive(token) {
      for (const client of [machine, web]) {
        const { status, body } = await post(server, '/oauth/introspect', { token }, client);
        // No answer is no finding.
        if (status !== 200) throw new Error(`the check was answered ${status} ${JSON.stringify(body)}`);
        if (body.active === true) return true;
      }
      return false;
    },
    async useAgain(thing) {
      const { code, verifier } = JSON.parse(thing);
      const answer = await redeem(server, web, {
        code,
        pkce: { verifier, challenge: '' },
        browser: createBrowser(),
      });
      return answer.status === 200 ? answer.body.access_token : undefined;
    },
  };
}
