/**
 * The pages of a pending request under `/interaction/:uid` (OIDC Core §3.1.2.3 and §3.1.2.4). They form a
 * star: each step ends at the authorization endpoint, which decides what comes next; none leads to another.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { SignInPages, SignInPlace } from '../accounts/sign-in-pages.js';
import type { SignUpPages, SignUpPlace } from '../accounts/sign-up-pages.js';
import type { Interactions, PendingInteraction } from '../authorization-server/interactions.js';
import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { RenderView } from '../platform/web/render-view.js';
import { seeOther } from '../platform/web/see-other.js';
import type { UpstreamLink } from '../platform/web/upstream-views.js';
import { clientCard, consentModel, untickedOf } from './consent.js';

interface Dependencies {
  readonly interactions: Interactions;
  readonly signInPages: SignInPages;
  readonly signUpPages: SignUpPages;
  /** The buttons of other ways to sign in. */
  readonly upstreamLinks: (uid: string) => UpstreamLink[];
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly audit: Audit;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

const pathOf = (uid: string, step = ''): string => `/interaction/${uid}${step}`;

const targetsOf = ({ redirectUri }: PendingInteraction): string[] => (redirectUri ? [redirectUri] : []);

export function createInteractionRoutes(deps: Dependencies): Router {
  const { interactions, signInPages, signUpPages, csrf, renderView, requestInfo } = deps;

  const placeOf = (pending: PendingInteraction): SignInPlace => ({
    action: pathOf(pending.uid, '/login'),
    client: clientCard(pending.client),
    cancelAction: pathOf(pending.uid, '/cancel'),
    ...(signUpPages.isOpen ? { signUpHref: pathOf(pending.uid, '/signup') } : {}),
    upstreams: deps.upstreamLinks(pending.uid),
    formTargets: targetsOf(pending),
  });

  const signUpPlaceOf = (pending: PendingInteraction): SignUpPlace => ({
    action: pathOf(pending.uid, '/signup'),
    loginHref: pathOf(pending.uid),
    upstreams: deps.upstreamLinks(pending.uid),
    formTargets: targetsOf(pending),
  });

  const pendingOf = (ctx: Context): Promise<PendingInteraction> =>
    interactions.get(ctx, String((ctx as Context & { params: { uid: string } }).params.uid));

  async function show(ctx: Context): Promise<void> {
    const pending = await pendingOf(ctx);
    const account = pending.accountId ? await deps.findAccount(pending.accountId) : undefined;
    // "Not you?" was pressed.
    if (ctx.query.switch === 'yes') return signInPages.show(ctx, placeOf(pending));
    if (pending.prompt === 'login' || !account) {
      const username = pending.loginHint ?? account?.username;
      return signInPages.show(ctx, placeOf(pending), username ? { username } : {});
    }
    const { ownerId } = pending.client;
    const owner = ownerId ? await deps.findAccount(ownerId) : undefined;
    const path = (step: string) => pathOf(pending.uid, step);
    renderView(ctx, 'consent', consentModel(pending, { account, owner }, path), {
      formTargets: targetsOf(pending),
    });
  }

  async function login(ctx: Context): Promise<void> {
    // Looked at before the password is: an expired request must not cost anybody their typing.
    const pending = await pendingOf(ctx);
    const form = await readForm(ctx);
    csrf.require(ctx, form, pathOf(pending.uid));
    const account = await signInPages.take(ctx, placeOf(pending), form, requestInfo(ctx));
    if (account) seeOther(ctx, await interactions.login(ctx, account));
  }

  async function signUp(ctx: Context): Promise<void> {
    const place = signUpPlaceOf(await pendingOf(ctx));
    if (ctx.method !== 'POST') return signUpPages.show(ctx, place);
    const account = await signUpPages.take(ctx, place, await readForm(ctx));
    if (account) seeOther(ctx, await interactions.login(ctx, account));
  }

  async function refuse(ctx: Context, pending: PendingInteraction): Promise<void> {
    await deps.audit.record({
      event: 'consent.denied',
      outcome: 'failure',
      ...requestInfo(ctx),
      ...(pending.accountId ? { accountId: pending.accountId } : {}),
      clientId: pending.client.clientId,
    });
    seeOther(ctx, await interactions.deny(ctx));
  }

  async function consent(ctx: Context): Promise<void> {
    const pending = await pendingOf(ctx);
    const form = await readForm(ctx);
    csrf.require(ctx, form, pathOf(pending.uid));
    if (pending.prompt !== 'consent' || !pending.accountId) return seeOther(ctx, pathOf(pending.uid));
    if (form.decision !== 'allow') return refuse(ctx, pending);
    const unticked = untickedOf(pending, form);
    const address = await interactions.agree(ctx, pending, unticked);
    await deps.audit.record({
      event: 'consent.granted',
      outcome: 'success',
      ...requestInfo(ctx),
      accountId: pending.accountId,
      clientId: pending.client.clientId,
      detail: {
        scope: pending.asked.scopes.filter((scope) => !unticked.includes(scope)).join(' '),
        ...(unticked.length > 0 ? { unticked: unticked.join(' ') } : {}),
      },
    });
    seeOther(ctx, address);
  }

  /** "Not you?": the sign-in form of the same request. Nothing ends before somebody else has signed in. */
  async function switchAccount(ctx: Context): Promise<void> {
    const pending = await pendingOf(ctx);
    csrf.require(ctx, await readForm(ctx), pathOf(pending.uid));
    seeOther(ctx, `${pathOf(pending.uid)}?switch=yes`);
  }

  async function cancel(ctx: Context): Promise<void> {
    const pending = await pendingOf(ctx);
    csrf.require(ctx, await readForm(ctx), pathOf(pending.uid));
    await refuse(ctx, pending);
  }

  const router = new Router();
  router.get('/interaction/:uid', show);
  router.post('/interaction/:uid/login', login);
  router.get('/interaction/:uid/signup', signUp);
  router.post('/interaction/:uid/signup', signUp);
  router.post('/interaction/:uid/consent', consent);
  router.post('/interaction/:uid/switch', switchAccount);
  router.post('/interaction/:uid/cancel', cancel);
  return router;
}
