import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { type FieldFault, InvalidInput, PageError } from '../platform/errors/errors.js';
import type { Form } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { UpstreamLink } from '../platform/web/upstream-views.js';
import type { HiddenFields } from '../platform/web/views.js';
import type { Account } from './account.js';
import { type ByMail, laterOnly } from './by-mail.js';
import { MINIMUM_LENGTH } from './passwords.js';
import type { Invited, Register } from './register.js';

/** The sign-up form wherever it stands: on `/signup` and inside a pending request of a client. */
export interface SignUpPlace {
  readonly action: string;
  readonly hidden?: HiddenFields;
  /** Back to the sign-in form of the same place. */
  readonly loginHref: string;
  readonly upstreams: readonly UpstreamLink[];
  readonly formTargets?: readonly string[];
}

export interface SignUpPages {
  /** Whether a stranger may make an account without having been invited. */
  readonly isOpen: boolean;
  /** @throws {PageError} 403 where sign-up is closed, 410 where the invitation is good no more */
  show(ctx: Context, place: SignUpPlace, invite?: string): Promise<void>;
  /** Takes the posted form; the account once it is made, otherwise the form has been shown again. */
  take(ctx: Context, place: SignUpPlace, form: Form): Promise<Account | undefined>;
}

interface Dependencies {
  readonly register: Register['signUp'];
  readonly signUp: 'open' | 'invite' | 'closed';
  readonly byMail: ByMail;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

const CLOSED = {
  closed: 'Accounts here are made by an administrator. Ask the people who run this server.',
  invite: 'Accounts here are made for people who were invited. Ask the people who run this server.',
};

export function createSignUpPages(deps: Dependencies): SignUpPages {
  const { postman, limits, emailAddress, invitations } = deps.byMail;

  /** Whether a stranger may sign up here, and by which invitation. */
  async function requireSignUp(invite: string | undefined): Promise<Invited | undefined> {
    if (invite && deps.signUp !== 'closed') return invitations.open(invite);
    if (deps.signUp === 'open') return undefined;
    throw new PageError(403, 'sign_up_closed', 'Sign-up is closed', CLOSED[deps.signUp], {
      waysOn: [{ label: 'Sign in', href: '/login' }],
    });
  }

  function render(
    ctx: Context,
    { upstreams, hidden, formTargets, ...place }: SignUpPlace,
    { invite, username, email }: Form,
    invited: Invited | undefined,
    faults: readonly FieldFault[] = [],
  ): void {
    const model = {
      ...place,
      hidden: { ...hidden, ...(invited && invite ? { invite } : {}) },
      ...(invited ? { invited: invited.email } : { askEmail: postman.available, upstreams }),
      ...(email ? { email } : {}),
      minimumLength: MINIMUM_LENGTH,
      faults,
      ...(username ? { username } : {}),
    };
    const status = faults.length > 0 ? 400 : 200;
    deps.renderView(ctx, 'signup', model, { status, ...(formTargets ? { formTargets } : {}) });
  }

  return {
    isOpen: deps.signUp === 'open',
    async show(ctx, place, invite) {
      render(ctx, place, invite ? { invite } : {}, await requireSignUp(invite));
    },
    async take(ctx, place, form) {
      const invited = await requireSignUp(form.invite);
      deps.csrf.require(ctx, form);
      const info = deps.requestInfo(ctx);
      const email = postman.available ? form.email?.trim() : undefined;
      try {
        const { username = '', password = '' } = form;
        if (email) await limits.check(email, info);
        const account = await deps.register({ username, password, email }, info, invited);
        await emailAddress.sendVerification(account, info).catch(laterOnly);
        return account;
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        render(ctx, place, form, invited, error.faults);
        return undefined;
      }
    },
  };
}
