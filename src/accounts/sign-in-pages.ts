import type { Context } from 'koa';
import type { FieldFault } from '../platform/errors/errors.js';
import type { Form } from '../platform/web/body.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { ClientCard, HiddenFields } from '../platform/web/views.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import type { Account } from './account.js';
import { MINIMUM_LENGTH } from './passwords.js';
import type { SignIn, SignInStep } from './sign-in.js';

/**
 * The sign-in form wherever it stands: on `/login`, on `/` and inside a pending request. The places differ
 * only in what surrounds the form and in how a sign-in ends.
 */
export interface SignInPlace {
  readonly action: string;
  readonly hidden?: HiddenFields;
  readonly client?: ClientCard;
  readonly signUpHref?: string;
  readonly cancelAction?: string;
  readonly formTargets?: readonly string[];
}

export interface SignInPages {
  show(ctx: Context, place: SignInPlace, given?: { username?: string; faults?: readonly FieldFault[] }): void;
  /** Takes the posted form; the account once it is signed in, otherwise the next page has been rendered. */
  take(ctx: Context, place: SignInPlace, form: Form, info: RequestInfo): Promise<Account | undefined>;
}

export function createSignInPages({
  signIn,
  renderView,
}: {
  signIn: SignIn;
  renderView: RenderView;
}): SignInPages {
  const show: SignInPages['show'] = (ctx, { formTargets, ...place }, { username, faults = [] } = {}) =>
    renderView(
      ctx,
      'login',
      { ...place, faults, ...(username ? { username } : {}) },
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
        reason: 'You signed in with a password that works once. Choose your own to go on.',
        faults: next.faults,
      },
      {
        status: next.faults.length > 0 ? 400 : 200,
        ...(place.formTargets ? { formTargets: place.formTargets } : {}),
      },
    );
  }

  return {
    show,
    async take(ctx, place, form, info) {
      const { ticket, username = '', password = '', new_password = '' } = form;
      const next = ticket
        ? await signIn.withNewPassword({ ticket, password: new_password }, info)
        : await signIn.withPassword({ username, password }, info);
      if (next.step === 'signed_in') return next.account;
      if (next.step === 'set_password') showNewPassword(ctx, place, next);
      else show(ctx, place, { username, faults: [next.fault] });
      return undefined;
    },
  };
}
