import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { UpstreamSessionStore } from '../stores/upstream-session-store.js';
import { type BackchannelLogout, createBackchannelLogout } from './backchannel-logout.js';
import type { ConnectorOf } from './connector.js';
import type { Upstreams } from './doors.js';
import type { EndBegunSession } from './end-begun-session.js';
import type { GroupRoles } from './group-roles.js';
import type { UpstreamSessions } from './upstream-sessions.js';
import { createUpstreamSignOut, type UpstreamSignOut } from './upstream-sign-out.js';

/** How sessions that began at an upstream end: here first, or there first. */
export interface UpstreamEndings {
  readonly signOut: UpstreamSignOut;
  readonly backchannel: BackchannelLogout;
}

interface Dependencies {
  readonly upstreams: Upstreams;
  readonly connectorOf: ConnectorOf;
  readonly sessions: Pick<UpstreamSessions, 'of'>;
  readonly store: UpstreamSessionStore;
  readonly payloads: Pick<PayloadStore, 'find' | 'once'>;
  readonly endSession: EndBegunSession;
  readonly groupRoles: GroupRoles;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}

export function createUpstreamEndings(deps: Dependencies): UpstreamEndings {
  return {
    signOut: createUpstreamSignOut({ ...deps, findUpstream: deps.upstreams.find }),
    backchannel: createBackchannelLogout({ ...deps, upstreams: deps.upstreams.list }),
  };
}
