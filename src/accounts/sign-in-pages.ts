import type { Context } from 'koa';
import type { FieldFault } from '../platform/errors/errors.js';
import type { Form } from '../platform/web/body.js';
import type { RenderView } from '../platform/web/render-view.js';
import { dayText } from '../platform/web/time-texts.js';
import type { UpstreamLink } from '../platform/web/upstream-views.js';
import type { ClientCard, HiddenFields } from '../platform/web/views.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { Account } from './account.js';
import { MINIMUM_LENGTH } from './passwords.js';
import type { SignIn, SignInStep } from './sign-in.js';
import { suggestPassword } from './suggest-password.js';

/**
 * The sign-in form wherever it stands: on `/login`, on `/` and inside a pending request. The places differ
 * only in what surrounds the form and in how a sign-in ends.
 */
export interface SignInPlace {
  readonly action: string;
  readonly hidden?: HiddenFields;
  readonly client?: ClientCard;
  readonly signUpHref?: string;
  readonly forgotHref?: string;
  readonly cancelAction?: string;
  /** Other ways to sign in. */
  readonly upstreams?: readonly UpstreamLink[];
  readonly notice?: string;
  readonly formTargets?: readonly string[];
}

export interface SignInPages {
  show(ctx: Context, place: SignInPlace, given?: { username?: string; faults?: readonly FieldFault[] }): void;
  /** Takes the posted form; the account once it is signed in, otherwise the next page has been rendered. */
  take(ctx: Context, place: SignInPlace, form: Form, info: RequestInfo): Promise<Account | undefined>;
}

/** What was typed, or the suggestion where its button was pressed; the same rules judge both. */
export const chosenPassword = ({ new_password = '', suggestion = '', use_suggestion }: Form): string =>
  use_suggestion === 'yes' ? suggestion : new_password;

const withName = (href: string, username = ''): string =>
  username === '' ? href : `${href}?${new URLSearchParams({ name: username })}`;

export function createSignInPages({
  signIn,
  renderView,
  forgotHref,
}: {
  signIn: SignIn;
  renderView: RenderView;
  /** Left out where no mail can be sent. */
  forgotHref?: string | undefined;
}): SignInPages {
  const show: SignInPages['show'] = (ctx, { formTargets, ...place }, { username, faults = [] } = {}) =>
    renderView(
      ctx,
      'login',
      {
        ...place,
        // What was typed here is not asked for again there (WCAG 2.2, 3.3.7).
        ...(forgotHref ? { forgotHref: withName(forgotHref, username) } : {}),
        faults,
        ...(username ? { username } : {}),
      },
      { status: faults.length > 0 ? 400 : 200, ...(formTargets ? { formTargets } : {}) },
    );

  function showNewPassword(
    ctx: Context,
    place: SignInPlace,
    next: SignInStep & { step: 'set_password' },
  ): void {
    renderView(
      ctx,
      'set-password',
      {
        action: place.action,
        hidden: { ...place.hidden, ticket: next.ticket },
        username: next.username,
        minimumLength: MINIMUM_LENGTH,
        suggestion: suggestPassword(),
        reason: 'You signed in with a password that works once. Choose your own to go on.',
        faults: next.faults,
      },
      {
        status: next.faults.length > 0 ? 400 : 200,
        ...(place.formTargets ? { formTargets: place.formTargets } : {}),
      },
    );
  }

  function showKeepAccount(
    ctx: Context,
    place: SignInPlace,
    { ticket, username, deleteAt }: SignInStep & { step: 'keep_account' },
  ): void {
    renderView(
      ctx,
      'keep-account',
      {
        action: place.action,
        hidden: { ...place.hidden, ticket, keep: 'yes' },
        username,
        deleteOn: dayText(deleteAt),
        leaveHref: '/',
      },
      place.formTargets ? { formTargets: place.formTargets } : {},
    );
  }

  return {
    show,
    async take(ctx, place, form, info) {
      const { ticket, username = '', password = '' } = form;
      const new_password = chosenPassword(form);
      const next = !ticket
        ? await signIn.withPassword({ username, password }, info)
        : form.keep === 'yes'
          ? await signIn.keepingAccount({ ticket }, info)
          : await signIn.withNewPassword({ ticket, password: new_password }, info);
      if (next.step === 'signed_in') return next.account;
      if (next.step === 'set_password') showNewPassword(ctx, place, next);
      else if (next.step === 'keep_account') showKeepAccount(ctx, place, next);
      else show(ctx, place, { username, faults: [next.fault] });
      return undefined;
    },
  };
}
