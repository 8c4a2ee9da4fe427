import type { ParameterizedContext } from 'koa';
import { Provider } from 'oidc-provider';
import { type PosternError, Unavailable } from '../platform/errors/errors.js';
import type { MaybeLater } from '../platform/database/maybe-later.js';
import type { Company, OnceRow, PayloadStore, PayloadUnit } from '../stores/payload-store.js';
import type { Attendant } from './lanes.js';

/**
 * What one request of the library writes: nothing at once, so that what belongs together is there together.
 *
 * `grant`       what a grant handler writes while it runs: codes used up, tokens made. One conditional unit, applied
 *               when the handler has ended (`grant-unit.ts`): of two that use the same code one is refused.
 * `once`        one row that must be new (a nonce, an assertion). First of what `settle` applies.
 * `plain`       all else: sessions, Grants, interactions, tombstones, audit notes. Nothing in it can be refused.
 * `afterwards`  what others are told of the above, and what is asked once it is there.
 *
 * The last three are applied by `settle`, after the library has answered and before the answer leaves; where one
 * fails, the answer is an error and sets no cookie.
 */
export class RequestWrites {
  grant: PayloadUnit | undefined;
  /** Keys of refresh tokens found consumed within grace: their `consume` leaves by `SameAnswer`. */
  readonly answered: string[] = [];
  /** An error of ours (throttled, database busy) that passed through the library, which answers 500 to it. */
  failure: PosternError | undefined;
  session: ReadSession | undefined;
  /** A row that may be there once only: where another request was first, nothing of this one is written. */
  once: { readonly row: OnceRow; readonly refusal: () => PosternError } | undefined;
  /** Made when they are wanted: most requests of programs write nothing here, and nobody is told. */
  #afterwards: (() => Promise<void>)[] | undefined;
  /** Read with the token this request is about, and not asked for yet. */
  company: Partial<Company> = {};
  #plain: PayloadUnit | undefined;

  get plain(): PayloadUnit {
    this.#plain ??= newUnit();
    return this.#plain;
  }

  get hasPlain(): boolean {
    return this.#plain !== undefined && !isEmpty(this.#plain);
  }

  /** The keys of the Grants that are to be written. */
  get grantsPut(): string[] {
    const put = this.#plain === undefined ? [] : [...this.#plain.put];
    return put.flatMap(([key, row]) => (row?.kind === 'Grant' ? [key] : []));
  }

  /** Done once what the request writes is there. */
  afterwards(work: () => Promise<void>): void {
    this.#afterwards ??= [];
    this.#afterwards.push(work);
  }

  async tellAfterwards(): Promise<void> {
    for (const work of this.#afterwards ?? []) await work();
  }

  /** Whether anything is to be done before the answer leaves. */
  get hasWork(): boolean {
    return (
      this.failure !== undefined || this.once !== undefined || this.hasPlain || this.#afterwards !== undefined
    );
  }
}

/** A session as a request has read it, by the id in the browser's cookie. */
export interface ReadSession {
  readonly key: string;
  /**
   * What it says, as JSON, since the library changes the objects it was given: all its members but `exp`, `iat`,
   * `kind` and `jti`.
   */
  readonly content: string;
  readonly expiresAt: number;
  readonly retired: boolean;
}

export const newUnit = (): PayloadUnit => ({
  put: new Map(),
  kill: new Set(),
  retire: new Set(),
  end: new Set(),
  notes: [],
});

const isEmpty = ({ put, kill, retire, end, notes }: PayloadUnit) =>
  put.size + kill.size + retire.size + end.size + notes.length === 0;

export interface UnitsOfWork {
  /** The writes of the request the library is serving now; none on pages of our own. */
  current(): RequestWrites | undefined;
  of(ctx: object): RequestWrites | undefined;
  /** Adds to the unit of the request; on pages of our own it is done at once. */
  write(change: (unit: PayloadUnit) => void): Promise<void>;
  /**
   * A read for the library, which asks on after a read that failed, the session above all. Who has waited for
   * the database in vain once in a request does not wait again.
   * @throws {Unavailable}
   */
  reading<T>(read: () => MaybeLater<T>): MaybeLater<T>;
  /** Applies the request's plain writes before the answer leaves. */
  readonly attendant: Attendant;
}

export function createUnitsOfWork(store: PayloadStore): UnitsOfWork {
  // On the request itself: a WeakMap that grows and shrinks with every request keeps the collector busy.
  const own = Symbol('writes');
  type Carrier = { [own]?: RequestWrites };
  const of = (ctx: object): RequestWrites | undefined => (ctx as Carrier)[own];

  async function settle(ctx: ParameterizedContext, writes: RequestWrites): Promise<void> {
    try {
      if (writes.failure) throw writes.failure;
      const { once } = writes;
      if (once && !(await store.once(once.row))) throw once.refusal();
      // A plain unit has no guards, so it cannot be refused, only fail.
      if (writes.hasPlain) await store.apply(writes.plain);
      await writes.tellAfterwards();
    } catch (error) {
      // A renewed session id that was not saved would cost the browser the session it has.
      ctx.remove('Set-Cookie');
      throw error;
    }
  }

  function current(): RequestWrites | undefined {
    const ctx = Provider.ctx;
    return ctx && of(ctx);
  }

  return {
    current,
    of,
    async write(change) {
      const writes = current();
      if (writes) return change(writes.grant ?? writes.plain);
      const unit = newUnit();
      change(unit);
      await store.apply(unit);
    },
    reading(read) {
      const writes = current();
      if (writes?.failure instanceof Unavailable) throw writes.failure;
      function failed(error: unknown): never {
        if (writes && error instanceof Unavailable) writes.failure = error;
        throw error;
      }
      try {
        const found = read();
        return found instanceof Promise ? found.catch(failed) : found;
      } catch (error) {
        return failed(error);
      }
    },
    attendant: {
      before(ctx) {
        (ctx as object as Carrier)[own] = new RequestWrites();
      },
      after(ctx) {
        const writes = of(ctx);
        return writes?.hasWork ? settle(ctx, writes) : undefined;
      },
    },
  };
}
