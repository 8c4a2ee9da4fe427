import { sameDigest, sha256 } from '../platform/crypto/ids.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { SealedPlace, SealedRows } from '../platform/crypto/rekey.js';
import { createSecretBox, type SecretBox } from '../platform/crypto/secret-box.js';
import type { ClientRecord, ClientSecret } from './client.js';

const SECRETLESS = new Set(['none', 'private_key_jwt']);

export const needsSecret = (method: string): boolean => !SECRETLESS.has(method);

/** HMAC needs the secret's text again: it is sealed. The other methods only compare: a hash is enough. */
export const keepsText = (method: string): boolean => method === 'client_secret_jwt';

export const isLive = (secret: ClientSecret, now: number): boolean =>
  secret.expiresAt === undefined || secret.expiresAt > now;

export interface ClientSecrets {
  /** How a new secret is kept, depending on the client's authentication method. */
  keep(
    clientId: string,
    method: string,
    secret: { id: string; text: string },
  ): Pick<ClientSecret, 'hash' | 'sealed'>;
  /** Whether `presented` is one of the client's live secrets; takes as long whichever it is. */
  matches(client: Pick<ClientRecord, 'clientId' | 'secrets'>, presented: string): boolean;
  /** The texts of the live secrets that are sealed, newest first; for verifying HMAC assertions. */
  texts(client: Pick<ClientRecord, 'clientId' | 'secrets'>): string[];
}

const contextOf = (clientId: string, secretId: string): string => `${clientId}/${secretId}`;

/** For sealing them again. @param rows by `client_id` and `id` */
export const sealedClientSecrets = (rows: SealedRows, secrets: readonly string[]): SealedPlace => ({
  name: 'client secrets',
  rows,
  box: createSecretBox(secrets, 'client-secret'),
  contextOf: ({ client_id = '', id = '' }) => contextOf(client_id, id),
});

/** @param box made for the purpose `client-secret` */
export function createClientSecrets({ box, clock }: { box: SecretBox; clock: Clock }): ClientSecrets {
  const live = (secrets: readonly ClientSecret[]) => secrets.filter((secret) => isLive(secret, clock.now()));
  const textOf = (clientId: string, { id, sealed }: ClientSecret): string | undefined =>
    sealed === undefined ? undefined : box.open(sealed, contextOf(clientId, id));

  return {
    keep: (clientId, method, { id, text }) =>
      keepsText(method) ? { sealed: box.seal(text, contextOf(clientId, id)) } : { hash: sha256(text) },
    matches(client, presented) {
      const shown = sha256(presented);
      let found = false;
      for (const secret of live(client.secrets)) {
        const text = textOf(client.clientId, secret);
        const kept = secret.hash ?? (text === undefined ? undefined : sha256(text));
        // No early way out: which of two secrets it was is nobody's business.
        if (kept !== undefined && sameDigest(kept, shown)) found = true;
      }
      return found;
    },
    texts: (client) =>
      live(client.secrets)
        .toSorted((a, b) => b.createdAt - a.createdAt)
        .flatMap((secret) => textOf(client.clientId, secret) ?? []),
  };
}
