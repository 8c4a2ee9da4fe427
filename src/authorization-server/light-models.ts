import type { Provider } from 'oidc-provider';

interface Saved {
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
  const payload: Record<string, unknown> = { iat: this.iat || now, ...(exp ? { exp } : {}) };
  const saved = membersOf(this.constructor);
  for (const [name, value] of Object.entries(this)) {
    if (value !== undefined && saved.has(name)) payload[name] = value;
  }
  return { value: this.jti, payload };
}

/**
 * For all models but access tokens, which have formats and a way of their own.
 * @throws {Error} where the library no longer saves its models so: then this file is to be read again
 */
export function useLightModels(provider: Provider): void {
  let base: object | null = provider.Session.prototype;
  while (base !== null && !Object.hasOwn(base, 'getValueAndPayload')) base = Object.getPrototypeOf(base);
  if (base?.constructor.name !== 'BaseModel')
    throw new Error('oidc-provider no longer saves sessions as it did');
  Object.assign(base, { getValueAndPayload });
}
