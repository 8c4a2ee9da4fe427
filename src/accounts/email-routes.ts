import Router from '@koa/router';
import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { type FieldFault, InvalidInput, TooManyAttempts } from '../platform/errors/errors.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { Flash } from '../platform/web/flash.js';
import type { RenderView } from '../platform/web/render-view.js';
import { seeOther } from '../platform/web/see-other.js';
import type { Account } from './account.js';
import type { Authenticate } from './authenticate.js';
import type { EmailAddress } from './email-address.js';
import { type LinkPurpose, linkPath } from './links.js';
import { LOOK_AROUND } from './look-around.js';
import { tokenOf } from './recovery-routes.js';

/** `/account/email`, and the pages that links about an address open. */
interface Dependencies {
  readonly emailAddress: EmailAddress;
  readonly authenticate: Authenticate;
  readonly currentAccount: (ctx: Context) => Promise<Account | undefined>;
  /** Throws a 503 page where no mail can be sent. */
  readonly requireMail: () => void;
  readonly csrf: Csrf;
  readonly flash: Flash;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

const PAGE = '/account/email';
const SENT = `${PAGE}/sent`;
const ACCOUNT = { label: 'Your account', href: '/account' };
const LOGIN = { label: 'Sign in', href: '/login' };

interface LinkPage {
  readonly title: string;
  /** Says whose account it is: whoever was sent a stranger's link must see that it is not theirs. */
  readonly text: (username: string) => string;
  readonly label: string;
  readonly note?: string;
  readonly done: {
    readonly title: string;
    readonly text: string;
    readonly note?: string;
    readonly waysOn: readonly { readonly label: string; readonly href: string }[];
  };
}

const NOT_YOU = 'If this is not your account, or you did not ask for this, close the page: nothing happens.';

type AddressPurpose = Exclude<LinkPurpose, 'reset_password' | 'undo_link' | 'invitation'>;

const LINK_PAGES: Readonly<Record<AddressPurpose, LinkPage>> = {
  verify_email: {
    title: 'Confirm your address',
    text: (username) =>
      `It will count as that of the account “${username}”, and can bring its owner back in when the password is lost.`,
    label: 'Confirm the address',
    note: NOT_YOU,
    done: {
      title: 'The address is confirmed',
      text: 'Thank you. There is nothing more to do.',
      waysOn: [ACCOUNT],
    },
  },
  change_email: {
    title: 'Use this e-mail address?',
    text: (username) => `It replaces the one that the account “${username}” has now.`,
    label: 'Use the address',
    note: NOT_YOU,
    done: {
      title: 'The address was changed',
      text: 'Mails about your account come here from now on. If your former address was confirmed, it has been told of the change.',
      waysOn: [ACCOUNT],
    },
  },
  undo_email_change: {
    title: 'Undo the change of address?',
    text: (username) =>
      `The account “${username}” gets this address back, and everybody is signed out of it.`,
    label: 'Undo the change',
    done: {
      title: 'The former address is back',
      text: 'Everybody was signed out. If it was not you who changed it, choose a new password now.',
      note: LOOK_AROUND.note,
      waysOn: [{ label: 'Choose a new password', href: '/forgot-password' }, LOGIN, ...LOOK_AROUND.waysOn],
    },
  },
};

export function createEmailRoutes(deps: Dependencies): Router {
  const { emailAddress, csrf, renderView, requestInfo } = deps;
  const router = new Router();

  const toSignIn = (ctx: Context): void => seeOther(ctx, `/login?next=${PAGE}`);

  function show(ctx: Context, account: Account, value = '', faults: readonly FieldFault[] = []): void {
    const { username, email, emailVerified } = account;
    renderView(
      ctx,
      'email',
      {
        action: PAGE,
        username,
        ...(email === undefined ? {} : { email }),
        verified: emailVerified,
        value,
        faults,
        ...(email !== undefined && !emailVerified ? { verifyAction: `${PAGE}/verify` } : {}),
      },
      { status: faults.length > 0 ? 400 : 200, account: { name: username } },
    );
  }

  function tellMailed(ctx: Context, { id }: Account, email: string): void {
    deps.flash.put(ctx, `mailed ${id}`, { email });
    seeOther(ctx, SENT);
  }

  /** The faults of a wrong password, counted as at sign-in. */
  async function passwordFaults({ username }: Account, password: string, info: RequestInfo) {
    const proof = await deps.authenticate({ username, password }, info);
    if (proof.outcome === 'throttled') throw new TooManyAttempts(proof.retryAfterSeconds);
    return proof.outcome === 'ok' ? [] : [{ field: 'password', message: 'The password is wrong.' }];
  }

  router.get(PAGE, async (ctx) => {
    const account = await deps.currentAccount(ctx);
    if (!account) return toSignIn(ctx);
    deps.requireMail();
    show(ctx, account);
  });

  router.post(PAGE, async (ctx) => {
    const form = await readForm(ctx);
    csrf.require(ctx, form);
    const account = await deps.currentAccount(ctx);
    if (!account) return toSignIn(ctx);
    deps.requireMail();
    const { email = '', password = '' } = form;
    const info = requestInfo(ctx);
    const faults = await passwordFaults(account, password, info);
    if (faults.length > 0) return show(ctx, account, email, faults);
    try {
      await emailAddress.requestChange(account, email, info);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      return show(ctx, account, email, error.faults);
    }
    tellMailed(ctx, account, email.trim());
  });

  router.post(`${PAGE}/verify`, async (ctx) => {
    const form = await readForm(ctx);
    csrf.require(ctx, form, PAGE);
    const account = await deps.currentAccount(ctx);
    if (!account) return toSignIn(ctx);
    await emailAddress.sendVerification(account, requestInfo(ctx));
    tellMailed(ctx, account, account.email ?? '');
  });

  router.get(SENT, async (ctx) => {
    const account = await deps.currentAccount(ctx);
    if (!account) return toSignIn(ctx);
    const { email = 'the address' } = deps.flash.take(ctx, `mailed ${account.id}`) ?? {};
    renderView(
      ctx,
      'told',
      {
        title: 'Look into your mailbox',
        text: `A mail with a link is on its way to ${email}.`,
        note: 'No mail? Look in your spam folder, and check the spelling of the address.',
        waysOn: [ACCOUNT, { label: 'Another address', href: PAGE }],
      },
      { account: { name: account.username } },
    );
  });

  /** GET shows what the link would do; only its button does it. */
  function addLinkPages(
    purpose: AddressPurpose,
    use: (token: string | undefined, info: RequestInfo) => Promise<unknown>,
  ): void {
    const path = linkPath(purpose);
    const { done, text, ...page } = LINK_PAGES[purpose];
    router.get(path, async (ctx) => {
      const token = tokenOf(ctx) ?? '';
      const { email, username } = await emailAddress.open(purpose, token);
      const model = { ...page, text: text(username), action: path, hidden: { token }, subject: email };
      renderView(ctx, 'confirm', model, { title: page.title });
    });
    router.post(path, async (ctx) => {
      const form = await readForm(ctx);
      csrf.require(ctx, form, '/');
      await use(form.token, requestInfo(ctx));
      seeOther(ctx, `${path}/done`);
    });
    router.get(`${path}/done`, (ctx) => renderView(ctx, 'told', done, { title: done.title }));
  }
  addLinkPages('verify_email', emailAddress.verify);
  addLinkPages('change_email', emailAddress.confirmChange);
  addLinkPages('undo_email_change', emailAddress.undoChange);

  return router;
}
