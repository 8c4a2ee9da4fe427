import type { Provider } from 'oidc-provider';
import snakeCase from 'oidc-provider/lib/helpers/_/snake_case.js';

interface Saved {
  readonly kind: string;
  readonly jti: string;
  readonly iat?: number;
  readonly exp?: number;
  readonly expiration?: number;
  readonly constructor: { readonly IN_PAYLOAD: readonly string[] };
}

/** By class, since the list is put together anew whenever it is asked for. */
const members = new WeakMap<object, ReadonlySet<string>>();

function membersOf(model: Saved['constructor']): ReadonlySet<string> {
  const known = members.get(model) ?? new Set(model.IN_PAYLOAD);
  members.set(model, known);
  return known;
}

/**
 * What the library makes of a model to save it, member for member and in its order. It copies them twice by
 * `defineProperty`, within two promises: the dearest thing it does itself in a login.
 */
function getValueAndPayload(this: Saved) {
  const now = Math.floor(Date.now() / 1000);
  const exp = this.exp || now + (this.expiration ?? Number.NaN);
  const iat = this.iat || now;
  const payload: Record<string, unknown> = exp ? { iat, exp } : { iat };
  const saved = membersOf(this.constructor);
  for (const [name, value] of Object.entries(this)) {
    if (value !== undefined && saved.has(name)) payload[name] = value;
  }
  return { value: this.jti, payload };
}

/**
 * Access tokens have formats; an opaque one is saved as every other model is, since `extraTokenClaims` is not
 * configured here.
 */
const unlessOpaque = (original: () => unknown) =>
  function ofToken(this: Saved & { readonly format: string }): unknown {
    return this.format === 'opaque' ? getValueAndPayload.call(this) : original.call(this);
  };

/** `access_token.saved` and the like: the library makes the name anew, by a pattern, for every model. */
function emitter(provider: Provider) {
  const names = new Map<string, string>();
  return function emit(this: Saved, what: string): void {
    const ours = `${this.kind}.${what}`;
    const name = names.get(ours) ?? `${snakeCase(this.kind)}.${what}`;
    names.set(ours, name);
    provider.emit(name, this);
  };
}

/** @throws {Error} where the library no longer saves its models so: then this file is to be read again */
export function useCheapModels(provider: Provider): void {
  let base: object | null = provider.Session.prototype;
  while (base !== null && !Object.hasOwn(base, 'getValueAndPayload')) base = Object.getPrototypeOf(base);
  if (base?.constructor.name !== 'BaseModel' || !Object.hasOwn(base, 'emit'))
    throw new Error('oidc-provider no longer saves sessions as it did');
  Object.assign(base, { getValueAndPayload, emit: emitter(provider) });
  for (const { prototype } of [provider.AccessToken, provider.ClientCredentials]) {
    const own = prototype as unknown as { getValueAndPayload(): unknown };
    if (!Object.hasOwn(own, 'getValueAndPayload'))
      throw new Error('oidc-provider no longer saves tokens as it did');
    own.getValueAndPayload = unlessOpaque(own.getValueAndPayload);
  }
}
