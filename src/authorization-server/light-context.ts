import type { Provider } from 'oidc-provider';
import als from 'oidc-provider/lib/helpers/als.js';
import Router from 'oidc-provider/lib/helpers/router.js';
import type { Step } from './library-steps.js';

/**
 * The library gives every request its `ctx.oidc` as an accessor with a function of its own. For that V8 makes
 * a dictionary of the whole context, and what hangs on such contexts outlives one collection after another:
 * that was a fifth of the time of an introspection. The same object as a plain member costs nothing.
 */

const NAME = 'ensureOIDC';
const METHODS = ['get', 'post', 'put', 'delete', 'options'] as const;

/** The provider whose routes are being registered, known only once it is made. */
let making: { provider?: Provider } | undefined;

const lightContext =
  (of: { provider?: Provider }): Step =>
  (ctx, next) => {
    const { OIDCContext } = of.provider as Provider;
    Object.assign(ctx, { oidc: new OIDCContext(ctx as never) });
    return als.run(ctx, next);
  };

for (const method of METHODS) {
  const register = Router.prototype[method];
  Router.prototype[method] = function (this: Router, name: string, path: string, ...steps: Step[]) {
    const of = making;
    if (of === undefined) return register.call(this, name, path, ...steps);
    if (steps[0]?.name !== NAME) throw new Error(`oidc-provider no longer begins its routes with ${NAME}`);
    return register.call(this, name, path, lightContext(of), ...steps.slice(1));
  };
}

/** @param make makes a provider, which gets such contexts; others of the process keep the library's */
export function withLightContext<P extends Provider>(make: () => P): P {
  const of: { provider?: Provider } = {};
  making = of;
  try {
    const provider = make();
    of.provider = provider;
    return provider;
  } finally {
    making = undefined;
  }
}
