import type Router from '@koa/router';
import type { Context } from 'koa';
import type { Authenticate } from '../accounts/authenticate.js';
import type { BrowserSession, BrowserSessions } from '../authorization-server/browser-session.js';
import type { Interactions } from '../authorization-server/interactions.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import type { UpstreamLink } from '../platform/web/upstream-views.js';
import type { Web } from '../platform/web/web.js';
import type { AccountStore } from '../stores/account-store.js';
import type { ByUpstream } from './by-upstream.js';
import { createConnectQuestion } from './connect-pages.js';
import { createDisconnectRoutes } from './disconnect-routes.js';
import { createLoginDoors, type DoorEnd, type LoginDoors, type Upstreams } from './doors.js';
import { createFreshSignIn, type FreshSignIn } from './fresh-sign-in.js';
import { createLinkedAccountPages } from './linked-account-pages.js';
import { createLinkedEnd, createLinkedRoutes, isCrossSite, LINKED_ACCOUNTS } from './linked-routes.js';
import { createOneProvider, createOneProviderEnd } from './one-provider-routes.js';
import { createPageEnd, createPageRoutes, interactionLinks, ownLinks } from './page-routes.js';
import { createProveAgain, type SignedIn } from './prove-again.js';
import { createQuestionPages } from './question-pages.js';
import type { RedirectUris } from './redirect-uris.js';
import { createRestEnd, createRestRoutes } from './rest-routes.js';
import { createSignOut, type SignOut } from './sign-out-routes.js';
import type { DoorName, Upstream } from './upstream.js';
import type { UpstreamSignOut } from './upstream-sign-out.js';

/** Every HTTP door of the relying party but those that other rooms open, whose ends are handed in. */
export interface UpstreamPages {
  readonly doors: LoginDoors;
  readonly fresh: FreshSignIn;
  /** What our own sign-in, sign-up and sign-out pages need. */
  readonly ways: {
    readonly links: (next: string) => UpstreamLink[];
    readonly begin: (ctx: Context) => Promise<boolean>;
    readonly signOut: (ctx: Context) => ReturnType<SignOut['end']>;
    readonly signsOutAtOnce: (ctx: Context) => Promise<boolean>;
    readonly signOutTargets: (ctx: Context) => Promise<string[]>;
  };
  /** By what they are for. */
  readonly routers: Readonly<Record<string, Router>>;
  /** The buttons on the sign-in page of a pending request. */
  readonly interactionLinks: (uid: string) => UpstreamLink[];
  /** What the upstream of this session says about the person. */
  readonly claimsOf: (ctx: Context) => Promise<UpstreamClaims | undefined>;
}

export interface UpstreamClaims {
  readonly title: string;
  readonly claims: readonly { readonly name: string; readonly value: string }[];
}

interface Dependencies {
  readonly issuer: string;
  /** `ALLOWED_ORIGINS`. */
  readonly allowedOrigins: readonly string[];
  readonly linked: {
    /** Seconds. */
    readonly stateTtl: number;
    readonly autoRedirect: boolean;
    readonly restErrorRedirect: string;
    readonly restResponse: 'redirect' | 'postmessage';
  };
  readonly upstreams: Upstreams;
  readonly oneProvider: () => Upstream | undefined;
  readonly redirectUris: RedirectUris;
  readonly byUpstream: ByUpstream;
  readonly upstreamSignOut: UpstreamSignOut;
  /** Of the doors of other rooms. */
  readonly ends: Partial<Record<DoorName, DoorEnd>>;
  readonly sessions: BrowserSessions;
  readonly interactions: Interactions;
  readonly accounts: Pick<AccountStore, 'findById' | 'findCredentials'>;
  readonly authenticate: Authenticate;
  readonly showSignIn: (ctx: Context, next: string) => void;
  readonly signedOut: (session: BrowserSession, info: RequestInfo) => Promise<void>;
  /** Whether mails can be sent. */
  readonly mails: boolean;
  readonly web: Pick<Web, 'csrf' | 'origin' | 'renderView' | 'requestInfo'>;
  readonly clock: Clock;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export function createUpstreamPages(deps: Dependencies): UpstreamPages {
  const { issuer, upstreams, byUpstream, sessions, accounts } = deps;
  const { csrf, origin, renderView, requestInfo } = deps.web;
  const { linkedAccounts, transactions, signUp, linkDesk, keepAccount } = byUpstream;
  const upstreamSessions = byUpstream.sessions;
  const secure = issuer.startsWith('https:');

  async function current(ctx: Context): Promise<SignedIn | undefined> {
    const session = await sessions.current(ctx);
    const account = session && (await accounts.findById(session.accountId));
    return session && account && !account.disabled ? { session, account } : undefined;
  }
  const currentSession = async (ctx: Context) => (await current(ctx))?.session;

  const arriving = { sessions, upstreamSessions };
  const delivery = {
    issuer,
    origins: deps.allowedOrigins,
    errorRedirect: deps.linked.restErrorRedirect,
    response: deps.linked.restResponse,
    renderView,
  };
  const ends = {
    page: createPageEnd({ ...arriving, transactions, browserOf: (ctx) => doors.browserOf(ctx) }),
    linked: createLinkedEnd(arriving),
    oidc: createOneProviderEnd(arriving),
    rest: createRestEnd({ ...arriving, ...delivery }),
    ...deps.ends,
  };
  const doors: LoginDoors = createLoginDoors({
    relyingParty: byUpstream.relyingParty,
    ends,
    redirectUris: deps.redirectUris,
    linkedTtl: deps.linked.stateTtl,
    secure,
    currentAccountId: async (ctx) => (await currentSession(ctx))?.accountId,
    renderView,
    requestInfo,
  });

  const fresh = createFreshSignIn({
    authenticate: deps.authenticate,
    upstreamSessions,
    findUpstream: upstreams.find,
    clock: deps.clock,
  });
  const proveAgain = createProveAgain({
    fresh,
    hasPassword: async (id) => (await accounts.findCredentials({ id }))?.password !== undefined,
    linkedAccounts,
  });
  const connecting = createConnectQuestion({
    linkedAccounts,
    proveAgain,
    stayHref: LINKED_ACCOUNTS,
    renderView,
    requestInfo,
  });
  const oneProvider = createOneProvider({ provider: deps.oneProvider, doors });
  const signOut = createSignOut({
    issuer,
    sessions,
    upstreamSignOut: deps.upstreamSignOut,
    accountName: async (id) => (await accounts.findById(id))?.username,
    signedOut: deps.signedOut,
    csrf,
    renderView,
    requestInfo,
  });
  const pages = { linkedAccounts, current, csrf, renderView, requestInfo };

  return {
    doors,
    fresh,
    ways: {
      links: (next) => ownLinks(upstreams, next),
      begin: oneProvider.begin,
      signOut: (ctx) => signOut.end(ctx, 'return'),
      async signsOutAtOnce(ctx) {
        const provider = deps.oneProvider();
        const session = provider && !isCrossSite(ctx) ? await currentSession(ctx) : undefined;
        const begun = session && (await upstreamSessions.of(session));
        return begun !== undefined && begun.upstreamId === provider?.id;
      },
      signOutTargets: signOut.targets,
    },
    interactionLinks: (uid) => interactionLinks(upstreams, uid),
    async claimsOf(ctx) {
      const session = await currentSession(ctx);
      const begun = session && (await upstreamSessions.of(session));
      if (!begun) return undefined;
      const claims = Object.entries(begun.claims).map(([name, value]) => ({ name, value: textOf(value) }));
      return { title: upstreams.find(begun.upstreamId)?.title ?? begun.upstreamId, claims };
    },
    routers: {
      'upstream buttons': createPageRoutes({
        upstreams,
        doors,
        transactions,
        interactions: deps.interactions,
        accounts,
      }),
      'one provider': oneProvider.router,
      'linked logins': createLinkedRoutes({
        upstreams,
        doors,
        current,
        connecting,
        showSignIn: deps.showSignIn,
        autoRedirect: deps.linked.autoRedirect,
        origins: deps.allowedOrigins,
        csrf,
      }),
      'upstream questions': createQuestionPages({
        upstreams,
        doors,
        signUp,
        linkDesk,
        keepAccount,
        forgotHref: deps.mails ? '/forgot-password' : undefined,
        csrf,
        renderView,
        requestInfo,
      }),
      disconnect: createDisconnectRoutes({ ...pages, proveAgain }),
      'linked accounts': createLinkedAccountPages({ ...pages, now: () => deps.clock.now() }),
      'linked sign-out': signOut.router,
      'linked logins by REST': createRestRoutes({
        ...delivery,
        upstreams,
        doors,
        signUp,
        linkedAccounts,
        current,
        fresh,
        connecting,
        csrf,
        requireOwnOrigin: origin.require,
        requestInfo,
      }),
    },
  };
}
