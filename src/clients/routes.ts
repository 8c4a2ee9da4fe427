import Router from '@koa/router';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { InvalidInput, PageError, PosternError } from '../platform/errors/errors.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { ClientRecord } from './client.js';
import { type ClientForm, EMPTY_FORM, formFaults, formMetadata, readClientForm } from './form.js';
import type { Clients } from './register.js';
import { needsSecret } from './secrets.js';
import { snippets } from './snippets.js';

/** `/create_client` and the pages of one's own clients. Other people's clients are not there (404). */
interface Dependencies {
  readonly issuer: string;
  readonly clients: Clients;
  readonly currentAccount: (ctx: Context) => Promise<Account | undefined>;
  readonly mayCreateClients: (account: Account) => boolean;
  /** Ends what was issued to a client that is deleted. */
  readonly revokeGrantsOf: (clientId: string) => Promise<unknown>;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

const AUTH_METHODS = [
  { value: 'client_secret_basic', label: 'client_secret_basic: secret in the Authorization header' },
  { value: 'client_secret_post', label: 'client_secret_post: secret in the form body' },
  { value: 'none', label: 'none: a public client without a secret' },
];

const ROTATION = 'The old secret ends at once: whatever still uses it is refused.';

function rowsOf({ metadata, requirePkce, resourceServer, createdAt }: ClientRecord) {
  const rows: [string, readonly string[]][] = [
    ['client_uri', metadata.client_uri ? [metadata.client_uri] : []],
    ['redirect_uri', metadata.redirect_uris],
    ['scope', metadata.scope ? [metadata.scope] : []],
    ['grant_type', metadata.grant_types],
    ['response_type', metadata.response_types],
    ['token_endpoint_auth_method', [metadata.token_endpoint_auth_method]],
    ['Require PKCE', [requirePkce || metadata.token_endpoint_auth_method === 'none' ? 'yes' : 'no']],
    ['Resource server', resourceServer ? ['yes: may introspect tokens of other clients'] : []],
    ['Created', [new Date(createdAt).toISOString()]],
  ];
  return rows.filter(([, values]) => values.length > 0).map(([label, values]) => ({ label, values }));
}

export function createClientRoutes(deps: Dependencies): Router {
  const { clients, csrf, renderView, requestInfo } = deps;

  /** The account signed in; otherwise the browser is on its way to the sign-in page. */
  async function signedIn(ctx: Context): Promise<Account | undefined> {
    const account = await deps.currentAccount(ctx);
    if (account) return account;
    ctx.status = 303;
    // A form was posted to an address that is no page: its page is one step up.
    const page = ctx.path.replace(/^(\/clients\/[^/]+)\/.*$/, '$1');
    ctx.redirect(`/login?next=${encodeURIComponent(page)}`);
    return undefined;
  }

  function requireCreator(account: Account): void {
    if (deps.mayCreateClients(account)) return;
    throw new PageError(
      403,
      'client_creation_closed',
      'Clients are made by administrators here',
      'Ask the people who run this server to register your application.',
      { waysOn: [{ label: 'Home page', href: '/' }] },
    );
  }

  async function ownClient(ctx: Context, account: Account): Promise<ClientRecord> {
    const { id } = (ctx as Context & { params: { id: string } }).params;
    const client = await clients.findOwned(account.id, id);
    if (!client) throw new PosternError(404, 'not_found', 'There is no such client among yours.');
    return client;
  }

  function showForm(ctx: Context, account: Account, values: ClientForm, faults: InvalidInput['faults'] = []) {
    renderView(
      ctx,
      'create-client',
      { action: '/create_client', values, authMethods: AUTH_METHODS, cancelHref: '/', faults },
      { status: faults.length > 0 ? 400 : 200, account: { name: account.username } },
    );
  }

  function showClient(
    ctx: Context,
    account: Account,
    client: ClientRecord,
    newSecret?: string,
    notice?: string,
  ) {
    const { clientId, metadata } = client;
    renderView(
      ctx,
      'client',
      {
        client: {
          name: metadata.client_name || clientId,
          ...(metadata.client_uri ? { uri: metadata.client_uri } : {}),
        },
        clientId,
        rows: rowsOf(client),
        snippets: snippets(deps.issuer, client),
        deleteAction: `/clients/${clientId}/delete`,
        ...(needsSecret(metadata.token_endpoint_auth_method)
          ? { rotate: { action: `/clients/${clientId}/rotate`, text: ROTATION } }
          : {}),
        ...(newSecret ? { newSecret } : {}),
        ...(notice ? { notice } : {}),
      },
      { account: { name: account.username } },
    );
  }

  async function create(ctx: Context): Promise<void> {
    const account = await signedIn(ctx);
    if (!account) return;
    requireCreator(account);
    const posted = await readForm(ctx);
    csrf.require(ctx, posted);
    const form = readClientForm(posted);
    try {
      const { client, secret } = await clients.register(
        { owner: account.id, metadata: formMetadata(form), requirePkce: form.require_pkce },
        requestInfo(ctx),
      );
      showClient(ctx, account, client, secret, 'The client has been created.');
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      showForm(ctx, account, form, formFaults(error.faults));
    }
  }

  /** A form post of ours about one of the account's own clients. */
  async function posted(ctx: Context): Promise<{ account: Account; client: ClientRecord } | undefined> {
    const account = await signedIn(ctx);
    if (!account) return undefined;
    const form = await readForm(ctx);
    csrf.require(ctx, form, ctx.path.replace(/\/[^/]+$/, ''));
    return { account, client: await ownClient(ctx, account) };
  }

  async function rotate(ctx: Context): Promise<void> {
    const asked = await posted(ctx);
    if (!asked) return;
    const { account, client } = asked;
    const options = { actorId: account.id };
    const secret = await clients.rotateSecret(client.clientId, options, requestInfo(ctx));
    showClient(ctx, account, client, secret, 'The old secret has ended.');
  }

  async function remove(ctx: Context): Promise<void> {
    const asked = await posted(ctx);
    if (!asked) return;
    const { account, client } = asked;
    await clients.remove(client.clientId, { actorId: account.id }, requestInfo(ctx));
    await deps.revokeGrantsOf(client.clientId);
    ctx.status = 303;
    ctx.redirect('/');
  }

  const router = new Router();
  router.get('/create_client', async (ctx) => {
    const account = await signedIn(ctx);
    if (!account) return;
    requireCreator(account);
    showForm(ctx, account, EMPTY_FORM);
  });
  router.post('/create_client', create);
  router.get('/clients/:id', async (ctx) => {
    const account = await signedIn(ctx);
    if (account) showClient(ctx, account, await ownClient(ctx, account));
  });
  router.post('/clients/:id/rotate', rotate);
  router.post('/clients/:id/delete', remove);
  return router;
}
