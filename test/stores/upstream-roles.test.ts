/** Groups of upstreams → roles here (seed row 100). */
import { beforeEach, expect, test } from '@jest/globals';
import { createRoles, type Roles } from '../../src/accounts/roles.js';
import { createAudit } from '../../src/platform/audit/audit.js';
import type { Database } from '../../src/platform/database/database.js';
import { createGroupRoles, type GroupRoles } from '../../src/relying-party/group-roles.js';
import type { Group } from '../../src/relying-party/handlers.js';
import { type AuditStore, createAuditStore } from '../../src/stores/audit-store.js';
import { createRoleStore } from '../../src/stores/role-store.js';
import { createUpstreamRoleStore } from '../../src/stores/upstream-role-store.js';
import { describeOnBothDatabases } from '../support/databases.js';
import { sampleUpstream } from '../support/sample-upstream.js';
import { type MovingClock, movingClock } from '../unit/accounts/fakes.js';

const ANN = 'account-ann';
const LAB = sampleUpstream({
  rolesClaim: 'realm_access.roles',
  groupRoles: { chiefs: 'admin', 'lab-staff': 'staff' },
});
const OTHER = sampleUpstream({ id: 'other' });

describeOnBothDatabases('roles of upstreams', (open) => {
  let database: Database;
  let clock: MovingClock;
  let groups: GroupRoles;
  let roles: Roles;
  let auditStore: AuditStore;

  beforeEach(async () => {
    database = await open();
    clock = movingClock();
    auditStore = createAuditStore(database);
    const audit = createAudit({ store: auditStore, clock });
    groups = createGroupRoles({ store: createUpstreamRoleStore(database), audit, clock });
    roles = createRoles({ store: createRoleStore(database), audit, clock });
  });

  const identity = (claims: object) => ({
    issuer: 'https://lab.example',
    subject: 's',
    attributes: {},
    emailVerified: false,
    claims: claims as Record<string, unknown>,
    extra: {},
  });
  const login = (spoken: readonly (Group | string)[] | undefined, claims = {}, upstream = LAB) =>
    groups.sync(
      ANN,
      upstream,
      identity(claims),
      spoken?.map((one) => (typeof one === 'string' ? { id: one } : one)),
    );
  async function held(accountId = ANN): Promise<Record<string, string>> {
    const query = database.sql('account_roles').where({ account_id: accountId }).orderBy('role');
    const rows = await database.all<{ role: string; source: string }>(query);
    return Object.fromEntries(rows.map(({ role, source }) => [role, source]));
  }
  const described = async (name: string) =>
    (await database.first<{ description: string }>(database.sql('roles').where({ name })))?.description;

  async function session(uid: string, { upstream = LAB.id, lives = 60_000 } = {}): Promise<void> {
    await database.write([
      {
        query: database.sql('upstream_sessions').insert({
          session_uid: uid,
          account_id: ANN,
          identity_id: 'i',
          upstream_id: upstream,
          issuer: LAB.issuer,
          subject: 's',
          sealed: 'x',
          created_at: clock.now(),
          expires_at: clock.now() + lives,
        }),
      },
      {
        query: database.sql('oidc_payloads').insert({
          key: `key-${uid}`,
          kind: 'Session',
          session_uid: uid,
          account_id: ANN,
          expires_at: clock.now() + lives,
          payload: '{}',
        }),
      },
    ]);
  }
  const endSession = (uid: string) =>
    database.run(
      database.sql('oidc_payloads').where({ session_uid: uid }).update({ revoked_at: clock.now() }),
    );

  test('row 100: no group makes an administrator unless the operator says so', async () => {
    await login(['admin', 'Admin', 'ADMIN', { id: 'x', name: 'admin' }]);
    expect(await held()).toEqual({ x: 'upstream:lab' });
    await login(['chiefs']);
    expect(await held()).toEqual({ admin: 'upstream:lab' });
  });

  test('row 100: a group named like a role of this server gives nothing, unless mapped', async () => {
    await roles.grantRole('account-bob', 'editor', { actorId: 'cli' });
    await login(['editor', 'lab-staff', 'optics']);
    expect(await held()).toEqual({ optics: 'upstream:lab', staff: 'upstream:lab' });
    // Nor does one upstream give what another one brought.
    await login(['optics'], {}, OTHER);
    expect(await held()).toEqual({ optics: 'upstream:lab', staff: 'upstream:lab' });
  });

  test('row 100: what people here gave is never touched, and what they give stays theirs', async () => {
    await roles.grantRole(ANN, 'staff', { actorId: 'cli' });
    const given = () => database.first(database.sql('account_roles').where({ role: 'staff' }));
    const before = await given();
    clock.forward(60);
    await login(['lab-staff', 'optics']);
    expect(await held()).toEqual({ optics: 'upstream:lab', staff: 'cli' });
    expect(await given()).toEqual(before);
    expect(await roles.grantRole(ANN, 'optics', { actorId: 'account-root' })).toBe(true);
    expect(await roles.grantRole(ANN, 'optics', { actorId: 'account-root' })).toBe(false);
    await login([]);
    await groups.sweep(ANN);
    expect(await held()).toEqual({ optics: 'account-root', staff: 'cli' });
  });

  test('row 100: created and updated, unmanaged, and gone at the next login without the group', async () => {
    await login([{ id: 'optics', description: 'Optics group' }, 'mechanics']);
    expect(await held()).toEqual({ mechanics: 'upstream:lab', optics: 'upstream:lab' });
    expect(await described('optics')).toBe('Optics group');
    const rows = await database.all<{ managed: number }>(database.sql('account_roles'));
    expect(rows.map(({ managed }) => managed)).toEqual([0, 0]);
    await login([{ id: 'optics', description: 'Optics, renamed' }]);
    expect(await held()).toEqual({ optics: 'upstream:lab' });
    expect(await described('optics')).toBe('Optics, renamed');
    const events = (await auditStore.list({ accountId: ANN, limit: 20 })).map(
      ({ event, actorId, detail }) => [event, actorId, detail?.role],
    );
    expect(events.toSorted()).toEqual([
      ['account.role_granted', 'upstream:lab', 'mechanics'],
      ['account.role_granted', 'upstream:lab', 'optics'],
      ['account.role_revoked', 'upstream:lab', 'mechanics'],
    ]);
  });

  test('a claim gives mapped roles alone; a handler that speaks counts instead of it', async () => {
    const claims = { realm_access: { roles: ['lab-staff', 'optics', 7, '__proto__'] } };
    await login(undefined, claims);
    expect(await held()).toEqual({ staff: 'upstream:lab' });
    await login([], claims);
    expect(await held()).toEqual({});
    await login(undefined, { 'realm_access.roles': 'chiefs, lab-staff' });
    expect(Object.keys(await held())).toEqual(['admin', 'staff']);
    for (const nonsense of [{}, { realm_access: 'roles' }, { realm_access: { roles: { a: 1 } } }]) {
      await login(undefined, nonsense);
      expect(await held()).toEqual({});
    }
  });

  test('groups that can be no role are passed over; two upstreams do not touch one another', async () => {
    await login(['', 'a b', '../x', 'x'.repeat(65), 'constructor', 'optics']);
    expect(Object.keys(await held())).toEqual(['constructor', 'optics']);
    await login(['guests'], {}, OTHER);
    await login([]);
    expect(await held()).toEqual({ guests: 'upstream:other' });
    await database.write(groups.forgetSteps(ANN, 'other'));
    expect(await held()).toEqual({});
  });

  test('row 100: gone at logout, once no session of that upstream is alive', async () => {
    await roles.grantRole(ANN, 'editor', { actorId: 'cli' });
    await login(['optics']);
    await login(['guests'], {}, OTHER);
    await session('one');
    await session('two');
    await session('three', { upstream: 'other' });
    await endSession('one');
    await groups.sweep(ANN);
    expect(Object.keys(await held())).toEqual(['editor', 'guests', 'optics']);
    await endSession('two');
    await groups.sweep('account-bob');
    expect(Object.keys(await held())).toEqual(['editor', 'guests', 'optics']);
    await groups.sweep(ANN);
    expect(Object.keys(await held())).toEqual(['editor', 'guests']);
    clock.forward(61);
    await groups.sweep(ANN);
    expect(Object.keys(await held())).toEqual(['editor']);
  });

  test('the job that prunes leaves alone who is just signing in', async () => {
    await login(['optics']);
    expect(await groups.prune()).toBe(0);
    clock.forward(601);
    expect(await groups.prune()).toBe(1);
    expect(await held()).toEqual({});
  });
});
