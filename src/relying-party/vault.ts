import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../platform/crypto/clock.js';
import { newId } from '../platform/crypto/ids.js';
import type { Database, Step } from '../platform/database/database.js';
import { PosternError, UpstreamError } from '../platform/errors/errors.js';
import type { StoredUpstreamToken, UpstreamTokenStore } from '../stores/upstream-token-store.js';
import type { Connector, UpstreamTokens } from './connector.js';
import type { RefreshToken } from './refresh-token.js';
import type { TokenSeal } from './token-seal.js';
import type { Upstream } from './upstream.js';

/** What an account may do at an upstream: its tokens, sealed, fresh when they are asked for. */
export interface Vault {
  /** For the unit that links the identity, or notes another sign-in: what was kept before is replaced. */
  keepSteps(accountId: string, upstreamId: string, tokens: UpstreamTokens): Step[];
  /** @throws {Unavailable} */
  keep(accountId: string, upstreamId: string, tokens: UpstreamTokens): Promise<void>;
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

  const keepSteps: Vault['keepSteps'] = (accountId, upstreamId, tokens) => {
    const key = { accountId, upstreamId };
    const sealed = seal.close(key, tokens);
    const { expiresAt } = tokens;
    return [store.putStep({ ...key, sealed, expiresAt, revision: newId(), at: clock.now() })];
  };

  return {
    keepSteps,
    async keep(accountId, upstreamId, tokens) {
      await deps.write(keepSteps(accountId, upstreamId, tokens));
    },
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
