import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { UpstreamError } from '../platform/errors/errors.js';
import { createLoginCookie } from '../platform/web/login-cookie.js';
import { FailedLogin } from './failed-login.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { RedirectUris } from './redirect-uris.js';
import type {
  Arrival,
  Begin,
  Completed,
  LoginTransaction,
  Pending,
  Purpose,
  QuestionStep,
  RelyingParty,
} from './relying-party.js';
import type { DoorName, Upstream } from './upstream.js';

/** How one door answers. Signing the browser in is the door's own affair. */
export interface DoorEnd {
  arrived(ctx: Context, arrival: Arrival): Promise<void>;
  /** `transaction` is absent where the state was unknown, used, late, or another browser's. */
  failed(ctx: Context, error: UpstreamError, transaction: LoginTransaction | undefined): Promise<void>;
}

/** What a door says of the login it begins. */
export interface DoorLogin {
  readonly door: DoorName;
  readonly upstream: Upstream;
  readonly returnTo: string;
  /** `sign_in` unless said otherwise. */
  readonly purpose?: Purpose;
  readonly accountId?: string;
  readonly interactionUid?: string;
  readonly question?: string;
  readonly postMessage?: boolean;
  /** Seconds. */
  readonly maxAge?: number;
}

/** The HTTP side of every login through an upstream. */
export interface LoginDoors {
  /**
   * Sets the browser's cookie and sends it upstream: 302, or by a page where a form was posted. Where that fails,
   * the door's end answers.
   */
  begin(ctx: Context, login: DoorLogin): Promise<void>;
  /** A callback: completes the login and hands it to the end of the door it began at. */
  callback(ctx: Context, fallback: DoorName): Promise<void>;
  /** Hands on what an answered question came to. */
  deliver(ctx: Context, completed: Completed): Promise<void>;
  /** An open question ended in a fault: the door of its login answers. */
  fail(ctx: Context, error: unknown, transaction: LoginTransaction): Promise<void>;
  /** What the cookies of this browser hold (`LoginCookie.of`). */
  browserOf(ctx: Context): string | undefined;
}

/** All upstreams, and those a person may choose among. */
export interface Upstreams {
  find(id: string): Upstream | undefined;
  list(): readonly Upstream[];
  /** Not hidden, configured, and not for linking alone. */
  visible(): readonly Upstream[];
}

/** The doors of parts that are not there answer as our own pages do. */
export type DoorEnds = Partial<Record<DoorName, DoorEnd>> & { readonly page: DoorEnd };

interface Dependencies {
  readonly relyingParty: RelyingParty;
  readonly ends: DoorEnds;
  readonly redirectUris: RedirectUris;
  /** Seconds at the linked-account doors (`OAUTHCLIENT_STATE_EXPIRES`). */
  readonly linkedTtl: number;
  /** Whether the issuer is https: then the cookie is `Secure` and carries the `__Host-` prefix. */
  readonly secure: boolean;
  readonly currentAccountId: (ctx: Context) => Promise<string | undefined>;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

/** Seconds that a person may stay at the upstream. */
const TTL: Readonly<Partial<Record<DoorName, number>>> = {
  dserver: 600,
  permission: 600,
  page: 600,
  oidc: 3600,
};

const QUESTION_PATHS: Readonly<Record<QuestionStep, string>> = {
  sign_up: 'signup',
  link_desk: 'link',
  keep_account: 'keep',
};

/** The page of an open question. */
export function questionPath({ step, ticket, transaction, fault }: Pending): string {
  const query = new URLSearchParams({ ticket, ...(fault ? { fault } : {}) });
  return `/oauth/${QUESTION_PATHS[step]}/${transaction.upstreamId}/?${query}`;
}

/** Doors answer callbacks with 302, as the originals did; what answers a form of ours is fetched by GET. */
function afterPost(ctx: Context): void {
  if (ctx.method === 'POST' && ctx.status === 302) ctx.status = 303;
}

export function createLoginDoors(deps: Dependencies): LoginDoors {
  const { relyingParty, ends, redirectUris } = deps;
  const cookie = createLoginCookie(deps.secure);
  const endOf = (door: DoorName): DoorEnd => ends[door] ?? ends.page;

  async function fail(ctx: Context, error: unknown, transaction: LoginTransaction): Promise<void> {
    if (!(error instanceof UpstreamError)) throw error;
    await endOf(transaction.door).failed(ctx, error, transaction);
    afterPost(ctx);
  }

  /** A redirect that answers a form is held to its page's `form-action`, however many more the upstream makes. */
  function send(ctx: Context, { title }: Upstream, location: string): void {
    if (ctx.method === 'POST') {
      deps.renderView(ctx, 'onward', { title, href: location }, { title: `On to ${title}` });
      ctx.set('Refresh', `0; url=${location}`);
    } else ctx.redirect(location);
  }

  async function deliver(ctx: Context, completed: Completed): Promise<void> {
    if (completed.outcome === 'arrived') {
      const { arrival } = completed;
      await endOf(arrival.transaction.door).arrived(ctx, arrival);
      return afterPost(ctx);
    }
    ctx.status = 303;
    ctx.redirect(questionPath(completed));
  }

  return {
    async begin(ctx, { purpose = 'sign_in', ...login }) {
      const { door, upstream } = login;
      // A proof for the link desk comes back to the pages, whatever door the desk's own login came by.
      const redirectUri = redirectUris(login.question === undefined ? door : 'page', upstream.id);
      const browser = cookie.give(ctx);
      const begun: Begin = { ...login, purpose, redirectUri, browser, ttl: TTL[door] ?? deps.linkedTtl };
      try {
        const { location } = await relyingParty.begin(begun);
        send(ctx, upstream, location);
      } catch (error) {
        const { upstream: _entry, browser: _cookie, ttl: _ttl, ...transaction } = begun;
        await fail(ctx, error, { ...transaction, upstreamId: upstream.id });
      }
    },
    async callback(ctx, fallback) {
      const { app = '' } = (ctx as Context & { params?: { app?: string } }).params ?? {};
      let completed: Completed;
      try {
        completed = await relyingParty.complete(
          {
            params: new URLSearchParams(ctx.querystring),
            redirectUri: redirectUris(fallback, app),
            browser: cookie.of(ctx),
            signedInAs: await deps.currentAccountId(ctx),
          },
          deps.requestInfo(ctx),
        );
      } catch (error) {
        if (!(error instanceof FailedLogin)) throw error;
        return endOf(error.transaction?.door ?? fallback).failed(ctx, error, error.transaction);
      }
      await deliver(ctx, completed);
    },
    deliver,
    fail,
    browserOf: (ctx) => cookie.of(ctx),
  };
}
