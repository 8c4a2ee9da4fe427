/**
 * The permission service: "who is this, and what may they do in service X", for services that hold nothing but
 * a public key. A *user token* says who somebody is and opens only this service's own addresses; a *service
 * token* says for a quarter of an hour what they may do in one service. `sign-in.ts` is what happens to
 * somebody who came through an upstream, `authorize.ts` what they may, `permission-providers.ts` who decides
 * it. Nothing here knows SQL; Koa is known to `routes.ts` and `door-routes.ts`.
 */
import { createHash } from 'node:crypto';
import type { Account } from '../accounts/account.js';

/** An account as other services know it. */
export interface PermissionProfile {
  readonly accountId: string;
  /** `userid` on the wire. */
  readonly userId: string;
  /** Lower case. */
  readonly username: string;
  /** By the person, which happens once. */
  readonly chosen: boolean;
  /** What an extension put in place of the account's own. */
  readonly name?: string | undefined;
  readonly avatarUrl?: string | undefined;
  /** `google:<id>` of the latest login. */
  readonly providerId?: string | undefined;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A person as `/auth/check` answers it and as extensions get it; the members of the original's user row. */
export interface ServiceUser {
  id: string;
  provider_id: string | null;
  username: string;
  name: string | null;
  email: string | null;
  avatar_url: string | null;
  join_date: string;
  idhash: string | null;
}

/** Only proven addresses count: whoever types another's must not be found by its hash. */
export const verifiedEmail = ({ email, emailVerified }: Account): string | undefined =>
  emailVerified ? email : undefined;

/** The original's user id, and the name of a picture at Gravatar. */
export const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

export function toServiceUser(profile: PermissionProfile, account: Account): ServiceUser {
  const email = verifiedEmail(account);
  return {
    id: profile.userId,
    provider_id: profile.providerId ?? null,
    username: profile.username,
    name: profile.name ?? account.displayName ?? null,
    email: email ?? null,
    avatar_url: profile.avatarUrl ?? account.picture ?? null,
    join_date: httpDate(profile.createdAt),
    idhash: email === undefined ? null : md5(email),
  };
}

/** As Flask writes a time in JSON. */
export const httpDate = (at: number): string => new Date(at).toUTCString();
