import type { Provider } from 'oidc-provider';
import als from 'oidc-provider/lib/helpers/als.js';
import Router from 'oidc-provider/lib/helpers/router.js';
import { isProgram } from './cors.js';
import type { Step } from './library-steps.js';

/**
 * Two things the library puts around every endpoint, made lighter where nobody can see the difference. They are
 * found where it registers its routes, by what they are called or say.
 */

const METHODS = ['get', 'post', 'put', 'delete', 'options'] as const;
const CONTEXT = 'ensureOIDC';
const CORS = "startsWith('access-control-')";
/** Of the endpoints a page may ask. */
const FOR_PAGES: ReadonlySet<string> = new Set(['userinfo', 'token', 'revocation', 'introspection']);

/** Where a provider will be found that does not exist yet while its routes are registered. */
interface Slot {
  provider?: Provider;
  /** The names of its routes. */
  readonly seen: Set<string>;
}
/** Of the provider that is being made. */
let slot: Slot | undefined;

/**
 * The library gives every request its `ctx.oidc` as an accessor with a function of its own. For that V8 makes
 * a dictionary of the whole context, and what hangs on such contexts outlives one collection after another:
 * a fifth of the time of an introspection. The same object as a plain member costs nothing.
 */
const plainMember =
  (of: Slot): Step =>
  (ctx, next) => {
    const { OIDCContext } = of.provider as Provider;
    Object.assign(ctx, { oidc: new OIDCContext(ctx as never) });
    return als.run(ctx, next);
  };

/** What the library says to every program as to a page of any origin, `cors.ts` would take away again. */
const forPages =
  (cors: Step): Step =>
  (ctx, next) =>
    isProgram(ctx) ? next() : cors(ctx, next);

/** @throws {Error} where the library registers its routes in another way: then this file is to be read again */
function lighter(of: Slot, name: string, steps: readonly Step[]): Step[] {
  const [context, ...rest] = steps;
  of.seen.add(name);
  if (context?.name !== CONTEXT) throw new Error(`oidc-provider no longer begins its routes with ${CONTEXT}`);
  const isCors = (step: Step) => step.name === '' && step.toString().includes(CORS);
  if (FOR_PAGES.has(name) && !rest.some(isCors)) throw new Error(`oidc-provider: no CORS step at ${name}`);
  return [plainMember(of), ...rest.map((step) => (isCors(step) ? forPages(step) : step))];
}

for (const method of METHODS) {
  const register = Router.prototype[method];
  Router.prototype[method] = function (this: Router, name: string, path: string, ...steps: Step[]) {
    return register.call(this, name, path, ...(slot ? lighter(slot, name, steps) : steps));
  };
}

/**
 * @param make makes a provider, which gets such routes; others of the process keep the library's
 * @throws {Error} as `lighter`, also where the library registers its routes elsewhere
 */
export function withCheapRoutes<P extends Provider>(make: () => P): P {
  const of: Slot = { seen: new Set() };
  slot = of;
  try {
    const provider = make();
    of.provider = provider;
    const missed = [...FOR_PAGES].find((name) => !of.seen.has(name));
    if (missed !== undefined) throw new Error(`oidc-provider registered no route ${missed} here`);
    return provider;
  } finally {
    slot = undefined;
  }
}
