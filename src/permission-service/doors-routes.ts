import type Router from '@koa/router';
import type { Account } from '../accounts/account.js';
import type { Config } from '../platform/config/config.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { MaybeLater } from '../platform/database/maybe-later.js';
import { createThrottle, type ThrottleTable } from '../platform/throttle/throttle.js';
import { ownOrigins } from '../platform/web/leads-on.js';
import type { Web } from '../platform/web/web.js';
import type { DoorEnd, LoginDoors, Upstreams } from '../relying-party/doors.js';
import { createBeginnings, createPermissionDoor, createPermissionDoorRoutes } from './door-routes.js';
import type { PermissionService } from './permission-service.js';
import { createPermissionRoutes, LOOKUPS_BY_ADDRESS } from './routes.js';

export interface PermissionDoorsDeps {
  readonly config: Config;
  readonly permissionService: PermissionService;
  readonly upstreams: Pick<Upstreams, 'visible'>;
  /** Made of the ends of all doors, this one's too: asked for once a request is there. */
  readonly doors: () => LoginDoors;
  readonly accounts: { findById(id: string): MaybeLater<Account | undefined> };
  readonly throttles: ThrottleTable;
  readonly web: Pick<Web, 'requestInfo'>;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}

/** Every address of the permission service, and the end of a login that began at its door. */
export function createPermissionDoors(deps: PermissionDoorsDeps): {
  readonly routers: Readonly<Record<string, Router>>;
  readonly end: DoorEnd;
} {
  const { config, permissionService, upstreams, doors, accounts, throttles, clock, log } = deps;
  const { base, delivery, profileLookups } = config.permissions;
  const { requestInfo } = deps.web;
  const own = ownOrigins(config.issuer, config.http.acceptedHosts);
  const returns = { origins: config.allowedOrigins, base, own };
  return {
    routers: {
      'permission service': createPermissionRoutes({
        ...permissionService,
        allowedOrigins: config.allowedOrigins,
        profileLookups,
        lookups: createThrottle({ store: throttles, clock }, LOOKUPS_BY_ADDRESS),
        findAccount: async (id) => accounts.findById(id),
        beginnings: createBeginnings({ base, returns, upstreams }),
        requestInfo,
      }),
      'permission service (sign-in)': createPermissionDoorRoutes({ doors, upstreams, returns }),
    },
    end: createPermissionDoor({ delivery, returns, signIn: permissionService.signIn, requestInfo, log }),
  };
}
