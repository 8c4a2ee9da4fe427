import type { SealedPlace, SealedRows } from '../platform/crypto/rekey.js';
import { createSecretBox, type SecretBox } from '../platform/crypto/secret-box.js';
import type { StoredUpstreamToken, UpstreamTokenKey } from '../stores/upstream-token-store.js';
import type { UpstreamTokens } from './connector.js';

/** How tokens of upstreams are kept: all of a pair in one seal that opens for this account and upstream alone. */
export interface TokenSeal {
  close(key: UpstreamTokenKey, tokens: UpstreamTokens): string;
  /** `undefined` where no configured `SECRET_KEY` opens it. */
  open(
    row: Pick<StoredUpstreamToken, 'accountId' | 'upstreamId' | 'sealed' | 'expiresAt'>,
  ): UpstreamTokens | undefined;
}

/** What the seal is bound to. */
export const sealContext = ({ accountId, upstreamId }: UpstreamTokenKey): string =>
  JSON.stringify([accountId, upstreamId]);

/** @param box made for {@link TOKEN_PURPOSE} */
export function createTokenSeal(box: SecretBox): TokenSeal {
  return {
    close: (key, { expiresAt: _column, ...tokens }) => box.seal(JSON.stringify(tokens), sealContext(key)),
    open(row) {
      const text = box.open(row.sealed, sealContext(row));
      if (text === undefined) return undefined;
      const tokens = JSON.parse(text) as Omit<UpstreamTokens, 'expiresAt'>;
      return row.expiresAt === undefined ? tokens : { ...tokens, expiresAt: row.expiresAt };
    },
  };
}

export const TOKEN_PURPOSE = 'upstream-token';

/** @param rows by `account_id` and `upstream_id` */
export const sealedUpstreamTokens = (rows: SealedRows, secrets: readonly string[]): SealedPlace => ({
  name: 'upstream tokens',
  rows,
  box: createSecretBox(secrets, TOKEN_PURPOSE),
  contextOf: ({ account_id = '', upstream_id = '' }) =>
    sealContext({ accountId: account_id, upstreamId: upstream_id }),
});

/** All that may be shown of a token: its last four characters, and of a short one nothing. */
export const lastFour = (token: string): string => (token.length < 16 ? '…' : `…${token.slice(-4)}`);
