import Router from '@koa/router';
import type { Context } from 'koa';
import { canParse } from '../platform/net/can-parse.js';
import type { BrowserSessions } from '../authorization-server/browser-session.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import {
  type FieldFault,
  InvalidInput,
  PosternError,
  type UpstreamError,
  type UpstreamFault,
} from '../platform/errors/errors.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { RenderView } from '../platform/web/render-view.js';
import { returnAddress } from '../platform/web/return-to.js';
import type { ConnectQuestion } from './connect-pages.js';
import { type DoorEnd, type LoginDoors, questionPath, type Upstreams } from './doors.js';
import type { FreshSignIn } from './fresh-sign-in.js';
import type { LinkedAccounts } from './linked-accounts.js';
import { parameter, queryText, requireOffered, signInWay } from './page-routes.js';
import type { SignedIn } from './prove-again.js';
import type { LoginTransaction } from './relying-party.js';
import type { UpstreamSignUp } from './sign-up.js';
import type { UpstreamSessions } from './upstream-sessions.js';
import type { Upstream } from './upstream.js';

/**
 * The REST twins of the linked-account doors under `/api/oauth/…`, for web applications with pages of their
 * own: each ends in a message and a code, in the query of a redirect or by `postMessage`.
 */
export interface RestPayload {
  readonly message: string;
  readonly code: number;
  readonly next_url?: string;
  readonly errors?: readonly FieldFault[];
}

const FAULTS: Readonly<Record<UpstreamFault, RestPayload>> = {
  denied: { message: 'You rejected the authentication request.', code: 400 },
  refused: { message: 'Authorization with remote service failed.', code: 400 },
  unreachable: { message: 'Authorization with remote service failed.', code: 400 },
  linked_elsewhere: { message: 'External service is already linked to another account.', code: 400 },
  nameless: { message: 'Token not found.', code: 400 },
  not_allowed: { message: 'Unauthorized.', code: 401 },
  not_configured: { message: 'Unauthorized.', code: 401 },
  state: { message: 'Invalid state.', code: 403 },
  invalid: { message: 'Invalid response.', code: 500 },
};
const AUTHORIZED: RestPayload = { message: 'Successfully authorized.', code: 200 };
const SIGNED_UP: RestPayload = { message: 'Successfully signed up.', code: 200 };
const DISCONNECTED: RestPayload = { message: 'Successfully disconnected.', code: 200 };
const UNAUTHORIZED: RestPayload = { message: 'Unauthorized.', code: 401 };

export interface RestDelivery {
  readonly issuer: string;
  /** Other origins that `next` may lead to and a message may go to. */
  readonly origins: readonly string[];
  /** `OAUTHCLIENT_REST_DEFAULT_ERROR_REDIRECT_URL`. */
  readonly errorRedirect: string;
  /** `OAUTHCLIENT_REST_DEFAULT_RESPONSE_HANDLER`; `?response=postmessage` asks for one login. */
  readonly response: 'redirect' | 'postmessage';
  readonly renderView: RenderView;
}

interface EndDependencies extends RestDelivery {
  readonly sessions: Pick<BrowserSessions, 'signIn'>;
  readonly upstreamSessions: Pick<UpstreamSessions, 'describe'>;
}

/** The address with the payload in its query. */
function withPayload(address: string, payload: RestPayload, issuer: string): string {
  const url = new URL(address, issuer);
  for (const [name, value] of Object.entries(payload)) url.searchParams.set(name, String(value));
  return url.origin === issuer ? url.pathname + url.search + url.hash : url.href;
}

export function createRestEnd(deps: EndDependencies): DoorEnd {
  const { issuer, origins, renderView } = deps;

  /** A message goes to one origin that is known: that of the application the login ends at, or our own. */
  function post(ctx: Context, payload: RestPayload, returnTo: string): void {
    const { origin, href } = new URL(returnTo, issuer);
    const target = origins.includes(origin) ? origin : issuer;
    renderView(ctx, 'post-message', {
      message: payload.message,
      payload: JSON.stringify(payload),
      target,
      continueHref: origins.includes(origin) || origin === issuer ? href : '/',
    });
  }

  return {
    async arrived(ctx, arrival) {
      const { account, transaction } = arrival;
      if (transaction.purpose !== 'link' || !arrival.linked) {
        await deps.sessions.signIn(ctx, account, signInWay(deps.upstreamSessions, arrival));
      }
      const { returnTo } = transaction;
      const payload = { ...(arrival.created ? SIGNED_UP : AUTHORIZED), next_url: returnTo };
      if (ctx.method === 'POST') ctx.body = payload;
      else if (transaction.postMessage) post(ctx, payload, returnTo);
      else ctx.redirect(withPayload(returnTo, payload, issuer));
    },
    async failed(ctx, error: UpstreamError, transaction: LoginTransaction | undefined) {
      const payload = FAULTS[error.fault];
      if (ctx.method === 'POST') {
        ctx.status = payload.code;
        ctx.body = payload;
      } else if (transaction?.postMessage) post(ctx, payload, transaction.returnTo);
      else ctx.redirect(withPayload(deps.errorRedirect, payload, issuer));
    },
  };
}

interface Dependencies extends RestDelivery {
  readonly upstreams: Upstreams;
  readonly doors: LoginDoors;
  readonly signUp: UpstreamSignUp;
  readonly linkedAccounts: LinkedAccounts;
  readonly current: (ctx: Context) => Promise<SignedIn | undefined>;
  readonly fresh: FreshSignIn;
  readonly connecting: ConnectQuestion;
  readonly csrf: Csrf;
  readonly requireOwnOrigin: (ctx: Context) => void;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

function answer(ctx: Context, payload: RestPayload): void {
  ctx.status = payload.code;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = payload;
}

/** Whether a post comes from our own pages or from an application of the list; a program names no origin. */
function requireKnownOrigin(ctx: Context, { origins, requireOwnOrigin }: Dependencies): void {
  if (!origins.includes(ctx.get('Origin'))) requireOwnOrigin(ctx);
}

export function createRestRoutes(deps: Dependencies): Router {
  const { upstreams, doors, connecting, issuer, origins } = deps;
  const router = new Router({ prefix: '/api/oauth' });
  interface Query {
    readonly next: string;
    readonly response: string;
  }
  const queryOf = (next: string | undefined, response: string | undefined): Query => ({
    next: returnAddress(next, { origins, foreign: 'cut', fallback: '/' }),
    response: response ?? deps.response,
  });

  const begin = (ctx: Context, upstream: Upstream, { next, response }: Query, accountId?: string) =>
    doors.begin(ctx, {
      door: 'rest',
      upstream,
      returnTo: next,
      postMessage: response === 'postmessage',
      ...(accountId === undefined ? {} : { purpose: 'link' as const, accountId }),
    });

  const asked = (upstream: Upstream, query: Query) => ({
    upstream,
    path: `/api/oauth/login/${upstream.id}/`,
    query: { ...query },
  });

  router.get('/login/:app/', async (ctx) => {
    const upstream = requireOffered(upstreams, parameter(ctx, 'app'));
    const current = await deps.current(ctx);
    const query = queryOf(queryText(ctx, 'next'), queryText(ctx, 'response'));
    // Only our own pages and listed applications ask somebody to connect an account.
    if (current === undefined || isForeign(ctx, deps)) return begin(ctx, upstream, query);
    if (await connecting.isNeedless(ctx, current, upstream))
      return begin(ctx, upstream, query, current.account.id);
    await connecting.show(ctx, current, asked(upstream, query));
  });

  /** The form of our page in between; the applications themselves post nothing here. */
  router.post('/login/:app/', async (ctx) => {
    const form = await readForm(ctx);
    deps.csrf.require(ctx, form);
    const upstream = requireOffered(upstreams, parameter(ctx, 'app'));
    const current = await deps.current(ctx);
    const query = queryOf(form.next, form.response);
    const settled = !current || (await connecting.settled(ctx, current, asked(upstream, query), form));
    if (settled) await begin(ctx, upstream, query, current?.account.id);
  });

  router.get('/authorized/:app/', async (ctx) => {
    if (upstreams.find(parameter(ctx, 'app')) === undefined) throw unknownApp();
    await doors.callback(ctx, 'rest');
  });

  router.get('/signup/:app/', async (ctx) => {
    const upstream = requireOffered(upstreams, parameter(ctx, 'app'));
    const ticket = queryText(ctx, 'ticket');
    if (ticket === undefined) return ctx.redirect(withPayload(deps.errorRedirect, UNAUTHORIZED, issuer));
    const form = await deps.signUp.open(ticket, doors.browserOf(ctx)).catch(() => undefined);
    if (form === undefined) return ctx.redirect(withPayload(deps.errorRedirect, UNAUTHORIZED, issuer));
    const { transaction } = form.login;
    const step = 'sign_up' as const;
    ctx.redirect(
      questionPath({
        outcome: 'pending',
        step,
        ticket,
        transaction: { ...transaction, upstreamId: upstream.id },
      }),
    );
  });

  router.post('/signup/:app/', async (ctx) => {
    requireKnownOrigin(ctx, deps);
    requireOffered(upstreams, parameter(ctx, 'app'));
    const { ticket = '', ...typed } = await readForm(ctx);
    const form = await deps.signUp.open(ticket, doors.browserOf(ctx)).catch(() => undefined);
    if (form === undefined) return answer(ctx, UNAUTHORIZED);
    const { username, email, full_name } = typed;
    try {
      const completed = await deps.signUp.submit(form, { username, email, full_name }, deps.requestInfo(ctx));
      if (completed.outcome === 'arrived') return await doors.deliver(ctx, completed);
      // The address belongs to an account here: only its owner can go on, on our page.
      const next_url = new URL(questionPath(completed), issuer).href;
      answer(ctx, { message: 'Form validation error.', code: 400, next_url });
    } catch (error) {
      if (!(error instanceof InvalidInput)) return doors.fail(ctx, error, form.login.transaction);
      answer(ctx, { message: 'Form validation error.', code: 400, errors: error.faults });
    }
  });

  router.get('/disconnect/:app/', (ctx) =>
    ctx.redirect(`/oauth/disconnect/${encodeURIComponent(parameter(ctx, 'app'))}/`),
  );

  router.post('/disconnect/:app/', async (ctx) => {
    requireKnownOrigin(ctx, deps);
    const current = await deps.current(ctx);
    if (!current) return answer(ctx, UNAUTHORIZED);
    const { password = '' } = await readForm(ctx);
    const { account, session } = current;
    const info = deps.requestInfo(ctx);
    const proven =
      (await deps.fresh.isFresh(session)) ||
      (password !== '' && (await deps.fresh.provesPassword(account, password, info)));
    if (!proven)
      return answer(ctx, {
        ...UNAUTHORIZED,
        next_url: `${issuer}/oauth/disconnect/${parameter(ctx, 'app')}/`,
      });
    await deps.linkedAccounts.disconnect(account.id, parameter(ctx, 'app'), session, info);
    answer(ctx, DISCONNECTED);
  });

  return router;
}

const unknownApp = (): PosternError =>
  new PosternError(404, 'not_found', 'There is no such way of signing in here.');

/** A top-level visit tells no origin, but its referrer does, to the sites we list. */
function isForeign(ctx: Context, { origins }: Dependencies): boolean {
  const site = ctx.get('Sec-Fetch-Site');
  if (site !== 'cross-site' && site !== 'same-site') return false;
  const referrer = ctx.get('Referer');
  return !(canParse(referrer) && origins.includes(new URL(referrer).origin));
}
