import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { type FieldFault, PageError, PosternError } from '../platform/errors/errors.js';
import { type Form, readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { Flash } from '../platform/web/flash.js';
import type { RenderView } from '../platform/web/render-view.js';
import { momentText } from '../platform/web/time-texts.js';
import type { ClientModel } from '../platform/web/views.js';
import type { ClientRecord } from './client.js';
import { MAX_LEASE_DAYS, type RedirectLeases } from './leases.js';
import type { Clients } from './register.js';
import { needsSecret } from './secrets.js';
import { snippets } from './snippets.js';

/** What the pages of one's own clients share: who asks, whose client it is, and the page of a client itself. */
export interface ClientPages {
  /** The account signed in; otherwise the browser is on its way to the sign-in page. */
  signedIn(ctx: Context): Promise<Person | undefined>;
  /** @throws {PosternError} 404, also for a client of somebody else */
  ownClient(ctx: Context, person: Person): Promise<ClientRecord>;
  /** A page about one of the person's own clients. */
  opened(ctx: Context): Promise<Opened | undefined>;
  /** A form post of ours about one of them. */
  posted(ctx: Context): Promise<Posted | undefined>;
  show(ctx: Context, opened: Opened, more?: Shown): Promise<void>;
  /** On to the client's page, which says `news` there once: a secret is to be had nowhere else. */
  leadTo(ctx: Context, opened: Opened, news: News): void;
  /** What the page was left to say, if anything. */
  newsFor(ctx: Context, opened: Opened): News;
}

/** What just happened to a client. */
export interface News {
  readonly newSecret?: string;
  readonly notice?: string;
}

/** Who is signed in. */
export interface Person {
  readonly id: string;
  readonly username: string;
  readonly roles: readonly string[];
}

export interface Opened {
  readonly person: Person;
  readonly client: ClientRecord;
}

export interface Posted extends Opened {
  readonly form: Form;
}

interface Shown extends News {
  /** A lease as it was asked for, and refused. */
  readonly lease?: {
    readonly redirectUri: string;
    readonly days: string;
    readonly faults: readonly FieldFault[];
  };
}

export interface PageDependencies {
  readonly issuer: string;
  readonly clients: Clients;
  readonly leases: RedirectLeases;
  readonly currentAccount: (ctx: Context) => Promise<Person | undefined>;
  readonly csrf: Csrf;
  readonly flash: Flash;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

export const nameOf = ({ clientId, metadata }: ClientRecord): string => metadata.client_name || clientId;

/** Whether there is a code flow that can be run without the application. */
export const isTestable = ({ metadata }: ClientRecord): boolean =>
  metadata.grant_types.includes('authorization_code') &&
  metadata.response_types.includes('code') &&
  !metadata.require_pushed_authorization_requests &&
  !metadata.dpop_bound_access_tokens;

export const counted = (number: number, one: string, many: string): string =>
  number === 1 ? `1 ${one}` : `${number} ${many}`;

/** In the words of the form. */
function rowsOf({ metadata, requirePkce, options, resourceServer, createdAt }: ClientRecord) {
  const one = (value: string | undefined) => (value ? [value] : []);
  const isPublic = metadata.token_endpoint_auth_method === 'none';
  const rows: [string, readonly string[]][] = [
    ['Home page', one(metadata.client_uri)],
    ['Logo', one(metadata.logo_uri)],
    ['Contacts', metadata.contacts ?? []],
    ['Redirect URIs', metadata.redirect_uris],
    ['Addresses after signing out', metadata.post_logout_redirect_uris ?? []],
    ['Allowed scope', one(metadata.scope)],
    ['Allowed grant types', metadata.grant_types],
    ['Allowed response types', metadata.response_types],
    ['Token endpoint auth method', [metadata.token_endpoint_auth_method]],
    ['Application type', [metadata.application_type]],
    ['Address of the key set', one(metadata.jwks_uri)],
    ['Key set', metadata.jwks ? [counted(metadata.jwks.keys.length, 'public key', 'public keys')] : []],
    ['ID Token algorithm', one(metadata.id_token_signed_response_alg)],
    ['Allowed CORS origins', options.allowedOrigins ?? []],
    ['Require PKCE', [requirePkce || isPublic ? 'yes' : 'no']],
    ['Require nonce', options.requireNonce ? ['yes'] : []],
    ['Refresh tokens', options.refreshOnlyOffline ? ['only with offline_access'] : []],
    ['Resource server', resourceServer ? ['yes: may introspect tokens of other clients'] : []],
    ['Created', [momentText(createdAt)]],
  ];
  return rows.filter(([, values]) => values.length > 0).map(([label, values]) => ({ label, values }));
}

function secretsOf({ clientId, secrets }: ClientRecord): ClientModel['secrets'] {
  return secrets.map(({ id, createdAt, expiresAt }) => ({
    id,
    text: `Made ${momentText(createdAt)}${expiresAt === undefined ? '' : `, ends ${momentText(expiresAt)}`}`,
    ...(secrets.length > 1 ? { endAction: `/clients/${clientId}/end-secret` } : {}),
  }));
}

const newsOf = ({ id }: Person, { clientId }: ClientRecord): string => `client ${clientId} of ${id}`;

export function createClientPages(deps: PageDependencies): ClientPages {
  const { clients, csrf } = deps;

  async function signedIn(ctx: Context): Promise<Person | undefined> {
    const account = await deps.currentAccount(ctx);
    if (account) return account;
    ctx.status = 303;
    // A form was posted to an address that is no page: its page is one step up.
    const page = ctx.path.replace(/^(\/clients\/[^/]+)\/.*$/, '$1');
    ctx.redirect(`/login?next=${encodeURIComponent(page)}`);
    return undefined;
  }

  async function ownClient(ctx: Context, person: Person): Promise<ClientRecord> {
    const { id } = (ctx as Context & { params: { id: string } }).params;
    const client = await clients.findOwned(person.id, id);
    if (!client) throw new PosternError(404, 'not_found', 'There is no such client among yours.');
    return client;
  }

  async function leasesOf(client: ClientRecord, { lease }: Shown): Promise<Pick<ClientModel, 'leases'>> {
    if (client.metadata.response_types.length === 0) return {};
    const path = `/clients/${client.clientId}/leases`;
    const items = await deps.leases.listOf(client.clientId);
    return {
      leases: {
        action: path,
        removeAction: `${path}/remove`,
        items: items.map(({ id, redirectUri, expiresAt }) => ({
          id,
          redirectUri,
          until: momentText(expiresAt),
        })),
        redirectUri: lease?.redirectUri ?? '',
        days: lease?.days ?? '7',
        maxDays: MAX_LEASE_DAYS,
        faults: lease?.faults ?? [],
      },
    };
  }

  return {
    signedIn,
    ownClient,
    async opened(ctx) {
      const person = await signedIn(ctx);
      return person && { person, client: await ownClient(ctx, person) };
    },
    async posted(ctx) {
      const person = await signedIn(ctx);
      if (!person) return undefined;
      const form = await readForm(ctx);
      csrf.require(ctx, form, ctx.path.replace(/^(\/clients\/[^/]+)\/.*$/, '$1'));
      return { person, form, client: await ownClient(ctx, person) };
    },
    leadTo(ctx, { person, client }, news) {
      deps.flash.put(ctx, newsOf(person, client), { ...news });
      ctx.status = 303;
      ctx.redirect(`/clients/${client.clientId}`);
    },
    newsFor: (ctx, { person, client }) => deps.flash.take(ctx, newsOf(person, client)) ?? {},
    async show(ctx, { person, client }, shown = {}) {
      const { clientId, metadata } = client;
      const path = `/clients/${clientId}`;
      const { newSecret, notice, lease } = shown;
      deps.renderView(
        ctx,
        'client',
        {
          client: { name: nameOf(client), ...(metadata.client_uri ? { uri: metadata.client_uri } : {}) },
          clientId,
          rows: rowsOf(client),
          snippets: snippets(deps.issuer, client),
          editHref: `${path}/edit`,
          deleteHref: `${path}/delete`,
          ...(isTestable(client) ? { testAction: `${path}/test` } : {}),
          ...(needsSecret(metadata.token_endpoint_auth_method)
            ? { rotate: { action: `${path}/rotate`, text: 'Secrets older than that one end at once.' } }
            : {}),
          secrets: secretsOf(client),
          ...(await leasesOf(client, shown)),
          ...(newSecret ? { newSecret } : {}),
          ...(notice ? { notice } : {}),
        },
        { account: { name: person.username, roles: person.roles }, status: lease ? 400 : 200 },
      );
    },
  };
}

/** @throws {PageError} 403 for people who may use clients, but not make them */
export function refuseCreation(): never {
  throw new PageError(
    403,
    'client_creation_closed',
    'Clients are made by administrators here',
    'Ask the people who run this server to register your application.',
    { waysOn: [{ label: 'Home page', href: '/' }] },
  );
}
