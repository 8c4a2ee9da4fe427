import type { Profiles } from './profiles.js';
import type { Services } from './services.js';

/** What the permission service holds of an account, for the person it is about. */
export async function exportOf(
  { profiles, services }: { readonly profiles: Profiles; readonly services: Services },
  accountId: string,
): Promise<object> {
  const [profile, grants] = await Promise.all([profiles.findByAccount(accountId), services.listGrants()]);
  return {
    userId: profile?.userId,
    username: profile?.username,
    usernameChosen: profile?.chosen,
    name: profile?.name,
    avatarUrl: profile?.avatarUrl,
    providerId: profile?.providerId,
    since: profile && new Date(profile.createdAt).toISOString(),
    permissions: grants
      .filter(({ grantee }) => grantee.kind === 'account' && grantee.accountId === accountId)
      .map(({ service, permission }) => ({ service, permission })),
  };
}
