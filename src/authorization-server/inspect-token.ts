import {
  compactVerify,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JWK,
  type JWTPayload,
} from 'jose';
import type { Account } from '../accounts/account.js';
import type { Clock } from '../platform/crypto/clock.js';
import { sha256 } from '../platform/crypto/ids.js';
import type { MaybeLater } from '../platform/database/maybe-later.js';
import type { PayloadStore, StoredPayload } from '../stores/payload-store.js';
import type { Tokens } from './tokens.js';

/**
 * What an administrator may learn of a token in hand: what it is, whose, and why it works or does not.
 * It decides nothing; whether a token is accepted is said by `tokens.ts` and the library alone.
 */
export interface TokenView {
  /** The library's name (`AccessToken`, `RefreshToken`, …), `JWT`, or `unknown`. */
  readonly kind: string;
  readonly status: 'live' | 'expired' | 'used' | 'revoked' | 'foreign' | 'unknown';
  /** Why it is not live, or what the status does not say. */
  readonly reason?: string;
  readonly clientId?: string;
  readonly accountId?: string;
  readonly username?: string;
  readonly scope?: string;
  readonly audience?: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt?: number;
  readonly expiresAt?: number;
  readonly header?: object;
  readonly claims?: object;
}

export type InspectToken = (token: string) => Promise<TokenView>;

interface Dependencies {
  readonly issuer: string;
  readonly payloads: Pick<PayloadStore, 'find'>;
  /** As published at the time. */
  readonly publicKeys: () => { keys: JWK[] };
  readonly tokens: Tokens;
  readonly findAccount: (id: string) => MaybeLater<Account | undefined>;
  readonly clock: Clock;
}

type Verdict = Pick<TokenView, 'status' | 'reason'>;

const TOKENS: ReadonlySet<string> = new Set([
  'AccessToken',
  'ClientCredentials',
  'RefreshToken',
  'AuthorizationCode',
  'DeviceCode',
]);

const UNKNOWN: TokenView = { kind: 'unknown', status: 'unknown', reason: 'no such token is stored here' };
const LIVE: Verdict = { status: 'live' };

export function createInspectToken(deps: Dependencies): InspectToken {
  const { issuer, payloads, tokens, clock } = deps;

  async function judgeRow(token: string, row: StoredPayload, account: Account | undefined): Promise<Verdict> {
    const grant = row.grantKey === null ? undefined : await payloads.find(row.grantKey);
    if (row.grantKey !== null && (grant === undefined || grant.revokedAt !== null)) {
      return { status: 'revoked', reason: 'its grant was revoked' };
    }
    if (row.accountId !== null && account === undefined) {
      return { status: 'revoked', reason: 'its account is gone' };
    }
    if (account?.disabled) return { status: 'revoked', reason: 'its account is disabled' };
    if (row.expiresAt !== null && row.expiresAt <= clock.now()) return { status: 'expired' };
    if (row.consumedAt !== null) return { status: 'used', reason: 'it works once, and was used' };
    if (row.kind !== 'AccessToken' || (await tokens.findLive(token))) return LIVE;
    return { status: 'revoked', reason: 'its browser session has ended' };
  }

  async function inspectOpaque(token: string): Promise<TokenView> {
    const row = await payloads.find(sha256(token));
    if (row === undefined || !TOKENS.has(row.kind)) return UNKNOWN;
    const account = row.accountId === null ? undefined : await deps.findAccount(row.accountId);
    const { scope, aud, iat } = JSON.parse(row.payload) as JWTPayload & { scope?: string };
    return {
      kind: row.kind,
      ...(await judgeRow(token, row, account)),
      ...(row.clientId === null ? {} : { clientId: row.clientId }),
      ...(row.accountId === null ? {} : { accountId: row.accountId }),
      ...(account === undefined ? {} : { username: account.username }),
      ...(scope === undefined ? {} : { scope }),
      ...(aud === undefined ? {} : { audience: String(aud) }),
      ...(iat === undefined ? {} : { issuedAt: iat * 1000 }),
      ...(row.expiresAt === null ? {} : { expiresAt: row.expiresAt }),
    };
  }

  async function judgeJwt(token: string, claims: JWTPayload): Promise<Verdict> {
    const signed = await compactVerify(token, createLocalJWKSet(deps.publicKeys())).then(
      () => true,
      () => false,
    );
    if (!signed) return { status: 'foreign', reason: 'no key of this server verifies its signature' };
    if (claims.iss !== issuer) return { status: 'foreign', reason: `it was issued by ${claims.iss}` };
    if (claims.exp !== undefined && claims.exp * 1000 <= clock.now()) return { status: 'expired' };
    return { status: 'live', reason: 'a JWT is good until it expires, for whoever checks it offline' };
  }

  async function inspectJwt(token: string): Promise<TokenView> {
    const header = decodeProtectedHeader(token);
    const claims = decodeJwt(token);
    const verdict = await judgeJwt(token, claims);
    return { kind: 'JWT', ...verdict, header, claims };
  }

  return async (token) => {
    if (token.split('.').length !== 3) return inspectOpaque(token);
    try {
      return await inspectJwt(token);
    } catch {
      return { ...UNKNOWN, reason: 'it looks like a JWT and is none' };
    }
  };
}
