import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { InvalidInput, PageError, PosternError } from '../platform/errors/errors.js';
import type { ClientChange, ClientStore } from '../stores/client-store.js';
import { checkedMetadata } from './check.js';
import type { ClientMetadata, ClientOptions, ClientRecord } from './client.js';
import type { ClientDocument, NewSecret } from './register.js';
import { keepsText, needsSecret } from './secrets.js';
import type { ServerRules } from './server-rules.js';

export interface Change {
  /** The whole metadata as it shall be. */
  readonly metadata: unknown;
  readonly requirePkce: boolean;
  readonly options: ClientOptions;
  /** What the changes were made on: another one in between is not overwritten. */
  readonly version: number;
}

export interface By {
  readonly actorId?: string;
}

export interface ClientChanges {
  /**
   * @returns a secret as text this once, where the new authentication method needs one it has not
   * @throws {InvalidInput} naming metadata fields; nothing is saved
   * @throws {PageError} 409 when the client changed meanwhile
   */
  update(client: ClientRecord, change: Change, by: By, info?: RequestInfo): Promise<Updated>;
  /** @throws {PosternError} 404 without that secret, 409 where it is the last one */
  endSecret(client: ClientRecord, secretId: string, by: By, info?: RequestInfo): Promise<void>;
}

export interface Updated {
  readonly client: ClientRecord;
  readonly secret?: string;
}

interface Dependencies {
  readonly store: ClientStore;
  readonly newSecret: NewSecret;
  readonly rules: ServerRules;
  readonly judge: (client: ClientDocument) => Promise<void>;
  readonly audit: Audit;
  readonly clock: Clock;
}

export function createClientChanges(deps: Dependencies): ClientChanges {
  const { store, newSecret, rules, judge, audit, clock } = deps;

  return {
    async update(client, { version, requirePkce, options, metadata: asked }, by, info) {
      const { clientId, resourceServer } = client;
      if (client.version !== version) throw changedMeanwhile(clientId);
      const metadata = checkedMetadata({ metadata: asked, options, resourceServer }, rules);
      const method = metadata.token_endpoint_auth_method;
      const fresh = lacksSecret(client, method) ? newSecret(clientId, method) : undefined;
      const known = needsSecret(method) ? { client_secret: fresh?.text ?? 'kept' } : {};
      await judge({ ...metadata, client_id: clientId, ...known });
      const change: ClientChange = {
        metadata,
        requirePkce,
        options,
        updatedAt: clock.now(),
        secrets: needsSecret(method) ? (fresh?.kept ?? 'keep') : 'drop',
      };
      const changed = changedFields(client, change);
      const step = audit.step({
        event: 'client.updated',
        ...info,
        ...by,
        clientId,
        detail: { changed, new_secret: fresh !== undefined },
      });
      if (!(await store.update(client, change, [step]))) throw changedMeanwhile(clientId);
      const kept = change.secrets === 'keep' ? client.secrets : [];
      const updated: ClientRecord = {
        ...client,
        ...{ metadata, requirePkce, options },
        version: client.version + 1,
        updatedAt: change.updatedAt,
        secrets: fresh ? [fresh.kept] : kept,
      };
      return { client: updated, ...(fresh && { secret: fresh.text }) };
    },

    async endSecret(client, secretId, by, info) {
      const { clientId, secrets } = client;
      if (!secrets.some(({ id }) => id === secretId)) {
        throw new PosternError(404, 'not_found', 'The client has no such secret.');
      }
      if (secrets.length === 1) {
        throw new PosternError(409, 'last_secret', 'This is the only secret: make a new one instead.');
      }
      const detail = { secret_id: secretId };
      const step = audit.step({ event: 'client.secret_ended', ...info, ...by, clientId, detail });
      if (!(await store.endSecret(client, secretId, clock.now(), [step]))) throw changedMeanwhile(clientId);
    },
  };
}

/** What is kept of the present secrets cannot serve `method`: there is none, or its text is needed. */
function lacksSecret({ secrets }: ClientRecord, method: string): boolean {
  if (!needsSecret(method)) return false;
  return secrets.length === 0 || (keepsText(method) && secrets.some(({ sealed }) => sealed === undefined));
}

function changedFields(client: ClientRecord, change: ClientChange): string[] {
  const flat = (metadata: ClientMetadata, requirePkce: boolean, options: ClientOptions) =>
    ({ ...metadata, ...options, requirePkce }) as Record<string, unknown>;
  const before = flat(client.metadata, client.requirePkce, client.options);
  const after = flat(change.metadata, change.requirePkce, change.options);
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

const CHANGED = 'changed_meanwhile';

/** Whether an edit came too late: it was made on what is saved no more. */
export const isChangedMeanwhile = (error: unknown): boolean =>
  error instanceof PageError && error.code === CHANGED;

const changedMeanwhile = (clientId: string): PageError =>
  new PageError(
    409,
    CHANGED,
    'Somebody else changed this client',
    'Nothing was saved, so that their change is not lost. Look at it as it is now, then make yours.',
    { waysOn: [{ label: 'The client as it is now', href: `/clients/${clientId}` }] },
  );

/** @returns what is wrong with a draft, by this server's rules and the library's; nothing is saved */
export const draftFaults =
  ({ rules, judge }: Pick<Dependencies, 'rules' | 'judge'>) =>
  async (draft: Parameters<typeof checkedMetadata>[0]): Promise<InvalidInput['faults']> => {
    try {
      const metadata = checkedMetadata(draft, rules);
      const known = needsSecret(metadata.token_endpoint_auth_method) ? { client_secret: 'draft' } : {};
      await judge({ ...metadata, client_id: 'draft', ...known });
      return [];
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      return error.faults;
    }
  };
