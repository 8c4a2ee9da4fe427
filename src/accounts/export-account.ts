import type { AccountStore } from '../stores/account-store.js';
import type { AuditStore } from '../stores/audit-store.js';
import type { ConsentStore } from '../stores/consent-store.js';
import type { OwnSessions } from './own-sessions.js';

/** Everything held about an account, for the person it is about: no hash, no secret, no token. */
export type ExportAccount = (accountId: string) => Promise<object>;

interface Dependencies {
  readonly accounts: Pick<AccountStore, 'findCredentials'>;
  readonly consents: Pick<ConsentStore, 'listOf'>;
  readonly ownSessions: Pick<OwnSessions, 'list'>;
  readonly clientsOf: (
    accountId: string,
  ) => Promise<
    readonly { readonly clientId: string; readonly createdAt: number; readonly metadata: object }[]
  >;
  /** Name, keys and tokens of dserver. */
  readonly dserverOf: (accountId: string) => Promise<object>;
  readonly identitiesOf: (accountId: string) => Promise<readonly ExportedIdentity[]>;
  /** Who the person is to other services, and what is granted to them there. */
  readonly permissionsOf: (accountId: string) => Promise<object>;
  readonly audit: Pick<AuditStore, 'list'>;
}

/** A connection to an account elsewhere, as far as it is the person's own data. */
export interface ExportedIdentity {
  readonly upstreamId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
}

const makerOf = (createdBy: string): string =>
  createdBy === 'self' || createdBy.startsWith('upstream:') ? createdBy : 'administrator';

/** The newest of them; what is older is the operator's to give. */
const MAX_EVENTS = 10_000;

const time = (at: number): string => new Date(at).toISOString();

export function createExportAccount(deps: Dependencies): ExportAccount {
  return async (accountId) => {
    const found = await deps.accounts.findCredentials({ id: accountId });
    if (found === undefined) return {};
    const { account, createdBy, sources, password } = found;
    const [consents, sessions, clients, dserver, identities, permissions, events] = await Promise.all([
      deps.consents.listOf(accountId),
      deps.ownSessions.list(accountId),
      deps.clientsOf(accountId),
      deps.dserverOf(accountId),
      deps.identitiesOf(accountId),
      deps.permissionsOf(accountId),
      deps.audit.list({ accountId, limit: MAX_EVENTS }),
    ]);
    return {
      profile: {
        ...account,
        createdAt: time(account.createdAt),
        updatedAt: time(account.updatedAt),
        deleteAt: account.deleteAt === undefined ? undefined : time(account.deleteAt),
        createdBy: makerOf(createdBy),
        sources: Object.fromEntries(Object.entries(sources).map(([part, by]) => [part, makerOf(by)])),
        passwordSetAt: password && time(password.setAt),
      },
      consents: consents.map(({ accountId: _id, createdAt, updatedAt, ...agreed }) => ({
        ...agreed,
        createdAt: time(createdAt),
        updatedAt: time(updatedAt),
      })),
      sessions: sessions.map(({ userAgent, ip, firstSeenAt, lastSeenAt }) => ({
        userAgent,
        ip,
        firstSeenAt: time(firstSeenAt),
        lastSeenAt: time(lastSeenAt),
      })),
      clients: clients.map(({ clientId, createdAt, metadata }) => ({
        clientId,
        createdAt: time(createdAt),
        metadata,
      })),
      dserver,
      linkedAccounts: identities.map(({ upstreamId, issuer, subject, attributes, extra, createdAt }) => ({
        upstreamId,
        issuer,
        subject,
        attributes,
        extra,
        connectedAt: time(createdAt),
      })),
      permissionService: permissions,
      events: events.map(({ at, event, outcome, actorId, clientId, ip, detail }) => {
        const byOneself = actorId === undefined || actorId === accountId;
        return {
          at: time(at),
          event,
          outcome,
          clientId,
          detail,
          by: byOneself ? 'self' : 'somebody else',
          // Where an administrator sat is not the person's data.
          ip: byOneself ? ip : undefined,
        };
      }),
    };
  };
}
