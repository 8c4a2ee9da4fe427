import type { Audit } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { Step } from '../platform/database/database.js';
import type { UpstreamRoleStore } from '../stores/upstream-role-store.js';
import type { UpstreamIdentity } from './connector.js';
import { givenRoles } from './groups-to-roles.js';
import type { Group } from './handlers.js';
import { textsAt } from './texts-at.js';
import type { Upstream } from './upstream.js';

/** Groups of an upstream → roles here. */
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
  /** Once a session has ended: the account's roles go of whose upstream no session is alive. */
  sweep(accountId: string): Promise<void>;
  /** The same for all accounts, of grants older than a login takes; for the job that prunes. */
  prune(): Promise<number>;
}

interface Dependencies {
  readonly store: UpstreamRoleStore;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** A login has its roles before it has its session. */
const LOGIN_MS = 10 * 60_000;

export function createGroupRoles({ store, audit, clock }: Dependencies): GroupRoles {
  const note = (event: string, accountId: string, upstreamId: string, role: string): Step =>
    audit.step({
      event,
      outcome: 'success',
      actorId: `upstream:${upstreamId}`,
      accountId,
      detail: { role },
    });

  return {
    async sync(accountId, upstream, identity, spoken) {
      const { id, rolesClaim } = upstream;
      const claimed = rolesClaim === undefined ? [] : textsAt(identity.claims, rolesClaim);
      const wanted = givenRoles(
        upstream,
        spoken ?? claimed.map((group) => ({ id: group })),
        spoken !== undefined,
      );
      const held = await store.held(accountId, id);
      // Who has none and gets none costs one read.
      if (wanted.length === 0 && held.length === 0) return;
      const foreign = await store.foreign(
        wanted.flatMap(({ role, mapped }) => (mapped ? [] : [role])),
        id,
      );
      const given = wanted.filter(({ role, mapped }) => mapped || !foreign.has(role));
      const names = given.map(({ role }) => role);
      await store.replace({ accountId, upstreamId: id, at: clock.now() }, given, [
        ...names
          .filter((role) => !held.includes(role))
          .map((role) => note('account.role_granted', accountId, id, role)),
        ...held
          .filter((role) => !names.includes(role))
          .map((role) => note('account.role_revoked', accountId, id, role)),
      ]);
    },
    forgetSteps: (accountId, upstreamId) => [store.removeStep(accountId, upstreamId)],
    async sweep(accountId) {
      const now = clock.now();
      await store.sweep({ accountId, now, grantedBefore: now });
    },
    prune() {
      const now = clock.now();
      return store.sweep({ now, grantedBefore: now - LOGIN_MS });
    },
  };
}
