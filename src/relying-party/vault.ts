import type { Step } from '../platform/database/database.js';
import { PosternError } from '../platform/errors/errors.js';
import type { UpstreamTokens } from './connector.js';

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
