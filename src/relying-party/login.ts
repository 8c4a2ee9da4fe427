import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import { randomToken } from '../platform/crypto/ids.js';
import { UpstreamError } from '../platform/errors/errors.js';
import type { FederatedIdentityStore } from '../stores/federated-identity-store.js';
import type { Arrivals } from './arrivals.js';
import type { Connector, Proven } from './connector.js';
import type { Upstreams } from './doors.js';
import { FailedLogin, notAllowed, unknownLogin } from './failed-login.js';
import type { Handlers } from './handlers.js';
import type { LinkDesk } from './link-desk.js';
import type { LinkIdentity } from './link-identity.js';
import type { BegunLogin, LoginTransactions } from './login-transaction.js';
import { type ProvenLogin, provenLogin } from './proven-login.js';
import type { Provision } from './provision.js';
import type { Callback, Completed, RelyingParty } from './relying-party.js';
import { dialectOf, isConfigured, type Upstream } from './upstream.js';
import { requirePurpose, requireWelcome } from './welcome.js';

/** The login itself: every door begins one here, and every callback ends one here. */
interface Dependencies {
  readonly upstreams: Pick<Upstreams, 'find'>;
  readonly connectorOf: (upstream: Upstream) => Connector;
  readonly transactions: LoginTransactions;
  readonly identities: Pick<FederatedIdentityStore, 'find'>;
  readonly handlers: Pick<Handlers, 'info' | 'authorized'>;
  readonly arrivals: Pick<Arrivals, 'known'>;
  readonly provision: Provision;
  readonly linkIdentity: LinkIdentity;
  readonly linkDesk: Pick<LinkDesk, 'provenBy'>;
  readonly audit: Audit;
}

export function createRelyingParty(deps: Dependencies): RelyingParty {
  const { upstreams, connectorOf, transactions, handlers, audit } = deps;

  /** Looked up again at the callback: what was switched off meanwhile ends no login. */
  function requireUsable(id: string): Upstream {
    const upstream = upstreams.find(id);
    if (upstream !== undefined && isConfigured(upstream)) return upstream;
    throw new UpstreamError('not_configured', 'This way of signing in is not available any more.', {
      status: 403,
      detail: id,
    });
  }

  /** The state opens a login once, whatever comes of it. */
  async function take({ params, browser }: Callback): Promise<BegunLogin> {
    const states = params.getAll('state');
    const found = states.length === 1 ? await transactions.takeBegun(states[0] ?? '', browser) : undefined;
    if (found === undefined) throw unknownLogin(states.length > 1 ? 'several states' : 'no such login');
    return found;
  }

  function redeem(upstream: Upstream, begun: BegunLogin, { params }: Callback): Promise<Proven> {
    const { redirectUri, door } = begun.transaction;
    return connectorOf(upstream).redeem({
      upstream,
      dialect: dialectOf(door),
      redirectUri,
      params,
      state: params.get('state') ?? '',
      nonce: begun.nonce,
      codeVerifier: begun.codeVerifier,
      maxAge: begun.maxAge,
      temporarySecret: begun.temporarySecret,
    });
  }

  /** Handlers see everybody who comes back, before anybody is looked for. */
  async function handled(login: ProvenLogin): Promise<ProvenLogin> {
    const identity = await handlers.info(login.event);
    const proven = { ...login.proven, identity };
    const event = Object.assign(login.event, { identity });
    const { returnTo } = await handlers.authorized(event);
    const transaction = returnTo === undefined ? login.transaction : { ...login.transaction, returnTo };
    return { ...login, event, proven, transaction };
  }

  async function settle(login: ProvenLogin, info: RequestInfo): Promise<Completed> {
    const { upstream, transaction, proven, browser, signedInAs } = login;
    const { issuer, subject } = proven.identity;
    requireWelcome(upstream, proven.identity, transaction.purpose);
    if (transaction.question !== undefined) {
      const known = await deps.identities.find(issuer, subject);
      return deps.linkDesk.provenBy(transaction.question, known?.accountId, browser, info);
    }
    if (transaction.purpose === 'link') {
      if (transaction.accountId === undefined || transaction.accountId !== signedInAs) {
        throw notAllowed(
          'You have signed out, or signed in as somebody else, in the meantime. Nothing was connected.',
          `${upstream.id}: another account is signed in`,
        );
      }
      return deps.linkIdentity(login, transaction.accountId, { by: 'link' }, info);
    }
    const known = await deps.identities.find(issuer, subject);
    if (known) return deps.arrivals.known(login, known, info);
    return deps.provision.first(login, info);
  }

  async function note(error: UpstreamError, { transaction }: BegunLogin, info: RequestInfo): Promise<void> {
    const { upstreamId: upstream, door, accountId } = transaction;
    await audit.record({
      event: 'upstream.login_failed',
      outcome: 'failure',
      ...info,
      accountId,
      detail: { upstream, door, fault: error.fault, reason: error.detail ?? '' },
    });
  }

  return {
    async begin({ ttl, browser, maxAge, ...login }) {
      const upstream = requireUsable(login.upstream.id);
      requirePurpose(upstream, login.purpose);
      const [state, nonce, codeVerifier] = [randomToken(), randomToken(), randomToken(48)];
      const { upstream: _entry, ...remembered } = login;
      const transaction = { ...remembered, upstreamId: upstream.id };
      const { location, temporarySecret } = await connectorOf(upstream).start({
        upstream,
        dialect: dialectOf(login.door),
        redirectUri: login.redirectUri,
        state,
        nonce,
        codeVerifier,
        maxAge,
      });
      const secrets = { state, nonce, codeVerifier, maxAge, temporarySecret };
      await transactions.begin({ transaction, ...secrets, browser, ttl: upstream.stateTtl ?? ttl });
      return { location };
    },
    async complete(callback, info) {
      const begun = await take(callback).catch((error: unknown) => {
        throw error instanceof UpstreamError ? new FailedLogin(error, undefined) : error;
      });
      const { transaction } = begun;
      try {
        // Another address than it began with: another app's callback, or another door's (RFC 9700 §4.4.2).
        if (callback.redirectUri !== transaction.redirectUri) throw unknownLogin('another callback');
        const upstream = requireUsable(transaction.upstreamId);
        const proven = await redeem(upstream, begun, callback);
        const login = provenLogin(upstream, transaction, proven, callback.browser ?? '');
        return await settle(await handled({ ...login, signedInAs: callback.signedInAs }), info);
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        await note(error, begun, info);
        throw new FailedLogin(error, transaction);
      }
    },
  };
}
