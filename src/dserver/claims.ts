import type { JWTPayload } from 'jose';
import type { Account } from '../accounts/account.js';
import { BACKDATED_SECONDS } from '../keys/dserver-key.js';
import { type NamedIdentity, providerUserId } from './upstream-name.js';

/** What a token says of the person, besides the name. */
export interface Facts {
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  readonly permissions: readonly string[];
  /** Of a sign-in in a browser. */
  readonly provider?: string | undefined;
  readonly provider_user_id?: string | undefined;
}

/** Seconds since the epoch. */
export interface Times {
  readonly now: number;
  /** Absent: for ever. */
  readonly lifetime?: number | undefined;
}

/** The claims of the originals, with `jti`, `type` and `fresh`, which dserver's own library knows. */
export function tokenClaims(
  settings: { readonly issuer: string; readonly audience: string },
  { subject, jti, facts }: { readonly subject: string; readonly jti: string; readonly facts: Facts },
  { now, lifetime }: Times,
): JWTPayload {
  const at = Math.floor(now) - BACKDATED_SECONDS;
  const { email, name, permissions, provider, provider_user_id } = facts;
  return {
    iss: settings.issuer,
    aud: settings.audience,
    sub: subject,
    username: subject,
    iat: at,
    nbf: at,
    ...(lifetime === undefined ? {} : { exp: at + lifetime }),
    jti,
    type: 'access',
    fresh: false,
    ...(email ? { email } : {}),
    ...(name ? { name } : {}),
    ...(permissions.length > 0 ? { permissions: [...permissions] } : {}),
    ...(provider === undefined ? {} : { provider }),
    ...(provider_user_id === undefined ? {} : { provider_user_id }),
  };
}

const joined = (...parts: readonly (string | undefined)[]): string | undefined =>
  parts.filter((part) => part).join(' ') || undefined;

/** A name as a whole wins over its parts. */
export const nameOf = (person: {
  readonly displayName?: string | undefined;
  readonly givenName?: string | undefined;
  readonly familyName?: string | undefined;
}): string | undefined => person.displayName ?? joined(person.givenName, person.familyName);

/** An address typed here and never confirmed is nobody's. */
export const accountFacts = (account: Account): Pick<Facts, 'email' | 'name'> => ({
  email: account.emailVerified ? account.email : undefined,
  name: nameOf(account),
});

/** What the account says first, then what the upstream does; the address as the upstream gave it. */
export const upstreamFacts = (
  account: Account,
  identity: NamedIdentity,
  provider: string,
): Omit<Facts, 'permissions'> => ({
  email: accountFacts(account).email ?? identity.email,
  name: nameOf(account) ?? nameOf(identity),
  provider,
  provider_user_id: providerUserId(identity),
});
