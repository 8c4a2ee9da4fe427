import type { AllowedService } from '../platform/config/permission-settings.js';
import type { Modules } from './modules.js';
import type { ServiceUser } from './profile.js';
import { EXTENSION_LIMIT_MS, type Timer, within } from './time-limit.js';

/** Name of a permission → `true`, or whatever a provider of the operator's says of it. */
export type Permissions = Readonly<Record<string, unknown>>;

/** For whom is asked. */
export interface Asker {
  readonly accountId: string;
  readonly user: ServiceUser;
  readonly roles: readonly string[];
}

/** `undefined`: nobody here knows the service. */
export type FindPermissions = (service: string, asker: Asker) => Promise<Permissions | undefined>;

/** The tables: `undefined` for a service that is not in them. */
export type GrantedPermissions = (
  service: string,
  accountId: string,
) => Promise<readonly string[] | undefined>;

/** Far more than a token should carry. */
const MAX_JSON = 16_384;

/**
 * What somebody may do in a service: what is granted in our tables, and what the module says that
 * `ALLOWED_SERVICES` names for it, whose word wins where both speak of one permission.
 */
export function createPermissionProviders(deps: {
  readonly services: readonly AllowedService[];
  readonly granted: GrantedPermissions;
  readonly modules: Modules;
  readonly timer: Timer;
  readonly log: { warn(fields: object, message: string): void };
}): FindPermissions {
  const { services, granted, modules, timer, log } = deps;

  async function ask(name: string, service: string, { user, roles }: Asker): Promise<Permissions> {
    try {
      return await within(EXTENSION_LIMIT_MS, timer, async () => {
        const call = (await modules.load(name))?.find('getPermissions', 'get_permissions');
        if (call === undefined) throw new TypeError('has no getPermissions');
        return plainObject(await call(service, user.id, { ...user, roles: [...roles] }));
      });
    } catch (err) {
      log.warn({ err, extension: name, service, hook: 'getPermissions' }, 'an extension failed');
      return {};
    }
  }

  return async (service, asker) => {
    const named = services.find(({ name }) => name === service);
    const own = await granted(service, asker.accountId);
    if (named === undefined && own === undefined) return undefined;
    const byTables = Object.fromEntries((own ?? []).map((permission) => [permission, true]));
    return { ...byTables, ...(named ? await ask(named.module, service, asker) : {}) };
  };
}

/** As it will stand in the token. @throws where it is no object, or far too large */
function plainObject(value: unknown): Permissions {
  const text = JSON.stringify(value) ?? '';
  if (text.length > MAX_JSON) throw new TypeError(`answered more than ${MAX_JSON} characters`);
  const plain: unknown = text === '' ? undefined : JSON.parse(text);
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) {
    throw new TypeError('answered something that is not an object of permissions');
  }
  return plain as Permissions;
}
