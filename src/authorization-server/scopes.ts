import type { Client, Provider } from 'oidc-provider';
import type { ClientRecord } from '../clients/client.js';

/**
 * Scopes a client may not have are cut before the library looks at the request; the answer names what was
 * granted. A client that registered no scope is granted none.
 */

/** The scopes of `requested` that are in `registered`, in the order asked; `undefined` when none is left. */
function narrowScope(requested: string, registered: string | undefined): string | undefined {
  const allowed = new Set(registered?.split(' '));
  const kept = requested.split(' ').filter((scope) => allowed.has(scope));
  return kept.length > 0 ? [...new Set(kept)].join(' ') : undefined;
}

/** Whether a client may have a scope that it registered: some are for clients that the operator named. */
type MayAsk = (clientId: string, scope: string) => boolean;

const askable = (registered: string | undefined, clientId: string, mayAsk: MayAsk): string | undefined =>
  registered
    ?.split(' ')
    .filter((scope) => mayAsk(clientId, scope))
    .join(' ');

interface RequestState {
  params?: { scope?: unknown; grant_type?: unknown };
  client?: Client;
  on(event: 'assign.client', listener: () => void): void;
}

/** Where they are kept: the library asks for them dozens of times in each request. */
const PARAMS = Symbol('params');

type Keeping = RequestState & { [PARAMS]?: RequestState['params'] };

/**
 * Narrows `params.scope` of each request as soon as both the client and the parameters are known. The
 * library assembles the parameters before it finds the client at the authorization and token endpoints,
 * and after it at the PAR and device endpoints, so both moments are watched.
 */
export function installScopeNarrowing(
  provider: Provider,
  recordOf: (client: Client) => ClientRecord,
  mayAsk: MayAsk,
): void {
  function narrow(request: RequestState): void {
    const { params, client } = request;
    // Widening at refresh is an error, not a cut: the library answers `invalid_scope`.
    if (!client || typeof params?.scope !== 'string' || params.grant_type === 'refresh_token') return;
    const { scope } = recordOf(client).metadata;
    params.scope = narrowScope(params.scope, askable(scope, client.clientId, mayAsk));
  }

  Object.defineProperty(provider.OIDCContext.prototype, 'params', {
    configurable: true,
    get(this: Keeping) {
      return this[PARAMS];
    },
    set(this: Keeping, params: RequestState['params']) {
      const first = !(PARAMS in this);
      this[PARAMS] = params;
      if (first) this.on('assign.client', () => narrow(this));
      narrow(this);
    },
  });
}

/**
 * `offline_access` needs no `prompt=consent` here: the consent page names it, and what
 * was agreed to is remembered. The library drops the scope unless `prompts` has `consent`, so `prompts`
 * says so, while `promptPending`, which decides whether a page is shown, keeps to what was asked.
 */
export function installOfflineAccess(provider: Provider): void {
  interface Prompting {
    readonly route: string;
    readonly params: { prompt?: string; scope?: string };
    readonly result?: object;
  }
  const asked = (request: Prompting) => new Set(request.params.prompt?.split(' '));

  Object.defineProperties(provider.OIDCContext.prototype, {
    prompts: {
      configurable: true,
      get(this: Prompting) {
        const prompts = asked(this);
        if (this.params.scope?.split(' ').includes('offline_access')) {
          prompts.has = (name) => name === 'consent' || Set.prototype.has.call(prompts, name);
        }
        return prompts;
      },
    },
    promptPending: {
      configurable: true,
      value(this: Prompting, name: string) {
        const answered = this.route.endsWith('resume') && Object.hasOwn(this.result ?? {}, name);
        return asked(this).has(name) && !answered;
      },
    },
  });
}
