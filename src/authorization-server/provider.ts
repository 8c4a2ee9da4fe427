/**
 * The authorization server (RFC 6749 §1.1): oidc-provider with our stores, pages and rules around it. This
 * folder is the only one that imports the library; the rest of the program sees the narrow types
 * `BrowserSessions`, `Interactions` and `Tokens`.
 */
import type { JWK } from 'jose';
import compose from 'koa-compose';
import type { Middleware, ParameterizedContext } from 'koa';
import type { Configuration, Provider } from 'oidc-provider';
import type { Account } from '../accounts/account.js';
import type { ClientDocument } from '../clients/register.js';
import type { ClientSecrets } from '../clients/secrets.js';
import type { ClientTests } from '../clients/test-routes.js';
import { createSigner } from '../keys/signer.js';
import type { PrivateSigningKey } from '../keys/signing-keys.js';
import type { Config } from '../platform/config/config.js';
import type { Clock } from '../platform/crypto/clock.js';
import { sha256 } from '../platform/crypto/ids.js';
import { createSecretBox, purposeKey } from '../platform/crypto/secret-box.js';
import type { MaybeLater } from '../platform/database/maybe-later.js';
import type { GuardedFetch } from '../platform/net/guarded-fetch.js';
import type { Throttle, ThrottleRule } from '../platform/throttle/throttle.js';
import { UPSTREAM_TOKEN_SCOPE } from '../platform/web/scope-texts.js';
import type { ClientStore } from '../stores/client-store.js';
import type { ConsentStore } from '../stores/consent-store.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { RedirectLeaseStore } from '../stores/redirect-lease-store.js';
import type { ResourceStore } from '../stores/resource-store.js';
import { createHoldsStill } from './access-ended.js';
import { createAdapterFactory } from './adapter.js';
import { alsoPublished, honestDiscovery } from './answer-corrections.js';
import {
  type BrowserSessions,
  createBrowserSessions,
  type SeenSession,
  type SignedIn,
} from './browser-session.js';
import './cheap-body.js';
import './cheap-params.js';
import { useCheapChecks } from './cheap-checks.js';
import { createClientCache } from './client-cache.js';
import { createClientGuesses } from './client-guesses.js';
import { createTestRunner } from './client-tests.js';
import {
  cookieNames,
  grantTypes,
  INTERACTION_TTL,
  ROUTES,
  responseTypes,
  SCOPES,
  staticConfiguration,
} from './configuration.js';
import { corsForBrowserClients, createAllowOrigin } from './cors.js';
import { takeNoncesOfAll } from './dpop-nonces.js';
import { createDocuments, type Documents } from './documents.js';
import { type AuditNotes, endedRow, issuedRow, watchEvents } from './events.js';
import { createFindAccount } from './find-account.js';
import { dressLibraryForms, formPostMode } from './form-post.js';
import { createGrantUnits } from './grant-unit.js';
import type { DeviceLimits } from './grants/device-limits.js';
import {
  createPasswordGrant,
  GRANT_TYPE,
  PARAMETERS,
  type PasswordGrantDependencies,
} from './grants/password.js';
import { createInteractionPolicy } from './interaction-policy.js';
import { createInteractions, type Interactions } from './interactions.js';
import { guardLibraryForms } from './library-forms.js';
import { createLibraryPages, type Pages } from './library-pages.js';
import { anonymousSession, lifetimes } from './lifetimes.js';
import { createGrantLoader, outlivesSession } from './load-grant.js';
import { createNonces } from './nonces.js';
import { createOwnTokenEndpoint, type OwnTokenEndpoint } from './own-token-endpoint.js';
import { createPayloadSecrets, createRefreshAnswers } from './payload-secrets.js';
import { requirePkce } from './pkce-rule.js';
import { createPosternProvider } from './postern-provider.js';
import { noteSession } from './note-session.js';
import { installReplayDetection } from './replay-detection.js';
import { resourceIndicators } from './resources.js';
import { createAttempts } from './attempts.js';
import { deviceResumeOnly, PROTOCOL_POSTS, resumable } from './route-guards.js';
import { installOfflineAccess, installScopeNarrowing } from './scopes.js';
import { createQuietCookie, installSessionRules } from './session-rules.js';
import { SigningKey } from './signing-key.js';
import { createTokens, type Tokens } from './tokens.js';
import { createUnitsOfWork } from './unit-of-work.js';
import { createWays } from './ways.js';

export interface AuthorizationServer {
  /** Every endpoint of the library. */
  readonly middleware: Middleware;
  /** Of these, the paths that programs ask all the time, and no page of ours has; all others pass. */
  readonly protocol: Middleware;
  /** What pages may read at such a path. Stands before whatever may refuse. */
  readonly cors: Middleware;
  readonly documents: Pick<Documents, 'has' | 'of'>;
  /** Shared with the outer application: cookies set by one are read by the other. */
  readonly cookieKeys: readonly string[];
  readonly sessions: BrowserSessions;
  readonly interactions: Interactions;
  readonly tokens: Tokens;
  readonly clientTests: ClientTests;
  /** For the demo, which is a client inside this process. */
  readonly ownTokenEndpoint: OwnTokenEndpoint;
  /** From now on these sign and are published, the first of an algorithm being the one that signs. */
  useKeys(keys: readonly PrivateSigningKey[]): void;
  /** @throws {InvalidInput} when the library would refuse a client with this metadata */
  judge(document: ClientDocument): Promise<void>;
}

export interface AuthorizationServerDependencies {
  readonly config: Config;
  readonly secrets: readonly string[];
  readonly signingKeys: readonly PrivateSigningKey[];
  /** Published beside them: the dserver key. */
  readonly otherPublicKeys: () => Promise<readonly JWK[]>;
  readonly payloads: PayloadStore;
  readonly clients: ClientStore;
  readonly redirectLeases: RedirectLeaseStore;
  readonly clientSecrets: ClientSecrets;
  readonly consents: ConsentStore;
  readonly resources: Pick<ResourceStore, 'find'>;
  readonly findAccount: (id: string) => MaybeLater<Account | undefined>;
  readonly password: PasswordGrantDependencies;
  readonly deviceLimits: DeviceLimits;
  readonly throttle: (rule: ThrottleRule) => Throttle;
  readonly audit: AuditNotes;
  readonly tokensIssued: (grantType: string) => void;
  /** The way to what clients publish: their key sets. */
  readonly fetch: GuardedFetch;
  /** Told of each signed-in browser that comes by; never throws. */
  readonly sessionSeen: (ctx: ParameterizedContext, session: SeenSession) => Promise<void>;
  readonly signedIn: SignedIn;
  /** Told of each signed-in session that ends, after it has. */
  readonly sessionEnded: (session: SeenSession) => Promise<void>;
  /** Who may ask for `upstream_token`. */
  readonly upstreamTokenClients: ReadonlySet<string>;
  readonly pages: Pages;
  readonly clock: Clock;
  readonly log: { error(fields: object, message: string): void };
}

const hasOfflineAccess = ({ scope }: { scope?: string | undefined }): boolean =>
  scope?.split(' ').includes('offline_access') ?? false;

export function createAuthorizationServer(deps: AuthorizationServerDependencies): AuthorizationServer {
  const { config, secrets, payloads, consents, clock, pages } = deps;
  const secure = config.issuer.startsWith('https:');
  const grace = config.ttl.refreshGrace * 1000;
  const cookieKeys = secrets.map((secret) => purposeKey(secret, 'cookies'));
  const nonceSecrets = secrets.map((secret) => purposeKey(secret, 'dpop-nonce'));

  // Nobody is told of a scope that nobody can have.
  const scopes = [...SCOPES, ...(deps.upstreamTokenClients.size > 0 ? [UPSTREAM_TOKEN_SCOPE] : [])];

  const units = createUnitsOfWork(payloads);
  const holdsStill = createHoldsStill(deps.findAccount);
  const proofs = { units, payloads, holdsStill, noteEnded: endedRow(deps.audit, 'access_ended') };
  const testRunner = createTestRunner({
    issuer: config.issuer,
    box: createSecretBox(secrets, 'client-test'),
    payloads,
    clock,
  });
  const cache = createClientCache({
    units,
    clients: deps.clients,
    leases: deps.redirectLeases,
    secrets: deps.clientSecrets,
    tests: testRunner.rights,
    clock,
    features: {
      grantTypes: new Set(grantTypes(config)),
      responseTypes: new Set(responseTypes(config)),
      scopes: new Set(scopes),
    },
  });
  const findClient = (clientId: string) => deps.clients.find(clientId);
  const guesses = createClientGuesses({ ...deps, times: config.operation.rateLimits, paths: PROTOCOL_POSTS });
  const attempts = createAttempts({
    cookieName: cookieNames(secure).attempt,
    secure,
    // It is needed just when the request has expired.
    ttl: 24 * INTERACTION_TTL,
    findClient,
  });
  const nonces = createNonces({ payloads, units, recordOf: cache.recordOf, clock });
  const grants = createGrantLoader({
    consents,
    units,
    isRevoked: async (grantId) => ((await payloads.find(sha256(grantId)))?.revokedAt ?? null) !== null,
    neededBy(client) {
      const { ttl } = cache.recordOf(client);
      const refresh = ttl.refreshTokenMax ?? config.ttl.refreshTokenMax;
      return Math.max(refresh, ttl.accessToken ?? config.ttl.accessToken);
    },
    slack: config.ttl.session,
    names: createSecretBox(secrets, 'session-grant'),
  });
  const grantUnits = createGrantUnits({
    store: payloads,
    units,
    answers: createRefreshAnswers(secrets),
    clock,
    grace,
    note: issuedRow(deps.audit),
    issued: deps.tokensIssued,
    noteReplay: endedRow(deps.audit, 'replay'),
  });
  /** False once the client of a token was deleted, or the person it stands for deleted or disabled. */
  const hasParties = async (token: { clientId?: string | undefined }, asking: string): Promise<boolean> => {
    // The client that asks was found a moment ago.
    const known = token.clientId === asking || (await deps.clients.findVersion(token.clientId ?? ''));
    if (known === undefined) return false;
    if (!('accountId' in token) || !token.accountId) return true;
    const account = await deps.findAccount(String(token.accountId));
    return account !== undefined && !account.disabled;
  };
  const libraryPages = createLibraryPages({
    ...pages,
    attempts,
    findClient,
    findAccount: deps.findAccount,
    wrongUserCode: (ctx) => deps.deviceLimits.wrongCode(ctx),
  });

  const findAccount = createFindAccount(deps.findAccount);
  const fixed = { ...staticConfiguration(config, cookieKeys, nonceSecrets[0] as Buffer), scopes };
  const configuration: Configuration = {
    ...fixed,
    adapter: createAdapterFactory({
      store: payloads,
      units,
      secrets: createPayloadSecrets(createSecretBox(secrets, 'payload')),
      userCodes: createSecretBox(secrets, 'user-code'),
      clock,
      grace,
    }),
    findAccount,
    fetch: (url, options) => deps.fetch(String(url), options),
    loadExistingGrant: (ctx) => grants.load(ctx),
    expiresWithSession: (ctx) => !outlivesSession(ctx),
    // A client that registered the grant gets one; without offline_access it ends with the session.
    issueRefreshToken: (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') &&
      (!cache.recordOf(client).options.refreshOnlyOffline || hasOfflineAccess(source)),
    pkce: { required: requirePkce(config, cache.recordOf) },
    clientBasedCORS: createAllowOrigin(cache),
    ttl: lifetimes(config, cache.recordOf),
    interactions: { ...fixed.interactions, policy: createInteractionPolicy(nonces) },
    renderError: libraryPages.renderError,
    features: {
      ...fixed.features,
      deviceFlow: libraryPages.deviceFlow,
      rpInitiatedLogout: libraryPages.rpInitiatedLogout,
      resourceIndicators: resourceIndicators(deps.resources, cache.recordOf),
      introspection: {
        enabled: true,
        // The client it was issued to, or one an administrator marked; an unauthenticated one never.
        allowedPolicy: async (_ctx, client, token) =>
          client.clientAuthMethod !== 'none' &&
          (client.clientId === token.clientId || cache.recordOf(client).resourceServer) &&
          (await hasParties(token, client.clientId)),
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => client.clientId === token.clientId,
      },
    },
  };

  /** The library takes its keys once and for all, so other keys mean another instance. */
  function build(keys: readonly PrivateSigningKey[]) {
    const jwks = { keys: keys.map((key) => new SigningKey(createSigner(key))) };
    const provider = createPosternProvider(
      config.issuer,
      { ...configuration, jwks },
      {
        grant: (grantType, handler) =>
          grantUnits.wrap(grantType, deps.deviceLimits.paced(grantType, handler)),
        formPost: formPostMode(pages.renderView),
      },
    );
    cache.install(provider);
    guesses.install(provider);
    useCheapChecks(provider, findAccount);
    installScopeNarrowing(
      provider,
      cache.recordOf,
      (clientId, scope) => scope !== UPSTREAM_TOKEN_SCOPE || deps.upstreamTokenClients.has(clientId),
    );
    installOfflineAccess(provider);
    installReplayDetection(provider, payloads);
    takeNoncesOfAll(provider, nonceSecrets);
    installSessionRules(provider, {
      units,
      ttl: anonymousSession(config),
      secure,
      names: createSecretBox(secrets, 'session-uid'),
      ended: deps.sessionEnded,
    });
    if (config.legacyFlows.includes('password')) {
      provider.registerGrantType(
        GRANT_TYPE,
        createPasswordGrant(provider, { ...deps.password, ...proofs }),
        PARAMETERS,
        ['resource'],
      );
    }
    watchEvents(provider, { units, nonces, audit: deps.audit, grants, attempts, secure, log: deps.log });
    return { provider, library: compose(provider.middleware as never) };
  }

  let active = build(deps.signingKeys);
  const current = (): Provider => active.provider;
  // Asked anew for each request; one that is under way ends where it began.
  const library: Middleware = (ctx, next) => active.library(ctx as never, next);
  const publicAddresses = async () => [
    ...(await deps.clients.publicAddresses()),
    ...(await deps.redirectLeases.listOfPublic(clock.now())).map(({ redirectUri }) => redirectUri),
  ];

  async function waiting(uid: string) {
    const found = await current().Interaction.find(uid);
    const { client_id, redirect_uri } = (found?.params ?? {}) as {
      client_id?: string;
      redirect_uri?: string;
    };
    const client = client_id === undefined ? undefined : await current().Client.find(client_id);
    return (
      found && {
        ofDevice: found.deviceCode !== undefined,
        answerable: !client || redirect_uri === undefined || client.redirectUriAllowed(redirect_uri),
      }
    );
  }

  const cors = corsForBrowserClients(publicAddresses, clock);
  const documents = createDocuments(current, clock);
  const { middleware, onLanes } = createWays({
    units: units.attendant,
    guesses: guesses.attendant,
    clientTests: testRunner.middleware,
    guards: [
      guardLibraryForms({ origin: pages.origin, current }),
      deviceResumeOnly(() => current().cookieName('resume')),
      resumable(waiting),
      deps.deviceLimits.guard(ROUTES.code_verification),
    ],
    quietCookie: createQuietCookie(cookieNames(secure).session, { units, store: payloads }),
    dressed: dressLibraryForms(pages.renderView),
    discovery: [
      honestDiscovery(config.legacyFlows.includes('implicit')),
      alsoPublished(deps.otherPublicKeys),
    ],
    documents: documents.middleware,
    noteSession: noteSession({ ...deps, ...proofs }),
    library,
  });

  const ownTokenEndpoint = createOwnTokenEndpoint(middleware);

  return {
    // What comes here by another spelling of its path has not met it yet.
    middleware: compose([cors, middleware]),
    protocol: onLanes(middleware),
    cors: onLanes(cors),
    documents,
    cookieKeys: fixed.cookies.keys,
    sessions: createBrowserSessions(current, {
      clock,
      ttl: config.ttl.session,
      cookie: { secure },
      seen: deps.sessionSeen,
      signedIn: deps.signedIn,
      holdsStill,
    }),
    interactions: createInteractions({
      current,
      findClient,
      findResource: deps.resources.find,
      consents,
      fromConsent: grants.fromConsent,
      attempts,
      clock,
    }),
    tokens: createTokens(current),
    clientTests: testRunner.tests({ current, askToken: ownTokenEndpoint }),
    ownTokenEndpoint,
    useKeys: (keys) => {
      active = build(keys);
    },
    judge: (document) => cache.judge(current(), document),
  };
}
