import type { Context, Middleware } from 'koa';
import { errors, type TokenEndpointGrantContext } from 'oidc-provider';
import { DEVICE_CODE } from '../../clients/client.js';
import type { Clock } from '../../platform/crypto/clock.js';
import { sha256 } from '../../platform/crypto/ids.js';
import { TooManyAttempts } from '../../platform/errors/errors.js';
import { addressKey } from '../../platform/throttle/address-key.js';
import { createThrottle, type ThrottleTable } from '../../platform/throttle/throttle.js';
import { cookieNames } from '../configuration.js';
import type { GrantHandler } from '../grant-unit.js';

/**
 * What RFC 8628 asks for and the library leaves to us: devices that poll too often are told to slow down
 * (§3.5), people who guess user codes are stopped (§5.1).
 */
export interface DeviceLimits {
  /** The device grant, paced; other grants as they are. */
  paced(grantType: string, handler: GrantHandler): GrantHandler;
  /** Refuses posts of user codes after too many wrong ones. */
  guard(path: string): Middleware;
  /** Told of a posted code that matched nothing. */
  wrongCode(ctx: Context): void;
}

/** Seconds between polls when the answer names none (RFC 8628 §3.2), and what each `slow_down` adds. */
const INTERVAL = 5;
/** A device that waits exactly its interval may arrive a little early. */
const SLACK_MS = 500;
/** Longer than a device code lives: what `slow_down` added stays for good. */
const REMEMBERED_MS = 15 * 60_000;
const HOUR = 3600;

interface Dependencies {
  readonly table: ThrottleTable;
  readonly clock: Clock;
  readonly issuer: string;
}

export function createDeviceLimits({ table, clock, issuer }: Dependencies): DeviceLimits {
  // What tells one browser from another.
  const { session } = cookieNames(issuer.startsWith('https:'));
  const perBrowser = createThrottle(
    { store: table, clock },
    { name: 'user-code-browser', points: 5, windowSeconds: HOUR, blockSeconds: HOUR },
  );
  const perAddress = createThrottle(
    { store: table, clock },
    { name: 'user-code-address', points: 20, windowSeconds: HOUR, blockSeconds: HOUR },
  );

  async function pace(deviceCode: string): Promise<void> {
    const now = clock.now();
    const name = sha256(deviceCode);
    const slowed = (await table.find(`pace:${name}`, now))?.points ?? 0;
    const until = (times: number) => now + INTERVAL * (1 + times) * 1000 - SLACK_MS;
    const polls = await table.add(`poll:${name}`, { points: 1, expiresAt: until(slowed) }, now);
    if (polls.points === 1) return;
    const times = await table.add(`pace:${name}`, { points: 1, expiresAt: now + REMEMBERED_MS }, now);
    await table.set(`poll:${name}`, { points: 1, expiresAt: until(times.points) });
    throw new errors.SlowDown('you are polling too quickly and should back off at a reasonable rate');
  }

  const wrong = new WeakSet<object>();

  const keysOf = (ctx: Context) => ({ address: addressKey(ctx.ip), browser: ctx.cookies.get(session) });

  /** Takes a point of both counters before the code is looked up, or side by side guesses would pass them. */
  async function reserve({ address, browser }: ReturnType<typeof keysOf>): Promise<number> {
    // Who must wait already is sent off without the wait growing.
    const known = Math.max(await perAddress.check(address), browser ? await perBrowser.check(browser) : 0);
    if (known > 0) return known;
    const addressWait = await perAddress.fail(address);
    if (addressWait > 0 || !browser) return addressWait;
    const browserWait = await perBrowser.fail(browser).catch(async (error: unknown) => {
      await Promise.allSettled([perAddress.giveBack(address)]);
      throw error;
    });
    if (browserWait > 0) await perAddress.giveBack(address);
    return browserWait;
  }

  return {
    paced(grantType, handler) {
      if (grantType !== DEVICE_CODE) return handler;
      return async (ctx: TokenEndpointGrantContext) => {
        const { device_code } = ctx.oidc.params as { device_code?: string };
        try {
          await handler(ctx);
        } catch (error) {
          // `slow_down` is a kind of `authorization_pending`: whoever polls a code that is decided, used or
          // not theirs learns just that.
          if (error instanceof errors.AuthorizationPending && device_code) await pace(device_code);
          throw error;
        }
      };
    },
    guard: (path) => async (ctx, next) => {
      if (ctx.method !== 'POST' || ctx.path !== path) return next();
      const keys = keysOf(ctx as Context);
      const wait = await reserve(keys);
      if (wait > 0) throw new TooManyAttempts(wait, 'Too many wrong codes. Please wait and try again.');
      try {
        await next();
      } finally {
        // A code that was taken stays taken, whether or not that can be noted here.
        if (!wrong.has(ctx)) {
          await Promise.allSettled([
            perAddress.giveBack(keys.address),
            ...(keys.browser ? [perBrowser.giveBack(keys.browser)] : []),
          ]);
        }
      }
    },
    wrongCode(ctx) {
      wrong.add(ctx);
    },
  };
}
