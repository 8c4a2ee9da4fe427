import type { RequestInfo } from '../platform/audit/audit.js';
import type { Arrival } from '../relying-party/relying-party.js';
import type { Extensions } from './extensions.js';
import { toServiceUser, verifiedEmail } from './profile.js';
import type { Profiles } from './profiles.js';
import type { UserTokens } from './user-tokens.js';

/** The user token of somebody who came through an upstream; `undefined`: shut out, or no address is proven. */
export type SignIn = (
  arrival: Pick<Arrival, 'account' | 'identity' | 'upstream'>,
  info: RequestInfo,
) => Promise<string | undefined>;

export function createSignIn(deps: {
  readonly profiles: Profiles;
  readonly extensions: Extensions;
  readonly tokens: Pick<UserTokens, 'mint'>;
}): SignIn {
  const { profiles, extensions, tokens } = deps;
  return async ({ account, identity, upstream }, info) => {
    const proven = identity.emailVerified ? identity.email : undefined;
    const email = proven ?? verifiedEmail(account);
    if (email === undefined || account.disabled) return undefined;
    const found = await profiles.ensure(account, {
      username: identity.username,
      email,
      picture: identity.picture,
      providerId: `${upstream.id}:${identity.subject}`,
    });
    let { profile } = found;
    if (found.created) {
      const fresh = toServiceUser(profile, account);
      profile = await profiles.change(profile, fresh, await extensions.newUser(fresh));
    }
    await extensions.userLogin(toServiceUser(profile, account));
    return tokens.mint({ account, userId: profile.userId }, info, { upstream: upstream.id });
  };
}
