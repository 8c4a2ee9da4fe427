import type { Account } from '../accounts/account.js';
import type { PermissionProfile } from './profile.js';
import type { Profiles } from './profiles.js';
import type { Bearer, UserTokens } from './user-tokens.js';

/** Somebody who sent a user token, as far as there is still somebody. */
export interface Visitor {
  readonly account: Account;
  readonly profile: PermissionProfile;
  readonly bearer: Bearer;
}

/** Why a token opens nothing, in the original's words. */
export type NoVisitor = 'No token' | 'Not authenticated' | 'Unknown User';

export type FindVisitor = (token: string | undefined) => Promise<Visitor | NoVisitor>;

export function createFindVisitor(deps: {
  readonly tokens: Pick<UserTokens, 'findBearer'>;
  readonly profiles: Pick<Profiles, 'findByAccount'>;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
}): FindVisitor {
  return async (token) => {
    if (token === undefined) return 'No token';
    const bearer = await deps.tokens.findBearer(token);
    if (bearer === undefined) return 'Not authenticated';
    const [account, profile] = await Promise.all([
      deps.findAccount(bearer.accountId),
      deps.profiles.findByAccount(bearer.accountId),
    ]);
    // What ends an account's access takes hold here, whatever the token says.
    if (!account || account.disabled || !profile) return 'Unknown User';
    return { account, profile, bearer };
  };
}
