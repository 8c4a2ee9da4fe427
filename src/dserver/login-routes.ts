import Router from '@koa/router';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { BrowserSessions } from '../authorization-server/browser-session.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import { PageError, PosternError } from '../platform/errors/errors.js';
import { acceptsHtml } from '../platform/web/accepts-html.js';
import { readForm } from '../platform/web/body.js';
import type { CredentialedCors } from '../platform/web/credentialed-cors.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { OriginRule } from '../platform/web/origin.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { DoorEnd, LoginDoors, Upstreams } from '../relying-party/doors.js';
import type { Arrival } from '../relying-party/relying-party.js';
import { isConfigured } from './upstream-name.js';
import type { Delivery } from './deliver-routes.js';
import { type Issue, LOCAL, type SessionName, type UpstreamSelf } from './issue.js';
import { MintRefused } from './refused.js';

/** `/auth/login`, `/auth/callback`, `/auth/logout` and `/auth/info`: the doors of dserver's web application. */
export interface LoginRoutesDeps {
  /** `OAUTH2_PROVIDER_NAME`, for where there is no upstream. */
  readonly providerName: string;
  /** The upstream of the plugin's own settings. */
  readonly pluginId: string | undefined;
  readonly baseUrl: string;
  /** Where a failed login leads; one that leads to our own pages can say why. */
  readonly errorRedirect: string;
  readonly delivery: Delivery;
  readonly upstreams: Upstreams;
  readonly doors: () => LoginDoors;
  readonly sessions: BrowserSessions;
  /** Signs the browser in as who arrived, and remembers through which upstream; the session's uid. */
  readonly signInArrival: (ctx: Context, arrival: Arrival) => Promise<string | undefined>;
  readonly endedUpstream: (session: SessionName) => Promise<void>;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly selfOfSession: (session: SessionName) => Promise<UpstreamSelf | undefined>;
  readonly issue: Issue;
  readonly cors: CredentialedCors;
  readonly origin: OriginRule;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
  readonly audit: Audit;
}

const query = (ctx: Context, name: string): string | undefined => {
  const value = ctx.query[name];
  return typeof value === 'string' ? value : undefined;
};

const wantsJson = (ctx: Context): boolean => !ctx.accepts('html') && Boolean(ctx.accepts('json'));

export function createLoginRoutes(deps: LoginRoutesDeps): { router: Router; end: DoorEnd } {
  const { delivery, upstreams, sessions, audit, requestInfo } = deps;

  const here = (provider: string, next: string): string =>
    `/auth/login?${new URLSearchParams({ provider, next })}`;

  /** To our own sign-in form, and from there back here. */
  function toOwnSignIn(ctx: Context, next: string): void {
    ctx.set('Cache-Control', 'no-store');
    ctx.redirect(`/login?${new URLSearchParams({ local: '1', next: here(LOCAL, next) })}`);
  }

  async function note(ctx: Context, error: PosternError): Promise<void> {
    const event = { event: 'dserver.login', outcome: 'failure', ...requestInfo(ctx) } as const;
    await audit.record({ ...event, detail: { reason: error.code } });
  }

  /** Why is for the trail, except where the person can do something about it and we show the page. */
  function failed(ctx: Context, error: PosternError): void {
    const ours = deps.errorRedirect.startsWith('/');
    if (error instanceof MintRefused && error.code !== 'nameless' && ours) {
      throw new PageError(403, error.code, 'No dserver token for this account', error.message, {
        waysOn: [
          { label: 'Your account', href: '/account' },
          { label: 'Home page', href: '/' },
        ],
      });
    }
    delivery.fail(ctx);
  }

  /** Whatever goes wrong here is one redirect for the browser. */
  async function orFail(ctx: Context, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      await note(ctx, error);
      failed(ctx, error);
    }
  }

  async function giveToSignedIn(ctx: Context, next: string): Promise<void> {
    const session = await sessions.current(ctx);
    const account = session && (await deps.findAccount(session.accountId));
    if (!session || !account || account.disabled) return toOwnSignIn(ctx, next);
    await orFail(ctx, async () => {
      const self = await deps.selfOfSession(session);
      const who = { account, sessionUid: session.uid, self };
      delivery.send(ctx, await deps.issue.forBrowser(who, 'login', requestInfo(ctx)), next);
    });
  }

  function choose(ctx: Context, next: string): void {
    const choices = upstreams.visible().filter(isConfigured);
    if (!acceptsHtml(ctx)) {
      ctx.status = 400;
      ctx.body = {
        error: 'Several providers',
        providers: choices.map(({ id, providerName }) => ({
          provider: providerName,
          login_url: `${deps.baseUrl}${here(id, next)}`,
        })),
      };
      return;
    }
    deps.renderView(ctx, 'choose-sign-in', {
      upstreams: choices.map(({ id, title }) => ({ label: title, href: here(id, next) })),
      localHref: here(LOCAL, next),
    });
  }

  async function login(ctx: Context): Promise<void> {
    const asked = query(ctx, 'provider');
    const next = query(ctx, 'next');
    const returnTo = delivery.returnTo(next);
    ctx.set('Cache-Control', 'no-store');
    if (asked === LOCAL) return giveToSignedIn(ctx, returnTo);
    const choices = upstreams.visible().filter(isConfigured);
    const upstream =
      asked === undefined
        ? choices[0]
        : choices.find(({ id, providerName }) => id === asked || providerName === asked);
    if (asked === undefined && choices.length > 1) return choose(ctx, returnTo);
    if (upstream) {
      return orFail(ctx, () =>
        deps.doors().begin(ctx, { door: 'dserver', upstream, returnTo, purpose: 'sign_in' }),
      );
    }
    if (asked !== undefined) {
      throw new PosternError(404, 'unknown_provider', 'There is no such way to sign in.');
    }
    if (acceptsHtml(ctx)) return toOwnSignIn(ctx, returnTo);
    ctx.status = 500;
    ctx.body = { error: 'OAuth2 not configured', message: 'OAUTH2_AUTHORIZATION_URL is not set' };
  }

  function info(ctx: Context): void {
    const visible = upstreams.visible();
    const first = visible.find(({ id }) => id === deps.pluginId) ?? visible[0];
    ctx.set('Cache-Control', 'no-store');
    ctx.body = {
      provider: first?.providerName ?? deps.providerName,
      login_url: `${deps.baseUrl}/auth/login`,
      configured: first !== undefined && isConfigured(first),
    };
  }

  async function endSession(ctx: Context): Promise<void> {
    const session = await sessions.current(ctx);
    await sessions.signOut(ctx);
    delivery.forgetCookie(ctx);
    if (!session) return;
    await deps.endedUpstream(session);
    const event = { event: 'account.sign_out', outcome: 'success', accountId: session.accountId } as const;
    await audit.record({ ...event, ...requestInfo(ctx) });
  }

  async function signOut(ctx: Context): Promise<void> {
    ctx.set('Cache-Control', 'no-store');
    await endSession(ctx);
    if (wantsJson(ctx)) ctx.body = { success: true };
    else delivery.toFrontend(ctx);
  }

  /** A link on another site must not sign anybody out: it gets the question instead. */
  async function getLogout(ctx: Context): Promise<void> {
    const site = ctx.get('Sec-Fetch-Site');
    const followedHere = site === '' || site === 'same-origin' || site === 'none' || deps.cors.isAllowed(ctx);
    const session = followedHere ? undefined : await sessions.current(ctx);
    const account = session && (await deps.findAccount(session.accountId));
    if (!account) return signOut(ctx);
    deps.renderView(
      ctx,
      'logout',
      { action: '/auth/logout', accountName: account.username, stayHref: '/' },
      { formTargets: delivery.origins },
    );
  }

  async function postLogout(ctx: Context): Promise<void> {
    if (ctx.is('application/x-www-form-urlencoded')) deps.csrf.require(ctx, await readForm(ctx), '/logout');
    else if (!deps.cors.isAllowed(ctx)) deps.origin.require(ctx);
    await signOut(ctx);
  }

  const end: DoorEnd = {
    async arrived(ctx, arrival) {
      await orFail(ctx, async () => {
        const { account, upstream, identity, transaction } = arrival;
        const sessionUid =
          transaction.purpose === 'token' ? undefined : await deps.signInArrival(ctx, arrival);
        const who = { account, sessionUid, self: { upstream, identity } };
        const issued = await deps.issue.forBrowser(who, 'login', requestInfo(ctx));
        delivery.send(ctx, issued, transaction.returnTo);
      });
    },
    async failed(ctx, error, transaction) {
      // Strangers, who may come with any state, must not fill the trail.
      if (transaction !== undefined) await note(ctx, error);
      failed(ctx, error);
    },
  };

  const router = new Router();
  const { middleware: cors } = deps.cors;
  router.get('/auth/login', login);
  for (const path of ['/auth/callback', '/auth/callback/:app']) {
    router.get(path, (ctx) => deps.doors().callback(ctx, 'dserver'));
  }
  router.get('/auth/info', cors, info);
  router.get('/auth/logout', cors, getLogout);
  router.post('/auth/logout', cors, postLogout);
  for (const path of ['/auth/info', '/auth/logout']) router.options(path, cors);
  return { router, end };
}
