import compose from 'koa-compose';
import type { Context, Middleware } from 'koa';

/**
 * Most of what stands around the library is there for browsers: resumed requests, forms, cookies, other
 * spellings of an address. Programs ask a few exact addresses, all the time; each of those has a lane with
 * what concerns it and nothing else. The wide way is right for every address, a lane is the same but shorter.
 */
export interface Lanes {
  readonly middleware: Middleware;
  /** The step for paths that have a lane; requests for others pass it by. */
  onLanes(step: Middleware): Middleware;
}

/** Stands around the library, with something to do before it is asked or once it has answered. */
export interface Attendant {
  before?(ctx: Context): void;
  after(ctx: Context): Promise<void> | void;
}

/**
 * Attendants as one step, the outermost first: as steps each would cost every request promises of its own.
 * Where one of them or the library throws, what would come after is left out.
 */
export function attended(attendants: readonly Attendant[]): Middleware {
  const inwards = attendants.filter(({ before }) => before !== undefined);
  const outwards = attendants.toReversed();
  return async (ctx, next) => {
    for (const attendant of inwards) attendant.before?.(ctx as Context);
    await next();
    for (const attendant of outwards) {
      const work = attendant.after(ctx as Context);
      if (work) await work;
    }
  };
}

/** What a request passes through, in order. The library's types and Koa's differ in their contexts. */
export type Chain = readonly unknown[];

const joined = (chain: Chain): Middleware => compose<Context>(chain as never) as unknown as Middleware;

export function createLanes(
  wide: Chain,
  lanes: readonly (readonly [paths: Iterable<string>, Chain])[],
): Lanes {
  const elsewhere = joined(wide);
  const byPath = new Map<string, Middleware>();
  for (const [paths, chain] of lanes) {
    const lane = joined(chain);
    for (const path of paths) byPath.set(path, lane);
  }
  return {
    middleware: (ctx, next) => (byPath.get(ctx.path) ?? elsewhere)(ctx, next),
    onLanes: (step) => (ctx, next) => (byPath.has(ctx.path) ? step(ctx, next) : next()),
  };
}
