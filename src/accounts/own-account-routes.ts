import Router from '@koa/router';
import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { InvalidInput, PosternError, TooManyAttempts } from '../platform/errors/errors.js';
import { type Form, readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { Flash } from '../platform/web/flash.js';
import { noticeText } from '../platform/web/notice-text.js';
import type { RenderView } from '../platform/web/render-view.js';
import { seeOther } from '../platform/web/see-other.js';
import { dayText, momentText } from '../platform/web/time-texts.js';
import type { AccountStore } from '../stores/account-store.js';
import type { Account } from './account.js';
import type { Authenticate } from './authenticate.js';
import { describeDevice } from './devices.js';
import { type EditProfile, sourceText, type TypedProfile } from './edit-profile.js';
import { GRACE_DAYS, type Leaving } from './leaving.js';
import type { OwnSessions } from './own-sessions.js';
import { SIGNED_OUT } from './routes.js';
import { MINIMUM_LENGTH } from './passwords.js';
import type { SetPassword } from './set-password.js';
import type { TellOwner } from './tell-owner.js';

/** An application that may use the account, as its page shows it. */
export interface ConnectedApplication {
  readonly clientId: string;
  readonly name: string;
  readonly uri?: string | undefined;
  /** Milliseconds since the epoch; absent where tokens were given without a consent page. */
  readonly since?: number | undefined;
  /** When it last got tokens; absent where it never did. */
  readonly lastUsed?: number | undefined;
  readonly purposes: readonly string[];
}

/** `/account` and everything under it: always one's own, by the session alone. */
interface Dependencies {
  readonly currentSession: (ctx: Context) => Promise<{ accountId: string; uid: string } | undefined>;
  readonly accounts: Pick<AccountStore, 'findCredentials'>;
  readonly authenticate: Authenticate;
  readonly setPassword: SetPassword;
  readonly tellOwner: TellOwner;
  readonly editProfile: EditProfile;
  readonly ownSessions: OwnSessions;
  readonly leaving: Leaving;
  readonly applicationsOf: (accountId: string) => Promise<ConnectedApplication[]>;
  /** `false`: the application has no access to take back. */
  readonly disconnect: (accountId: string, clientId: string, info: RequestInfo) => Promise<boolean>;
  readonly clientNamesOf: (accountId: string) => Promise<string[]>;
  /** Everything held about the account, without secrets, as JSON can write it. */
  readonly exportOf: (accountId: string) => Promise<object>;
  readonly signOut: (ctx: Context) => Promise<void>;
  readonly csrf: Csrf;
  readonly flash: Flash;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

/** Who looks at the page. */
interface Visitor {
  readonly account: Account;
  readonly sessionUid: string;
}

const NOTICES: Readonly<Record<string, string>> = {
  profile: 'Your profile has been saved.',
  password: 'Your password has been changed.',
  ended: 'The session has been ended.',
  others: 'All other sessions have been ended.',
  disconnected: 'The application has no access any more.',
  kept: 'Your account stays.',
};
const ONLY_ADMINISTRATOR =
  'You are the only administrator here: without you nobody could look after this server. ' +
  'Give somebody else the role “admin” first, then you can go.';
const WRONG_PASSWORD = { field: 'password', message: 'This is not your current password.' };

const parameter = (ctx: Context, name: string): string =>
  String((ctx as Context & { params: Record<string, string> }).params[name]);

export function createOwnAccountRoutes(deps: Dependencies): Router {
  const { csrf, renderView, requestInfo } = deps;

  async function visitorOf(ctx: Context): Promise<Visitor | undefined> {
    const session = await deps.currentSession(ctx);
    const found = session && (await deps.accounts.findCredentials({ id: session.accountId }));
    if (!session || !found || found.account.disabled) return undefined;
    return { account: found.account, sessionUid: session.uid };
  }

  type Handler = (ctx: Context, visitor: Visitor) => Promise<void>;
  type FormHandler = (ctx: Context, visitor: Visitor, form: Form) => Promise<void>;

  const own =
    (handler: Handler, page?: string) =>
    async (ctx: Context): Promise<void> => {
      const visitor = await visitorOf(ctx);
      if (visitor) return handler(ctx, visitor);
      seeOther(ctx, `/login?next=${encodeURIComponent(page ?? ctx.path)}`);
    };
  /** A form of the page `page`. */
  const posted = (handler: FormHandler, page: string) =>
    own(async (ctx, visitor) => {
      const form = await readForm(ctx);
      csrf.require(ctx, form, page);
      await handler(ctx, visitor, form);
    }, page);

  const head = ({ account }: Visitor) => ({ account: { name: account.username, roles: account.roles } });
  const noticeOf = (ctx: Context) => {
    const notice = noticeText(NOTICES, ctx.query.done);
    return notice ? { notice } : {};
  };

  /**
   * The password again: whoever sits at an open session must not take the account over. When the one that was typed
   * had been set; `undefined` where it is wrong.
   */
  async function provenPassword(
    ctx: Context,
    { account }: Visitor,
    password = '',
  ): Promise<number | undefined> {
    const result = await deps.authenticate({ username: account.username, password }, requestInfo(ctx));
    if (result.outcome === 'throttled') throw new TooManyAttempts(result.retryAfterSeconds);
    return result.outcome !== 'wrong' && result.account.id === account.id ? result.passwordSetAt : undefined;
  }

  const overview: Handler = async (ctx, visitor) => {
    const { account } = visitor;
    const found = await deps.accounts.findCredentials({ id: account.id });
    if (!found) return seeOther(ctx, '/login');
    const row = (label: string, part: 'displayName' | 'givenName' | 'familyName' | 'locale' | 'email') => {
      const value = account[part];
      return value ? [{ label, values: [value], source: sourceText(found, part) }] : [];
    };
    const notice = account.deleteAt
      ? { notice: `This account will be deleted on ${dayText(account.deleteAt)}. See “Delete the account”.` }
      : noticeOf(ctx);
    renderView(
      ctx,
      'account',
      {
        username: account.username,
        rows: [
          { label: 'Username', values: [account.username] },
          ...row('Name', 'displayName'),
          ...row('Given name', 'givenName'),
          ...row('Family name', 'familyName'),
          ...row('E-mail', 'email'),
          ...row('Language', 'locale'),
          ...(account.roles.length > 0 ? [{ label: 'Roles', values: account.roles }] : []),
          { label: 'Member since', values: [dayText(account.createdAt)] },
        ],
        links: [
          { label: 'Edit the profile', href: '/account/profile' },
          { label: 'Change the e-mail address', href: '/account/email' },
          { label: 'Change the password', href: '/account/password' },
          {
            label: 'Linked accounts',
            href: '/account/settings/linkedaccounts/',
            hint: 'what you can sign in with',
          },
          { label: 'Sessions', href: '/account/sessions', hint: 'where you are signed in' },
          {
            label: 'Connected applications',
            href: '/account/applications',
            hint: 'what may use your account',
          },
          { label: 'API keys', href: '/account/api-keys', hint: 'for scripts that use dserver' },
          { label: 'Download your data', href: '/account/export', hint: 'JSON' },
          { label: 'Delete the account', href: '/account/delete' },
          { label: 'Sign out', href: '/logout' },
        ],
        ...notice,
      },
      head(visitor),
    );
  };

  function showProfile(
    ctx: Context,
    visitor: Visitor,
    given: { readonly [Part in keyof TypedProfile]?: string | undefined },
    faults: InvalidInput['faults'] = [],
  ): void {
    const { displayName = '', givenName = '', familyName = '', locale = '' } = given;
    const model = {
      action: '/account/profile',
      faults,
      values: { displayName, givenName, familyName, locale },
    };
    renderView(ctx, 'account-profile', model, { ...head(visitor), status: faults.length > 0 ? 400 : 200 });
  }

  const takeProfile: FormHandler = async (ctx, visitor, form) => {
    const { displayName = '', givenName = '', familyName = '', locale = '' } = form;
    try {
      const typed = { displayName, givenName, familyName, locale };
      await deps.editProfile(visitor.account.id, typed, requestInfo(ctx));
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      return showProfile(ctx, visitor, form, error.faults);
    }
    seeOther(ctx, '/account?done=profile');
  };

  function showPassword(
    ctx: Context,
    visitor: Visitor,
    endOthers: boolean,
    faults: InvalidInput['faults'] = [],
  ): void {
    const { username } = visitor.account;
    const model = { action: '/account/password', username, minimumLength: MINIMUM_LENGTH, endOthers, faults };
    renderView(ctx, 'account-password', model, { ...head(visitor), status: faults.length > 0 ? 400 : 200 });
  }

  const takePassword: FormHandler = async (ctx, visitor, form) => {
    const endOthers = form.end_others === 'yes';
    const info = requestInfo(ctx);
    const formerSetAt = await provenPassword(ctx, visitor, form.password);
    if (formerSetAt === undefined) {
      return showPassword(ctx, visitor, endOthers, [WRONG_PASSWORD]);
    }
    try {
      // That one and no other: somebody else may just have set one against whoever sits here.
      await deps.setPassword(visitor.account.id, form.new_password ?? '', info, { formerSetAt });
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      const faults = error.faults.map(({ message }) => ({ field: 'new_password', message }));
      return showPassword(ctx, visitor, endOthers, faults);
    }
    deps.tellOwner.passwordChanged(visitor.account, info);
    if (endOthers) await deps.ownSessions.endOthers(visitor.account.id, visitor.sessionUid, info);
    seeOther(ctx, '/account?done=password');
  };

  const showSessions: Handler = async (ctx, visitor) => {
    const facts = await deps.ownSessions.list(visitor.account.id);
    const sessions = facts.map((one) => ({
      device: describeDevice(one.userAgent),
      address: one.ip ?? 'unknown',
      firstSeen: momentText(one.firstSeenAt),
      lastSeen: momentText(one.lastSeenAt),
      current: one.sessionUid === visitor.sessionUid,
      endAction: `/account/sessions/${one.id}/end`,
    }));
    const others = sessions.some(({ current }) => !current);
    const endOthers = others ? { endOthersAction: '/account/sessions/end-others' } : {};
    renderView(ctx, 'account-sessions', { sessions, ...endOthers, ...noticeOf(ctx) }, head(visitor));
  };

  const endSession: FormHandler = async (ctx, { account }) => {
    const found = await deps.ownSessions.end(account.id, parameter(ctx, 'id'), requestInfo(ctx));
    if (!found) throw new PosternError(404, 'not_found', 'There is no such session among yours.');
    seeOther(ctx, '/account/sessions?done=ended');
  };

  const endOthers: FormHandler = async (ctx, { account, sessionUid }) => {
    await deps.ownSessions.endOthers(account.id, sessionUid, requestInfo(ctx));
    seeOther(ctx, '/account/sessions?done=others');
  };

  const showApplications: Handler = async (ctx, visitor) => {
    const found = await deps.applicationsOf(visitor.account.id);
    const applications = found.map(({ clientId, name, uri, since, lastUsed, purposes }) => ({
      name,
      lastUsed: lastUsed ? `last used ${momentText(lastUsed)}` : 'not used yet',
      ...(uri ? { uri } : {}),
      since: since ? `Allowed since ${dayText(since)}` : 'Has tokens that you got with your password',
      purposes,
      revokeAction: `/account/applications/${encodeURIComponent(clientId)}/revoke`,
    }));
    renderView(ctx, 'account-applications', { applications, ...noticeOf(ctx) }, head(visitor));
  };

  const revoke: FormHandler = async (ctx, { account }) => {
    const found = await deps.disconnect(account.id, parameter(ctx, 'id'), requestInfo(ctx));
    if (!found) throw new PosternError(404, 'not_found', 'There is no such application among yours.');
    seeOther(ctx, '/account/applications?done=disconnected');
  };

  const download: Handler = async (ctx, { account }) => {
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Content-Disposition', 'attachment; filename="account.json"');
    ctx.type = 'application/json';
    ctx.body = JSON.stringify(await deps.exportOf(account.id), null, 2);
  };

  async function showDelete(ctx: Context, visitor: Visitor, faults: InvalidInput['faults'] = []) {
    const { account } = visitor;
    const pending = account.deleteAt
      ? { pending: { deleteOn: dayText(account.deleteAt), keepAction: '/account/keep' } }
      : {};
    renderView(
      ctx,
      'account-delete',
      {
        action: '/account/delete',
        username: account.username,
        graceDays: GRACE_DAYS,
        clients: await deps.clientNamesOf(account.id),
        faults,
        ...pending,
        ...((await deps.leaving.isOnlyAdmin(account.id)) ? { refused: ONLY_ADMINISTRATOR } : {}),
      },
      { ...head(visitor), status: faults.length > 0 ? 400 : 200 },
    );
  }

  const takeDelete: FormHandler = async (ctx, visitor, form) => {
    if ((await provenPassword(ctx, visitor, form.password)) === undefined)
      return showDelete(ctx, visitor, [WRONG_PASSWORD]);
    const at = await deps.leaving.ask(visitor.account.id, requestInfo(ctx));
    if (at === undefined) return showDelete(ctx, visitor, [{ field: '', message: ONLY_ADMINISTRATOR }]);
    deps.tellOwner.leaving(visitor.account, at, requestInfo(ctx));
    await deps.signOut(ctx);
    const notice = `The account will be deleted on ${dayText(at)}. Sign in before then to keep it.`;
    deps.flash.put(ctx, SIGNED_OUT, { notice });
    seeOther(ctx, '/logout');
  };

  const keep: FormHandler = async (ctx, { account }) => {
    await deps.leaving.undo(account.id, requestInfo(ctx));
    seeOther(ctx, '/account?done=kept');
  };

  const router = new Router();
  router.get('/account', own(overview));
  router.get(
    '/account/profile',
    own(async (ctx, visitor) => showProfile(ctx, visitor, visitor.account)),
  );
  router.post('/account/profile', posted(takeProfile, '/account/profile'));
  router.get(
    '/account/password',
    own(async (ctx, visitor) => showPassword(ctx, visitor, true)),
  );
  router.post('/account/password', posted(takePassword, '/account/password'));
  router.get('/account/sessions', own(showSessions));
  router.post('/account/sessions/end-others', posted(endOthers, '/account/sessions'));
  router.post('/account/sessions/:id/end', posted(endSession, '/account/sessions'));
  router.get('/account/applications', own(showApplications));
  router.post('/account/applications/:id/revoke', posted(revoke, '/account/applications'));
  router.get('/account/export', own(download));
  router.get(
    '/account/delete',
    own((ctx, visitor) => showDelete(ctx, visitor)),
  );
  router.post('/account/delete', posted(takeDelete, '/account/delete'));
  router.post('/account/keep', posted(keep, '/account/delete'));
  return router;
}
