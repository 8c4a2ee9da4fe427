import Router from '@koa/router';
import type { Context } from 'koa';
import type { BrowserSessions } from '../authorization-server/browser-session.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { InvalidInput, PageError, TooManyAttempts, Unavailable } from '../platform/errors/errors.js';
import { type Form, readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { Flash } from '../platform/web/flash.js';
import type { RenderView } from '../platform/web/render-view.js';
import { localPath } from '../platform/web/return-to.js';
import type { UpstreamLink } from '../platform/web/upstream-views.js';
import type { Account } from './account.js';
import { MINIMUM_LENGTH } from './passwords.js';
import type { ByMail } from './by-mail.js';
import type { Invited, Register } from './register.js';
import type { SignInPages, SignInPlace } from './sign-in-pages.js';

/** `/login`, `/signup` and `/logout`. */
interface Dependencies {
  readonly sessions: BrowserSessions;
  readonly signInPages: SignInPages;
  readonly register: Register['signUp'];
  readonly currentAccount: (ctx: Context) => Promise<Account | undefined>;
  readonly signUp: SignUpSetting;
  /** Signing in through others. */
  readonly upstreams: UpstreamWays;
  readonly byMail: ByMail;
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

type SignUpSetting = 'open' | 'invite' | 'closed';

const CLOSED = {
  closed: 'Accounts here are made by an administrator. Ask the people who run this server.',
  invite: 'Accounts here are made for people who were invited. Ask the people who run this server.',
};

const query = (ctx: Context, name: string): string | undefined => {
  const value = ctx.query[name];
  return typeof value === 'string' ? value : undefined;
};

/** What `/login?error=…` says: whoever sends people there names no more than a word. */
const noticeOf = (error: string | undefined): string | undefined =>
  error === undefined
    ? undefined
    : (ERRORS[error] ?? 'The sign-in did not work. Please try again, or sign in here.');

const ERRORS: Readonly<Record<string, string>> = {
  denied: 'You rejected the authentication request.',
};

/** The account is there; its page offers the mail again. */
function laterOnly(error: unknown): void {
  if (!(error instanceof TooManyAttempts || error instanceof Unavailable)) throw error;
}

export function createAccountPages(deps: Dependencies): AccountPages {
  const { sessions, signInPages, csrf, renderView, requestInfo } = deps;

  const signInPlace = (next: string): SignInPlace => ({
    action: '/login',
    hidden: { next },
    ...(deps.signUp === 'open' ? { signUpHref: `/signup?next=${encodeURIComponent(next)}` } : {}),
    ...(deps.byMail.postman.available ? { forgotHref: '/forgot-password' } : {}),
    upstreams: deps.upstreams.links(next),
  });

  function seeOther(ctx: Context, path: string): void {
    ctx.status = 303;
    ctx.redirect(path);
  }

  async function takeSignIn(ctx: Context): Promise<void> {
    const form = await readForm(ctx);
    csrf.require(ctx, form);
    const next = localPath(form.next);
    const account = await signInPages.take(ctx, signInPlace(next), form, requestInfo(ctx));
    if (!account) return;
    await sessions.signIn(ctx, account.id);
    seeOther(ctx, next);
  }

  function showSignUp(
    ctx: Context,
    form: Form,
    invited: Invited | undefined,
    faults: InvalidInput['faults'] = [],
  ): void {
    const next = localPath(form.next);
    const { invite, email } = form;
    renderView(
      ctx,
      'signup',
      {
        action: '/signup',
        hidden: { next, ...(invited && invite ? { invite } : {}) },
        ...(invited ? { invited: invited.email } : { askEmail: deps.byMail.postman.available }),
        ...(email ? { email } : {}),
        minimumLength: MINIMUM_LENGTH,
        ...(invited ? {} : { upstreams: deps.upstreams.links(next) }),
        loginHref: `/login?next=${encodeURIComponent(next)}`,
        faults,
        ...(form.username ? { username: form.username } : {}),
      },
      { status: faults.length > 0 ? 400 : 200 },
    );
  }

  /** Whether a stranger may sign up here, and by which invitation. */
  async function requireSignUp(invite: string | undefined): Promise<Invited | undefined> {
    if (invite && deps.signUp !== 'closed') return deps.byMail.invitations.open(invite);
    if (deps.signUp === 'open') return undefined;
    throw new PageError(403, 'sign_up_closed', 'Sign-up is closed', CLOSED[deps.signUp], {
      waysOn: [{ label: 'Sign in', href: '/login' }],
    });
  }

  async function takeSignUp(ctx: Context): Promise<void> {
    const form = await readForm(ctx);
    const invited = await requireSignUp(form.invite);
    csrf.require(ctx, form);
    const info = requestInfo(ctx);
    const { postman, limits, emailAddress } = deps.byMail;
    const email = postman.available ? form.email?.trim() : undefined;
    try {
      const { username = '', password = '' } = form;
      if (email) await limits.check(email, info);
      const account = await deps.register({ username, password, email }, info, invited);
      await sessions.signIn(ctx, account.id);
      await emailAddress.sendVerification(account, info).catch(laterOnly);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      return showSignUp(ctx, form, invited, error.faults);
    }
    seeOther(ctx, localPath(form.next));
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
  router.get('/signup', async (ctx) => {
    const invite = query(ctx, 'invite');
    const invited = await requireSignUp(invite);
    const next = query(ctx, 'next');
    showSignUp(ctx, { ...(next ? { next } : {}), ...(invite ? { invite } : {}) }, invited);
  });
  router.post('/signup', takeSignUp);
  router.get('/logout', showLogout);
  router.post('/logout', takeLogout);
  return { router, signInPlace, takeSignIn };
}
