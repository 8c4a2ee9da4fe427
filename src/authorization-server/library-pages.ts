import type { Context } from 'koa';
import { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { Account } from '../accounts/account.js';
import { ADMIN } from '../accounts/role-names.js';
import type { ClientRecord } from '../clients/client.js';
import { Unavailable } from '../platform/errors/errors.js';
import type { MaybeLater } from '../platform/database/maybe-later.js';
import { stalePage } from '../platform/web/csrf.js';
import type { FaultContext } from '../platform/web/explain-error.js';
import { displayText } from '../platform/web/display-text.js';
import type { OriginRule } from '../platform/web/origin.js';
import type { RenderError } from '../platform/web/render-error.js';
import type { RenderView } from '../platform/web/render-view.js';
import { isStaleForm } from './library-forms.js';
import { aboutClient, homeOf, type Attempts } from './attempts.js';

/** The library's pages, in our clothes: errors, signing out, devices, and the forms that post themselves. */
export interface Pages {
  readonly renderView: RenderView;
  readonly renderError: RenderError;
  readonly origin: OriginRule;
}

type Hooks = Required<Pick<Configuration, 'renderError'>> & {
  readonly deviceFlow: NonNullable<NonNullable<Configuration['features']>['deviceFlow']>;
  readonly rpInitiatedLogout: NonNullable<NonNullable<Configuration['features']>['rpInitiatedLogout']>;
};

interface Dependencies extends Omit<Pages, 'origin'> {
  readonly attempts: Attempts;
  readonly findClient: (clientId: string) => Promise<ClientRecord | undefined>;
  readonly findAccount: (id: string) => MaybeLater<Account | undefined>;
  /** Called for each user code that matched nothing. */
  readonly wrongUserCode: (ctx: Context) => void;
}

/** Koa's context as our renderers take it; the library adds `oidc` to the same object. */
const plain = (ctx: KoaContextWithOIDC): Context => ctx as unknown as Context;

const card = (record: ClientRecord) => {
  const uri = homeOf(record);
  return { name: displayText(record.metadata.client_name ?? '', record.clientId), ...(uri ? { uri } : {}) };
};

const xsrf = (ctx: KoaContextWithOIDC) =>
  String((ctx.oidc.session as unknown as { state?: { secret?: string } }).state?.secret);

const DEVICE_FAULTS: Readonly<Record<string, string>> = {
  NoCodeError: 'Enter the code that your device shows.',
  NotFoundError: 'This code is not known. Compare it with your device and try again.',
  ExpiredError: 'This code has expired. Ask your device for a new one.',
  AlreadyUsedError: 'This code was used already. Ask your device for a new one.',
  AbortedError: 'The request was declined. Your device gets no access.',
};

const STALE = 'This page was open for too long or came from another browser. Please send the code once more.';

export function createLibraryPages(deps: Dependencies): Hooks {
  const { renderView, renderError, attempts, findClient } = deps;

  const recordOf = (ctx: KoaContextWithOIDC) =>
    ctx.oidc.client ? findClient(ctx.oidc.client.clientId) : Promise.resolve(undefined);

  /** What is registered, for an administrator or the client's owner who is signed in here. */
  async function forOperator(ctx: KoaContextWithOIDC, record: ClientRecord): Promise<FaultContext> {
    const accountId = ctx.oidc.session?.accountId;
    const account = accountId === undefined ? undefined : await deps.findAccount(accountId);
    const owns = account !== undefined && record.ownerId === account.id;
    if (!account || account.disabled || !(owns || account.roles.includes(ADMIN))) return {};
    const edit = owns ? { editHref: `/clients/${record.clientId}` } : {};
    return { operator: { redirectUris: record.metadata.redirect_uris, ...edit } };
  }

  return {
    async renderError(ctx, _out, error) {
      if (isStaleForm(ctx)) return renderError(plain(ctx), stalePage('/logout'));
      // The database is away: to ask it whose page this is would be to wait once more.
      if ((error as unknown) instanceof Unavailable) return renderError(plain(ctx), error);
      const params = (ctx.oidc?.params ?? ctx.query) as Record<string, unknown>;
      const lost = error instanceof errors.SessionNotFound;
      const record = await recordOf(ctx);
      renderError(plain(ctx), error, {
        ...(lost ? await attempts.context(ctx) : aboutClient(record)),
        ...(record && error instanceof errors.InvalidRedirectUri ? await forOperator(ctx, record) : {}),
        ...(typeof params.redirect_uri === 'string' ? { redirectUri: params.redirect_uri } : {}),
      });
    },
    deviceFlow: {
      enabled: true,
      async userCodeInputSource(ctx, _form, _out, error) {
        const { name = '', userCode } = (error ?? {}) as { name?: string; userCode?: string };
        if (name === 'NotFoundError') deps.wrongUserCode(plain(ctx));
        if (name === 'AbortedError') return renderView(plain(ctx), 'device-done', { allowed: false });
        const stale = isStaleForm(ctx);
        const message = stale
          ? STALE
          : error && (DEVICE_FAULTS[name] ?? 'The request could not be finished. Please try again.');
        renderView(
          plain(ctx),
          'device-input',
          {
            action: ctx.oidc.urlFor('code_verification'),
            hidden: { xsrf: xsrf(ctx) },
            faults: message ? [{ field: 'user_code', message }] : [],
            ...(userCode ? { userCode } : {}),
          },
          { status: stale ? 403 : error ? 400 : 200 },
        );
      },
      async userCodeConfirmSource(ctx, _form, client, deviceInfo, userCode) {
        const record = (await findClient(client.clientId)) as ClientRecord;
        const { ip, ua } = (deviceInfo ?? {}) as { ip?: string; ua?: string };
        renderView(plain(ctx), 'device-confirm', {
          action: ctx.oidc.urlFor('code_verification'),
          hidden: { xsrf: xsrf(ctx), user_code: userCode },
          client: card(record),
          userCode,
          // The cue against phishing (RFC 8628 §5.4): a request one did not make comes from elsewhere.
          device: { ...(ip ? { ip } : {}), ...(ua ? { userAgent: ua } : {}) },
        });
      },
      async successSource(ctx) {
        const record = await recordOf(ctx);
        renderView(plain(ctx), 'device-done', { allowed: true, ...(record ? { client: card(record) } : {}) });
      },
    },
    rpInitiatedLogout: {
      enabled: true,
      async logoutSource(ctx) {
        const record = await recordOf(ctx);
        const target = ctx.oidc.params?.post_logout_redirect_uri;
        renderView(
          plain(ctx),
          'logout',
          {
            action: ctx.oidc.urlFor('end_session_confirm'),
            hidden: { xsrf: xsrf(ctx) },
            ...(record ? { client: card(record) } : {}),
          },
          { formTargets: typeof target === 'string' ? [target] : [] },
        );
      },
      async postLogoutSuccessSource(ctx) {
        const record = await recordOf(ctx);
        const continueHref = record && homeOf(record);
        renderView(plain(ctx), 'signed-out', {
          loginHref: '/login',
          ...(record ? { client: card(record) } : {}),
          ...(continueHref ? { continueHref } : {}),
        });
      },
    },
  };
}
