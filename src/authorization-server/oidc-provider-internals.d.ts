/**
 * The files of the library that are imported past its entry: the password grant issues its tokens as the
 * built-in grants do; `cheap-checks.ts`, `cheap-body.ts`, `cheap-models.ts`, `cheap-params.ts` and `cheap-routes.ts` put
 * cheaper steps in the place of its own; `dpop-nonces.ts` reads a private member. All but the password grant refuse to
 * start where what they rely on is gone. The library's version is pinned in package.json.
 */
declare module 'oidc-provider/lib/helpers/grants.js' {
  import type { Provider, TokenEndpointGrantContext } from 'oidc-provider';

  export interface DpopProof {
    readonly thumbprint: string;
    readonly jti: string;
    readonly iat: number;
  }
  export interface BoundGrantHelpers {
    validateDpop(ctx: TokenEndpointGrantContext<never>): Promise<DpopProof | undefined>;
    validateDpop(ctx: TokenEndpointGrantContext): Promise<DpopProof | undefined>;
    checkDpopRequired(ctx: TokenEndpointGrantContext, proof: DpopProof | undefined): void;
    resolveRequestedResources(ctx: TokenEndpointGrantContext): Promise<unknown>;
  }
  type Helper = (provider: Provider, ...rest: unknown[]) => unknown;
  export const validateDpop: Helper;
  export const checkDpopRequired: Helper;
  export const resolveRequestedResources: Helper;
  export const resolveAndApplyResource: Helper;
  export const applyAuthorizationDetails: Helper;
  export const applyRefreshTokenBindings: Helper;
  export const shouldIssueRefreshToken: Helper;
  export const buildTokenResponse: Helper;
}

declare module 'oidc-provider/lib/helpers/grant_common.js' {
  import type { Grant, Provider, TokenEndpointGrantContext } from 'oidc-provider';
  import type { BoundGrantHelpers, DpopProof } from 'oidc-provider/lib/helpers/grants.js';

  export function issueTokens(
    provider: Provider,
    helpers: BoundGrantHelpers,
    ctx: TokenEndpointGrantContext<never> | TokenEndpointGrantContext,
    source: object,
    grant: Grant,
    options: { gty: string; entityLabel: string; cert: undefined; dPoP: DpopProof | undefined },
  ): Promise<void>;
}

declare module 'oidc-provider/lib/actions/introspection.js' {
  import type { Step } from './library-steps.js';

  const steps: Step[];
  export default steps;
}

declare module 'oidc-provider/lib/actions/revocation.js' {
  import type { Step } from './library-steps.js';

  const steps: Step[];
  export default steps;
}

declare module 'oidc-provider/lib/actions/token.js' {
  import type { Step } from './library-steps.js';

  const steps: Step[];
  export default steps;
}

declare module 'oidc-provider/lib/actions/userinfo.js' {
  import type { Step } from './library-steps.js';

  const steps: Step[];
  export default steps;
}

declare module 'oidc-provider/lib/helpers/als.js' {
  import type { AsyncLocalStorage } from 'node:async_hooks';

  const als: AsyncLocalStorage<object>;
  export default als;
}

declare module 'oidc-provider/lib/helpers/router.js' {
  import type { Step } from './library-steps.js';

  type Register = (this: Router, name: string, path: string, ...steps: Step[]) => Router;
  export default class Router {
    get: Register;
    post: Register;
    put: Register;
    delete: Register;
    options: Register;
  }
}

declare module 'oidc-provider/lib/helpers/params.js' {
  /** Has a member for each of the names, `undefined` where it was not given. */
  export default class Params {
    constructor(names: ReadonlySet<string>, given: object);
  }
}

declare module 'oidc-provider/lib/helpers/weak_cache.js' {
  import type { Provider } from 'oidc-provider';

  export default function internalsOf(provider: Provider): {
    /** What each grant type may be given; under `undefined`, what any of them may. */
    readonly grantTypeParams: ReadonlyMap<unknown, ReadonlySet<string>>;
    readonly DPoPNonces?: import('oidc-provider/lib/helpers/challenge.js').default;
  };
}

declare module 'oidc-provider/lib/helpers/challenge.js' {
  /** Values that follow from a secret and the minute: nothing is kept. */
  export default class ServerChallenge {
    constructor(secret: Buffer, info: string);
    nextChallenge(): string;
    checkChallenge(challenge: string): boolean;
  }
}

declare module 'oidc-provider/lib/shared/client_auth.js' {
  import type { KoaContextWithOIDC } from 'oidc-provider';

  export function getClientAuthParams(ctx: KoaContextWithOIDC): ReadonlySet<string>;
}

declare module 'oidc-provider/lib/helpers/_/snake_case.js' {
  export default function snakeCase(name: string): string;
}
