import Router from '@koa/router';
import type { Context } from 'koa';
import type { AccountPages } from '../accounts/routes.js';
import type { Account } from '../accounts/account.js';
import type { SignInPlace } from '../accounts/sign-in-pages.js';
import type { ClientRecord } from '../clients/client.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { LoginModel } from '../platform/web/views.js';

/** `/`: what this is, one's own clients, or the sign-in box (`POST /` works as `/login`). */
interface Dependencies {
  readonly issuer: string;
  readonly currentAccount: (ctx: Context) => Promise<Account | undefined>;
  readonly clientsOf: (accountId: string) => Promise<readonly ClientRecord[]>;
  readonly mayCreateClients: (account: Account) => boolean;
  readonly accountPages: AccountPages;
  readonly renderView: RenderView;
}

const LINKS = [
  { label: 'Discovery document', href: '/.well-known/openid-configuration' },
  { label: 'Public keys', href: '/oauth/jwks.json' },
  { label: 'Health', href: '/readyz' },
];

const loginModel = ({ formTargets: _targets, ...place }: SignInPlace): LoginModel => place;

export function createHomeRoutes(deps: Dependencies): Router {
  const { issuer, accountPages, renderView } = deps;

  async function show(ctx: Context): Promise<void> {
    const account = await deps.currentAccount(ctx);
    if (!account) {
      const place = accountPages.signInPlace('/');
      return renderView(ctx, 'home', {
        issuer,
        clients: [],
        links: LINKS,
        signIn: loginModel(place),
        ...(place.signUpHref ? { signUpHref: place.signUpHref } : {}),
      });
    }
    const { username, displayName, roles } = account;
    const clients = await deps.clientsOf(account.id);
    renderView(
      ctx,
      'home',
      {
        issuer,
        links: LINKS,
        account: { name: displayName ?? username, username, roles },
        clients: clients.map(({ clientId, metadata }) => ({
          clientId,
          name: metadata.client_name || clientId,
          href: `/clients/${clientId}`,
        })),
        ...(deps.mayCreateClients(account) ? { createClientHref: '/create_client' } : {}),
      },
      { account: { name: username } },
    );
  }

  const router = new Router();
  router.get('/', show);
  router.post('/', accountPages.takeSignIn);
  return router;
}
