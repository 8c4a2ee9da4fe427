import type { Modules } from './modules.js';
import type { ServiceUser } from './profile.js';
import { EXTENSION_LIMIT_MS, type Timer, within } from './time-limit.js';

/** Code of the operator's that is told of people; what it does wrong never stands in a login's way. */
export interface Extensions {
  /** The user as the extensions left it. */
  newUser(user: ServiceUser): Promise<ServiceUser>;
  userLogin(user: ServiceUser): Promise<void>;
  userLogout(user: ServiceUser): Promise<void>;
}

/** Our name of a hook, and the original's. */
const HOOKS = {
  newUser: ['onNewUser', 'on_new_user'],
  userLogin: ['onUserLogin', 'on_user_login'],
  userLogout: ['onUserLogout', 'on_user_logout'],
} as const;

export function createExtensions(deps: {
  /** Names of `INSTALLED_EXTENSIONS`, called in this order. */
  readonly names: readonly string[];
  readonly modules: Modules;
  readonly timer: Timer;
  readonly log: { warn(fields: object, message: string): void };
}): Extensions {
  const { names, modules, timer, log } = deps;

  /** Each gets a copy of its own, so that nothing changes after its time is over. */
  async function tell(hook: keyof typeof HOOKS, user: ServiceUser): Promise<ServiceUser> {
    let current = user;
    for (const name of names) {
      const copy = { ...current };
      try {
        const answer = await within(EXTENSION_LIMIT_MS, timer, async () =>
          (await modules.load(name))?.find(...HOOKS[hook])?.(copy),
        );
        current = { ...copy, ...(isObject(answer) ? answer : {}) };
      } catch (err) {
        log.warn({ err, extension: name, hook: HOOKS[hook][0] }, 'an extension failed');
      }
    }
    return current;
  }

  return {
    newUser: (user) => tell('newUser', user),
    async userLogin(user) {
      await tell('userLogin', user);
    },
    async userLogout(user) {
      await tell('userLogout', user);
    },
  };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
