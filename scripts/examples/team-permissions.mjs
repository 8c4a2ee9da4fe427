/**
 * A permission provider for `ALLOWED_SERVICES`, to begin one of your own from. Try it with
 *
 *   EXTENSIONS_DIR=./scripts/examples ALLOWED_SERVICES=editor:team-permissions
 *
 * It is asked each time somebody's page wants to know what they may do in the service. What it answers goes
 * into the service token; an error, or no answer within five seconds, means no permissions.
 */
const BY_DOMAIN = {
  'example.org': { read: true, write: true },
  'example.com': { read: true },
};

/**
 * @param service the name the service has in ALLOWED_SERVICES
 * @param userId what `/auth/check` calls `profile.id`
 * @param user the whole profile, with `roles`; `email` is null unless the address is proven
 */
export async function getPermissions(service, userId, user) {
  if (user.roles.includes('suspended')) return {};
  const domain = user.email?.split('@').at(-1) ?? '';
  return { ...BY_DOMAIN[domain], [`${service}-number`]: userId };
}
