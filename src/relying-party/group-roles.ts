import type { Step } from '../platform/database/database.js';
import type { UpstreamIdentity } from './connector.js';
import type { Group } from './handlers.js';
import type { Upstream } from './upstream.js';

/** Groups of an upstream → roles here (seed row 100). */
export interface GroupRoles {
  /**
   * Each login, once the account is settled: the account's roles of this upstream become those its groups
   * give now. Roles that people here gave are never touched.
   * @param groups what the handler said; `undefined`: the claim `rolesClaim` of the identity
   */
  sync(
    accountId: string,
    upstream: Upstream,
    identity: UpstreamIdentity,
    groups: readonly Group[] | undefined,
  ): Promise<void>;
  /** For the unit that takes an identity away. */
  forgetSteps(accountId: string, upstreamId: string): Step[];
  /** Once sessions have ended: roles go of which no session of their upstream is alive. */
  sweep(accountId?: string): Promise<void>;
}
