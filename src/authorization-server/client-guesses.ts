import type { Context } from 'koa';
import { type Client, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Clock } from '../platform/crypto/clock.js';
import { OAuthError } from '../platform/errors/errors.js';
import { addressKey } from '../platform/throttle/address-key.js';
import type { Throttle, ThrottleRule } from '../platform/throttle/throttle.js';
import type { Attendant } from './lanes.js';

/**
 * Clients that fail to show who they are, again and again: from then on even the right secret is refused, as
 * a right password is. Failures are counted in the database at once. Blocks are remembered here, so that a
 * request that is as it should be costs no question; another process learns of one by the next failure.
 */
export interface ClientGuesses {
  /** Counts the failures of what it stands around. */
  readonly attendant: Attendant;
  /** Makes the client look-up of an endpoint refuse clients that must wait. */
  install(provider: Provider): void;
}

const QUARTER = 900;

const GUESSES_BY_CLIENT: ThrottleRule = {
  name: 'client-guess',
  points: 60,
  windowSeconds: QUARTER,
  blockSeconds: QUARTER,
};
/** Whatever the clients, unknown ones too. */
const GUESSES_BY_ADDRESS: ThrottleRule = {
  ...GUESSES_BY_CLIENT,
  name: 'client-guess-address',
  points: 600,
};

/** Beyond so many the oldest goes: its next failure brings it back. */
const MOST_BLOCKS = 10_000;

interface Dependencies {
  readonly throttle: (rule: ThrottleRule) => Throttle;
  readonly clock: Clock;
  /** The numbers times this; 0: nothing is counted. */
  readonly times: number;
  /** Where clients authenticate. */
  readonly paths: ReadonlySet<string>;
}

export function createClientGuesses({ throttle, clock, times, paths }: Dependencies): ClientGuesses {
  if (times === 0) return { attendant: { after: () => {} }, install: () => {} };
  const scaled = (rule: ThrottleRule) => throttle({ ...rule, points: rule.points * times });
  const byClient = scaled(GUESSES_BY_CLIENT);
  const byAddress = scaled(GUESSES_BY_ADDRESS);
  const blocks = new Map<string, number>();

  function requireNoBlock(key: string): void {
    const until = blocks.get(key);
    if (until === undefined) return;
    const wait = Math.ceil((until - clock.now()) / 1000);
    if (wait <= 0) return void blocks.delete(key);
    const headers = { 'retry-after': String(wait) };
    const message = 'This client failed to authenticate too often. Please wait and try again.';
    throw new OAuthError(429, 'temporarily_unavailable', message, { headers });
  }

  async function count(counter: Throttle, key: string): Promise<void> {
    const wait = await counter.fail(key);
    if (wait === 0) return;
    const [oldest] = blocks.keys();
    if (blocks.size >= MOST_BLOCKS && oldest !== undefined) blocks.delete(oldest);
    blocks.set(key, clock.now() + wait * 1000);
  }

  const clientKey = (ctx: Pick<Context, 'ip'>, clientId: string) => `${addressKey(ctx.ip)} ${clientId}`;

  async function failed(ctx: Context): Promise<void> {
    if ((ctx.body as { error?: string } | undefined)?.error !== 'invalid_client') return;
    const { client } = (ctx as unknown as KoaContextWithOIDC).oidc;
    await count(byAddress, addressKey(ctx.ip));
    if (client) await count(byClient, clientKey(ctx, client.clientId));
  }

  return {
    attendant: {
      before(ctx) {
        if (blocks.size > 0) requireNoBlock(addressKey(ctx.ip));
      },
      after: (ctx) => (ctx.status === 401 ? failed(ctx) : undefined),
    },
    install(provider) {
      const { Client: clients } = provider;
      const find = clients.find.bind(clients) as (id: unknown) => Promise<Client | undefined>;
      Object.assign(clients, {
        async find(id: unknown) {
          const ctx = blocks.size > 0 ? Provider.ctx : undefined;
          if (ctx && paths.has(ctx.path)) requireNoBlock(clientKey(ctx, String(id)));
          return find(id);
        },
      });
    },
  };
}
