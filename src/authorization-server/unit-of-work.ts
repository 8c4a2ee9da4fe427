import type { Middleware, ParameterizedContext } from 'koa';
import { Provider } from 'oidc-provider';
import type { PosternError } from '../platform/errors/errors.js';
import type { PayloadStore, PayloadUnit } from '../stores/payload-store.js';

/**
 * What one request of the library writes. While a grant handler runs, its writes are gathered in `grant`
 * and decided about as one conditional unit (`grant-unit.ts`); all else is gathered in `plain` and applied
 * once, before the answer leaves.
 */
export interface RequestWrites {
  readonly plain: PayloadUnit;
  grant: PayloadUnit | undefined;
  /** Keys of refresh tokens found consumed within grace: their `consume` leaves by `SameAnswer`. */
  readonly answered: Set<string>;
  /** An error of ours (throttled, database busy) that passed through the library, which answers 500 to it. */
  failure: PosternError | undefined;
}

export const newUnit = (): PayloadUnit => ({ put: new Map(), kill: new Set(), notes: [] });

const isEmpty = (unit: PayloadUnit) => unit.put.size === 0 && unit.kill.size === 0 && unit.notes.length === 0;

export interface UnitsOfWork {
  /** The writes of the request the library is serving now; none on pages of our own. */
  current(): RequestWrites | undefined;
  of(ctx: object): RequestWrites | undefined;
  /** Goes around the library: applies the request's plain writes before the answer leaves. */
  middleware: Middleware;
}

export function createUnitsOfWork(store: PayloadStore): UnitsOfWork {
  const writesOf = new WeakMap<object, RequestWrites>();

  async function settle(ctx: ParameterizedContext, writes: RequestWrites): Promise<void> {
    try {
      if (writes.failure) throw writes.failure;
      // A plain unit has no guards, so it cannot be refused, only fail.
      if (!isEmpty(writes.plain)) await store.apply(writes.plain);
    } catch (error) {
      // A renewed session id that was not saved would cost the browser the session it has.
      ctx.remove('Set-Cookie');
      throw error;
    }
  }

  return {
    current: () => {
      const ctx = Provider.ctx;
      return ctx && writesOf.get(ctx);
    },
    of: (ctx) => writesOf.get(ctx),
    async middleware(ctx, next) {
      const writes: RequestWrites = {
        plain: newUnit(),
        grant: undefined,
        answered: new Set(),
        failure: undefined,
      };
      writesOf.set(ctx, writes);
      await next();
      await settle(ctx, writes);
    },
  };
}
