import Router from '@koa/router';
import type { Context } from 'koa';
import type { AccountPages } from '../accounts/routes.js';
import type { Account } from '../accounts/account.js';
import type { SignInPlace } from '../accounts/sign-in-pages.js';
import type { ClientRecord } from '../clients/client.js';
import { noticeText } from '../platform/web/notice-text.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { HomeModel, LoginModel } from '../platform/web/views.js';

/** `/`: what this is and how it is doing, one's own clients, or the sign-in box (`POST /` works as `/login`). */
interface Dependencies {
  readonly issuer: string;
  readonly currentAccount: (ctx: Context) => Promise<Account | undefined>;
  readonly clientsOf: (accountId: string) => Promise<readonly ClientRecord[]>;
  readonly mayCreateClients: (account: Account) => boolean;
  /** Then there is the demo as well. */
  readonly everybodyCreates: boolean;
  /** Rejects where the database does not answer. */
  readonly database: () => Promise<void>;
  readonly signingKeys: () => HomeModel['status']['signingKeys'];
  /** What the upstream of this session says about the person. */
  readonly upstreamClaims: (ctx: Context) => Promise<HomeModel['upstream'] | undefined>;
  readonly accountPages: AccountPages;
  readonly renderView: RenderView;
}

const LINKS = [
  { label: 'Discovery document', href: '/.well-known/openid-configuration' },
  { label: 'Public keys', href: '/oauth/jwks.json' },
  { label: 'Health', href: '/readyz' },
];

const CREATE_CLIENT = '/create_client';

/** How a login through an upstream ended that came from nowhere in particular. */
const NOTICES: Readonly<Record<string, string>> = {
  login_denied: 'You rejected the authentication request.',
  login_refused: 'Authorization with remote service failed.',
};

function noticeOf(ctx: Context): { notice?: string } {
  const notice = noticeText(NOTICES, ctx.query.notice);
  return notice ? { notice } : {};
}

const loginModel = ({ formTargets: _targets, ...place }: SignInPlace): LoginModel => place;

export function createHomeRoutes(deps: Dependencies): Router {
  const { issuer, accountPages, renderView } = deps;

  async function common() {
    const database = await deps.database().then(
      () => true,
      () => false,
    );
    return {
      issuer,
      links: LINKS,
      status: { database, signingKeys: deps.signingKeys() },
      ...(deps.everybodyCreates ? { tryHref: '/demo' } : {}),
    };
  }

  async function showAnonymous(ctx: Context): Promise<void> {
    const place = accountPages.signInPlace('/');
    renderView(ctx, 'home', {
      ...(await common()),
      clients: [],
      signIn: loginModel(place),
      ...noticeOf(ctx),
      ...(place.signUpHref ? { signUpHref: place.signUpHref } : {}),
      ...(deps.everybodyCreates ? { createClientHref: CREATE_CLIENT } : {}),
    });
  }

  async function showOwn(ctx: Context, account: Account): Promise<void> {
    const { username, displayName, roles } = account;
    const [clients, upstream] = await Promise.all([deps.clientsOf(account.id), deps.upstreamClaims(ctx)]);
    const model: HomeModel = {
      ...(await common()),
      account: { name: displayName ?? username, username, roles },
      clients: clients.map(({ clientId, metadata }) => ({
        clientId,
        name: metadata.client_name || clientId,
        href: `/clients/${clientId}`,
      })),
      ...(upstream ? { upstream } : {}),
      ...noticeOf(ctx),
      ...(deps.mayCreateClients(account) ? { createClientHref: CREATE_CLIENT } : {}),
    };
    renderView(ctx, 'home', model, { account: { name: username, roles } });
  }

  const router = new Router();
  router.get('/', async (ctx) => {
    const account = await deps.currentAccount(ctx);
    return account ? showOwn(ctx, account) : showAnonymous(ctx);
  });
  router.post('/', accountPages.takeSignIn);
  return router;
}
