import type { UpstreamTokenKey, UpstreamTokenStore } from '../stores/upstream-token-store.js';
import { lastFour, type TokenSeal } from './token-seal.js';

/** What may be seen of a kept pair: no more than the ends of its tokens. */
export interface SeenUpstreamToken extends UpstreamTokenKey {
  readonly username: string | undefined;
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  /** Milliseconds since the epoch, as all times here. */
  readonly expiresAt: number | undefined;
  readonly deadAt: number | undefined;
  readonly updatedAt: number;
}

export interface TokenOverview {
  /** In order of account and upstream. */
  list(page: Parameters<UpstreamTokenStore['list']>[0]): Promise<SeenUpstreamToken[]>;
}

const UNREADABLE = 'no SECRET_KEY opens it';

export function createTokenOverview(deps: {
  readonly store: Pick<UpstreamTokenStore, 'list'>;
  readonly seal: TokenSeal;
}): TokenOverview {
  return {
    async list(page) {
      const rows = await deps.store.list(page);
      return rows.map((row) => {
        const { accountId, upstreamId, username, expiresAt, deadAt, updatedAt } = row;
        const tokens = deps.seal.open(row);
        return {
          accountId,
          upstreamId,
          username,
          accessToken: tokens === undefined ? UNREADABLE : lastFour(tokens.accessToken),
          refreshToken: tokens?.refreshToken === undefined ? undefined : lastFour(tokens.refreshToken),
          expiresAt,
          deadAt,
          updatedAt,
        };
      });
    },
  };
}
