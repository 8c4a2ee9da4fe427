import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import type { Database, Step } from '../platform/database/database.js';
import { PosternError, UpstreamError } from '../platform/errors/errors.js';
import type {
  FreshUpstreamToken,
  StoredUpstreamToken,
  UpstreamTokenKey,
  UpstreamTokenStore,
} from '../stores/upstream-token-store.js';
import type { Connector, UpstreamTokens } from './connector.js';
import type { RefreshToken } from './refresh-token.js';
import type { TokenSeal } from './token-seal.js';
import type { Upstream } from './upstream.js';

/** What an account may do at an upstream: its tokens, sealed, fresh when they are asked for. */
export interface Vault {
  /** For the unit that links the identity: what was kept before is replaced. */
  keepSteps(accountId: string, upstreamId: string, tokens: UpstreamTokens): Step[];
  /**
   * After a sign-in of somebody who is known. Where it brought no refresh token, the one that is kept stays with
   * the new access token, unless it is good no more or reaches further than what was allowed this time.
   * `false`: the guards it goes behind held nothing.
   * @throws {Unavailable}
   */
  keep(
    accountId: string,
    upstreamId: string,
    tokens: UpstreamTokens,
    guards?: readonly Step[],
  ): Promise<boolean>;
  /**
   * The tokens with an access token that is good for some seconds more; refreshed first where it is not, by
   * one of all processes while the others wait for what it got.
   * @throws {NoUpstreamToken} where there is none, or only the person can get one by signing in there again
   * @throws {UpstreamError} where the upstream cannot be asked now; what is kept stays as it is
   */
  tokenFor(accountId: string, upstreamId: string): Promise<UpstreamTokens>;
  /** For the unit that takes the identity away. */
  forgetSteps(accountId: string, upstreamId: string): Step[];
}

/** `none`: nothing is kept. `expired`: what is kept is good no more, and cannot be renewed from here. */
export class NoUpstreamToken extends PosternError {
  readonly reason: 'none' | 'expired';

  constructor(reason: 'none' | 'expired', upstreamTitle: string, detail?: string) {
    const [status, code, message] =
      reason === 'none'
        ? ([404, 'upstream_token_not_found', `This account has no token of ${upstreamTitle}.`] as const)
        : ([
            409,
            'upstream_sign_in_needed',
            `The token of ${upstreamTitle} has expired. Its owner must sign in through ${upstreamTitle} again.`,
          ] as const);
    super(status, code, message, detail === undefined ? {} : { detail });
    this.reason = reason;
  }
}

interface Dependencies {
  readonly store: UpstreamTokenStore;
  readonly write: Database['write'];
  readonly seal: TokenSeal;
  readonly refreshToken: RefreshToken;
  readonly findUpstream: (id: string) => Upstream | undefined;
  readonly connectorOf: (upstream: Upstream) => Connector;
  readonly clock: Clock;
  /** Seconds that an access token must still be good for. */
  readonly leeway: number;
  /** Between two looks at a pair that somebody else refreshes. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

const LOOK_AGAIN_MS = 50;
/** Nobody waits for ever: the holder asks for at most ten seconds twice, for the document and for the token. */
const LONGEST_WAIT_MS = 21_000;
/** At a pair that changes meanwhile. */
const ATTEMPTS = 3;

/** GitHub puts commas between scopes. `offline_access` names no right but the refresh token itself. */
const rightsOf = (scope: string): string[] =>
  scope.split(/[\s,]+/).filter((one) => one !== '' && one !== 'offline_access');

/** The refresh token that goes on beside new tokens that brought none. */
function remaining(former: UpstreamTokens, { refreshToken, scope }: UpstreamTokens): string | undefined {
  if (refreshToken !== undefined) return undefined;
  // Without a word the scope is what was asked for (RFC 6749 §5.1).
  const now = scope === undefined ? undefined : rightsOf(scope);
  const shrunk = now !== undefined && rightsOf(former.scope ?? '').some((right) => !now.includes(right));
  return shrunk ? undefined : former.refreshToken;
}

export function createVault(deps: Dependencies): Vault {
  const { store, seal, findUpstream, clock, wait = delay } = deps;
  /** Callers of this process share one look-up, so that waiting costs one read and not a hundred. */
  const underWay = new Map<string, Promise<UpstreamTokens>>();

  const isFresh = ({ expiresAt }: StoredUpstreamToken): boolean =>
    expiresAt === undefined || expiresAt - deps.leeway * 1000 >= clock.now();

  /** How the pair can be renewed, if it can. */
  function renewal(held: UpstreamTokens, upstream: Upstream | undefined) {
    const connector = upstream && deps.connectorOf(upstream);
    if (!upstream || !connector?.refresh || held.refreshToken === undefined) return undefined;
    const refresh: NonNullable<Connector['refresh']> = connector.refresh.bind(connector);
    return { held: { ...held, refreshToken: held.refreshToken }, at: { upstream, refresh } };
  }

  /** One look: the tokens, or `undefined` where somebody else is at them. */
  async function look(accountId: string, upstreamId: string): Promise<UpstreamTokens | undefined> {
    const upstream = findUpstream(upstreamId);
    const title = upstream?.title ?? upstreamId;
    const row = await store.find({ accountId, upstreamId });
    if (row === undefined) throw new NoUpstreamToken('none', title);
    if (row.deadAt !== undefined)
      throw new NoUpstreamToken('expired', title, 'the upstream refused to renew it');
    const held = seal.open(row);
    if (held === undefined) throw new NoUpstreamToken('expired', title, 'no SECRET_KEY opens what is kept');
    if (isFresh(row)) return held;
    const way = renewal(held, upstream);
    if (way === undefined) throw new NoUpstreamToken('expired', title, 'there is no refresh token');
    if (row.leasedUntil !== undefined && row.leasedUntil > clock.now()) return undefined;
    const outcome = await deps.refreshToken(row, way.held, way.at);
    if (outcome.by === 'refused')
      throw new NoUpstreamToken('expired', title, 'the upstream refused to renew it');
    return outcome.by === 'ours' ? outcome.tokens : undefined;
  }

  async function lookUntil(accountId: string, upstreamId: string): Promise<UpstreamTokens> {
    for (let waited = 0; waited <= LONGEST_WAIT_MS; waited += LOOK_AGAIN_MS) {
      const found = await look(accountId, upstreamId);
      if (found !== undefined) return found;
      await wait(LOOK_AGAIN_MS);
    }
    throw new UpstreamError(
      'unreachable',
      'The upstream takes too long to renew this token. Please try again.',
      {
        status: 503,
        headers: { 'retry-after': '5' },
      },
    );
  }

  function fresh(key: UpstreamTokenKey, tokens: UpstreamTokens): FreshUpstreamToken {
    const { expiresAt } = tokens;
    return { ...key, sealed: seal.close(key, tokens), expiresAt, revision: newId(), at: clock.now() };
  }

  const keepSteps: Vault['keepSteps'] = (accountId, upstreamId, tokens) => [
    store.putStep(fresh({ accountId, upstreamId }, tokens)),
  ];

  async function keep(
    key: UpstreamTokenKey,
    tokens: UpstreamTokens,
    guards: readonly Step[],
  ): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const row = await store.find(key);
      const former = row?.deadAt === undefined ? row && seal.open(row) : undefined;
      const refreshToken = former && remaining(former, tokens);
      if (row === undefined || refreshToken === undefined) {
        return deps.write([...guards, store.putStep(fresh(key, tokens))]);
      }
      if (await store.replaceIdle(row.revision, fresh(key, { ...tokens, refreshToken }), guards)) return true;
    }
    // Somebody is renewing the pair: what they bring is as new, and has the refresh token that counts from now on.
    return deps.write(guards);
  }

  return {
    keepSteps,
    keep: (accountId, upstreamId, tokens, guards = []) => keep({ accountId, upstreamId }, tokens, guards),
    tokenFor(accountId, upstreamId) {
      const name = JSON.stringify([accountId, upstreamId]);
      const known = underWay.get(name);
      if (known) return known;
      const begun = lookUntil(accountId, upstreamId).finally(() => underWay.delete(name));
      underWay.set(name, begun);
      return begun;
    },
    forgetSteps: (accountId, upstreamId) => [store.removeStep({ accountId, upstreamId })],
  };
}
