import type { KoaContextWithOIDC } from 'oidc-provider';
import token from 'oidc-provider/lib/actions/token.js';
import Params from 'oidc-provider/lib/helpers/params.js';
import internalsOf from 'oidc-provider/lib/helpers/weak_cache.js';
import { getClientAuthParams } from 'oidc-provider/lib/shared/client_auth.js';
import { replaceStep, type Step } from './library-steps.js';

/**
 * The parameters of a token request. The library puts together a list of all that any grant knows, makes an object
 * of them, deletes what this grant does not know, for which V8 makes a dictionary of it, and looks three times
 * whether one was given twice. Where the grant is known and none was given twice, the same comes of one pass.
 */

/** Of a grant that is offered: those it knows and those a client authenticates with, each given once at most. */
class GrantParams extends Params {}

/** Of each provider's grants; the sets are the library's, made when a grant is registered. */
const names = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>();

function namesOf(ctx: KoaContextWithOIDC, grantType: unknown): ReadonlySet<string> | undefined {
  const ofGrant = internalsOf(ctx.oidc.provider).grantTypeParams.get(grantType);
  // Under `undefined` the library keeps those of all grants.
  if (ofGrant === undefined || grantType === undefined) return undefined;
  const known = names.get(ofGrant) ?? new Set([...ofGrant, ...getClientAuthParams(ctx)]);
  names.set(ofGrant, known);
  return known;
}

const eachOnce = (body: object): boolean => !Object.values(body).some(Array.isArray);

const assemble =
  (original: Step): Step =>
  (ctx, next) => {
    const { oidc } = ctx;
    const body = oidc.body as Record<string, unknown> | undefined;
    const known = body && eachOnce(body) ? namesOf(ctx, body.grant_type) : undefined;
    if (body === undefined || known === undefined) return original(ctx, next);
    Object.assign(oidc, { params: new GrantParams(known, body) });
    return next();
  };

const isDone = ({ oidc }: KoaContextWithOIDC): boolean => (oidc.params as unknown) instanceof GrantParams;

const unlessDone =
  (original: Step): Step =>
  (ctx, next) =>
    isDone(ctx) ? next() : original(ctx, next);

replaceStep(token, 'assembleTokenParams', assemble);
for (const name of [
  'rejectClientAuthDupes',
  'bound rejectDupes',
  'stripGrantIrrelevantParams',
  'rejectDupesOptionalExcept',
]) {
  replaceStep(token, name, unlessDone);
}
