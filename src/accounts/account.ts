/**
 * The resource owner (RFC 6749 §1.1): who a person is, how one is made, proven, changed and shut out.
 * `register.ts` makes accounts, `authenticate.ts` is the only way to prove one with a password,
 * `passwords.ts` holds the hashing and the rules. Nothing here knows HTTP, SQL or oidc-provider.
 */
export interface Account {
  /** Opaque and stable: the `sub` of every token. */
  readonly id: string;
  /** As the person wrote it (NFKC, trimmed); unique by `usernameKey`. */
  readonly username: string;
  readonly displayName?: string | undefined;
  readonly givenName?: string | undefined;
  readonly familyName?: string | undefined;
  readonly email?: string | undefined;
  readonly emailVerified: boolean;
  readonly picture?: string | undefined;
  readonly locale?: string | undefined;
  readonly disabled: boolean;
  readonly mustChangePassword: boolean;
  readonly roles: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Asked to be deleted then; until then the person may change their mind. */
  readonly deleteAt?: number | undefined;
  /** Rises whenever all access ends or the password is set: a proof made under a former one is void. */
  readonly accessEpoch: number;
}

/**
 * As whom somebody was proven, and as of when: it is worth nothing once another epoch has begun. What gives a proof
 * carries it from where the password was compared to where the session is written.
 */
export type Proven = Pick<Account, 'id' | 'accessEpoch'>;

/** The standard claims (OIDC Core §5.1) we hold, plus `roles`. Absent is left out, never null. */
export interface AccountClaims {
  sub: string;
  name?: string;
  preferred_username: string;
  given_name?: string;
  family_name?: string;
  picture?: string;
  locale?: string;
  /** Seconds since the epoch. */
  updated_at: number;
  email?: string;
  email_verified?: boolean;
  roles: readonly string[];
  [claim: string]: unknown;
}

/** Everything we could say of an account; the scopes granted decide what is said. */
export function toClaims(account: Account): AccountClaims {
  const claims: AccountClaims = {
    sub: account.id,
    name: account.displayName ?? fullName(account) ?? account.username,
    preferred_username: account.username,
    updated_at: Math.floor(account.updatedAt / 1000),
    roles: [...account.roles],
  };
  if (account.givenName !== undefined) claims.given_name = account.givenName;
  if (account.familyName !== undefined) claims.family_name = account.familyName;
  if (account.picture !== undefined) claims.picture = account.picture;
  if (account.locale !== undefined) claims.locale = account.locale;
  if (account.email !== undefined) {
    claims.email = account.email;
    claims.email_verified = account.emailVerified;
  }
  return claims;
}

function fullName({ givenName, familyName }: Account): string | undefined {
  return [givenName, familyName].filter((part) => part !== undefined).join(' ') || undefined;
}
