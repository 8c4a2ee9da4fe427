import type { FindPermissions, Permissions } from './permission-providers.js';
import { toServiceUser } from './profile.js';
import { isServiceName } from './service.js';
import type { MintServiceToken } from './service-tokens.js';
import type { FindVisitor } from './visitors.js';

/** The answer of `/auth/authorize`: all of it, or nothing but that nothing is allowed. */
export type Authorization =
  | {
      readonly userid: string;
      readonly permissions: Permissions;
      readonly service: string;
      readonly token: string;
    }
  | { readonly permissions: Readonly<Record<string, never>> };

export type Authorize = (token: string | undefined, service: string | undefined) => Promise<Authorization>;

const NOTHING: Authorization = { permissions: {} };

export function createAuthorize(deps: {
  readonly findVisitor: FindVisitor;
  readonly findPermissions: FindPermissions;
  readonly mint: MintServiceToken;
}): Authorize {
  return async (token, service) => {
    if (service === undefined || !isServiceName(service)) return NOTHING;
    const visitor = await deps.findVisitor(token);
    if (typeof visitor === 'string') return NOTHING;
    const { account, profile } = visitor;
    const user = toServiceUser(profile, account);
    const permissions = await deps.findPermissions(service, {
      accountId: account.id,
      user,
      roles: account.roles,
    });
    if (permissions === undefined) return NOTHING;
    const content = { userid: user.id, permissions, service };
    return { ...content, token: await deps.mint(content) };
  };
}
