import Router from '@koa/router';
import type { Context } from 'koa';
import type { BrowserSessions } from '../authorization-server/browser-session.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { Flash } from '../platform/web/flash.js';
import { noticeText } from '../platform/web/notice-text.js';
import type { RenderView } from '../platform/web/render-view.js';
import { localPath } from '../platform/web/return-to.js';
import { seeOther } from '../platform/web/see-other.js';
import type { UpstreamLink } from '../platform/web/upstream-views.js';
import type { Account } from './account.js';
import type { SignInPages, SignInPlace } from './sign-in-pages.js';
import type { SignUpPages, SignUpPlace } from './sign-up-pages.js';

/** `/login`, `/signup` and `/logout`. */
interface Dependencies {
  readonly sessions: BrowserSessions;
  readonly signInPages: SignInPages;
  readonly signUpPages: SignUpPages;
  readonly currentAccount: (ctx: Context) => Promise<Account | undefined>;
  /** Signing in through others. */
  readonly upstreams: UpstreamWays;
  /** Addresses elsewhere that a path here leads on to: Chrome holds a form to where its redirects end. */
  readonly leadsTo: (path: string) => readonly string[];
  /** Left out where no mail can be sent. */
  readonly forgotHref: string | undefined;
  readonly csrf: Csrf;
  readonly flash: Flash;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

export interface AccountPages {
  readonly router: Router;
  /** The sign-in form's surroundings on our own pages. */
  signInPlace(next: string): SignInPlace;
  /** Takes a sign-in form posted to one of our own pages. */
  takeSignIn(ctx: Context): Promise<void>;
}

/** What these pages need of the relying party. */
export interface UpstreamWays {
  /** The buttons beside the form, leading on to `next`. */
  links(next: string): UpstreamLink[];
  /** Sends a visit of `/login` straight to the one provider, where there is one. `false`: show the form. */
  begin(ctx: Context): Promise<boolean>;
  /** Ends the session of this browser; what is to follow at its upstream. */
  signOut(ctx: Context): Promise<{ readonly address?: string; readonly text: string } | undefined>;
  /** Whether a visit of `/logout` by this browser ends the session at once, as the OIDC demo did. */
  signsOutAtOnce(ctx: Context): Promise<boolean>;
  /** Where signing out would lead, for the page's policy. */
  signOutTargets(ctx: Context): Promise<string[]>;
}

/** What else `/logout` has to say to somebody who is signed out. */
export const SIGNED_OUT = 'signed out';

const query = (ctx: Context, name: string): string | undefined => {
  const value = ctx.query[name];
  return typeof value === 'string' ? value : undefined;
};

/** What `/login?error=…` says: whoever sends people there names no more than a word. */
const noticeOf = (error: string | undefined): string | undefined =>
  error === undefined
    ? undefined
    : (noticeText(ERRORS, error) ?? 'The sign-in did not work. Please try again, or sign in here.');

const ERRORS: Readonly<Record<string, string>> = {
  denied: 'You rejected the authentication request.',
};

export function createAccountPages(deps: Dependencies): AccountPages {
  const { sessions, signInPages, signUpPages, csrf, renderView, requestInfo } = deps;

  const signInPlace = (next: string): SignInPlace => ({
    action: '/login',
    hidden: { next },
    ...(signUpPages.isOpen ? { signUpHref: `/signup?next=${encodeURIComponent(next)}` } : {}),
    ...(deps.forgotHref ? { forgotHref: deps.forgotHref } : {}),
    upstreams: deps.upstreams.links(next),
    formTargets: deps.leadsTo(next),
  });

  async function takeSignIn(ctx: Context): Promise<void> {
    const form = await readForm(ctx);
    csrf.require(ctx, form);
    const next = localPath(form.next);
    const account = await signInPages.take(ctx, signInPlace(next), form, requestInfo(ctx));
    if (!account) return;
    await sessions.signIn(ctx, account);
    seeOther(ctx, next);
  }

  const signUpPlace = (next: string): SignUpPlace => ({
    action: '/signup',
    hidden: { next },
    loginHref: `/login?next=${encodeURIComponent(next)}`,
    upstreams: deps.upstreams.links(next),
    formTargets: deps.leadsTo(next),
  });

  async function takeSignUp(ctx: Context): Promise<void> {
    const form = await readForm(ctx);
    const next = localPath(form.next);
    const account = await signUpPages.take(ctx, signUpPlace(next), form);
    if (!account) return;
    await sessions.signIn(ctx, account);
    seeOther(ctx, next);
  }

  /** After the session has ended: on to where its upstream signs out, or the page that says it is done. */
  async function leave(ctx: Context): Promise<void> {
    const goodbye = await deps.upstreams.signOut(ctx);
    if (goodbye?.address) return seeOther(ctx, goodbye.address);
    if (goodbye) deps.flash.put(ctx, SIGNED_OUT, { notice: goodbye.text });
    // Nobody is signed in there any more: the page says so.
    seeOther(ctx, '/logout');
  }

  async function showLogout(ctx: Context): Promise<void> {
    const current = await deps.currentAccount(ctx);
    if (!current) {
      const { notice } = deps.flash.take(ctx, SIGNED_OUT) ?? {};
      return renderView(ctx, 'signed-out', { loginHref: '/login', ...(notice ? { notice } : {}) });
    }
    if (await deps.upstreams.signsOutAtOnce(ctx)) {
      const goodbye = await deps.upstreams.signOut(ctx);
      return ctx.redirect(goodbye?.address ?? '/');
    }
    const model = { action: '/logout', accountName: current.username, stayHref: '/' };
    renderView(ctx, 'logout', model, { formTargets: await deps.upstreams.signOutTargets(ctx) });
  }

  async function takeLogout(ctx: Context): Promise<void> {
    const form = await readForm(ctx);
    csrf.require(ctx, form);
    if (form.logout !== 'yes') return seeOther(ctx, '/');
    await leave(ctx);
  }

  async function showSignIn(ctx: Context): Promise<void> {
    if (await deps.upstreams.begin(ctx)) return;
    const notice = noticeOf(query(ctx, 'error'));
    signInPages.show(ctx, { ...signInPlace(localPath(query(ctx, 'next'))), ...(notice ? { notice } : {}) });
  }

  const router = new Router();
  router.get('/login', showSignIn);
  router.post('/login', takeSignIn);
  router.get('/signup', (ctx) =>
    signUpPages.show(ctx, signUpPlace(localPath(query(ctx, 'next'))), query(ctx, 'invite')),
  );
  router.post('/signup', takeSignUp);
  router.get('/logout', showLogout);
  router.post('/logout', takeLogout);
  return { router, signInPlace, takeSignIn };
}
