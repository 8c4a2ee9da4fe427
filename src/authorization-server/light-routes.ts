import type { Provider } from 'oidc-provider';
import als from 'oidc-provider/lib/helpers/als.js';
import Router from 'oidc-provider/lib/helpers/router.js';
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

/** The provider whose routes are being registered, known only once it is made. */
interface Making {
  provider?: Provider;
}
let making: Making | undefined;

/**
 * The library gives every request its `ctx.oidc` as an accessor with a function of its own. For that V8 makes
 * a dictionary of the whole context, and what hangs on such contexts outlives one collection after another:
 * a fifth of the time of an introspection. The same object as a plain member costs nothing.
 */
const plainMember =
  (of: Making): Step =>
  (ctx, next) => {
    const { OIDCContext } = of.provider as Provider;
    Object.assign(ctx, { oidc: new OIDCContext(ctx as never) });
    return als.run(ctx, next);
  };

/** A program names no origin. What the library then says to browsers, `cors.ts` would take away again. */
const forOrigins =
  (cors: Step): Step =>
  (ctx, next) =>
    ctx.req.headers.origin === undefined && ctx.method !== 'OPTIONS' ? next() : cors(ctx, next);

/** @throws {Error} where the library registers its routes in another way: then this file is to be read again */
function lighter(of: Making, name: string, steps: readonly Step[]): Step[] {
  const [context, ...rest] = steps;
  if (context?.name !== CONTEXT) throw new Error(`oidc-provider no longer begins its routes with ${CONTEXT}`);
  const isCors = (step: Step) => step.name === '' && step.toString().includes(CORS);
  if (FOR_PAGES.has(name) && !rest.some(isCors)) throw new Error(`oidc-provider: no CORS step at ${name}`);
  return [plainMember(of), ...rest.map((step) => (isCors(step) ? forOrigins(step) : step))];
}

for (const method of METHODS) {
  const register = Router.prototype[method];
  Router.prototype[method] = function (this: Router, name: string, path: string, ...steps: Step[]) {
    return register.call(this, name, path, ...(making ? lighter(making, name, steps) : steps));
  };
}

/** @param make makes a provider, which gets such routes; others of the process keep the library's */
export function withLightRoutes<P extends Provider>(make: () => P): P {
  const of: Making = {};
  making = of;
  try {
    const provider = make();
    of.provider = provider;
    return provider;
  } finally {
    making = undefined;
  }
}
