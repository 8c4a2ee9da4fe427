import Router from '@koa/router';
import type { Context } from 'koa';
import { canParse } from '../platform/net/can-parse.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { type FieldFault, InvalidInput, UpstreamError } from '../platform/errors/errors.js';
import { type Form, readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import { displayText } from '../platform/web/display-text.js';
import type { RenderView } from '../platform/web/render-view.js';
import { dayText } from '../platform/web/time-texts.js';
import type { LoginDoors, Upstreams } from './doors.js';
import type { KeepAccount } from './keep-account.js';
import { type LinkDesk, type OpenDesk, WRONG } from './link-desk.js';
import { loginFailure } from './login-failure.js';
import { interactionPath, parameter, queryText, requireOffered } from './page-routes.js';
import type { ProvenLogin } from './proven-login.js';
import type { LoginTransaction } from './relying-party.js';
import type { FormField, OpenForm, UpstreamSignUp } from './sign-up.js';

/** The pages of what is asked before somebody arrives: sign-up form, link desk, keeping an account. */
interface Dependencies {
  readonly upstreams: Upstreams;
  readonly doors: LoginDoors;
  readonly signUp: UpstreamSignUp;
  readonly linkDesk: LinkDesk;
  readonly keepAccount: KeepAccount;
  readonly forgotHref?: string | undefined;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

/** Whoever does not answer: back to the pending request, which is not lost. */
const leaveOf = ({ interactionUid }: LoginTransaction, otherwise = '/login?local=1'): string =>
  interactionUid === undefined ? otherwise : interactionPath(interactionUid);

/** Where the forms of an open question may end, redirects included. */
const targetsOf = ({ returnTo }: LoginTransaction): string[] => (canParse(returnTo) ? [returnTo] : []);

/** Whoever comes, in the words of the upstream: so that nobody connects somebody else's account unseen. */
function personOf({ proven: { identity } }: ProvenLogin): string {
  const { displayName, username, email, subject } = identity;
  const name = displayText(displayName ?? username ?? email ?? '', '');
  return name === '' ? displayText(subject) : `${name} (${displayText(subject)})`;
}

/** `alice` → `a…e`: a hint for its owner, nothing for a stranger. */
function masked(name: string): string {
  const letters = [...name];
  return letters.length < 3 ? `${letters[0] ?? ''}…` : `${letters[0]}…${letters.at(-1)}`;
}

export function createQuestionPages(deps: Dependencies): Router {
  const { doors, signUp, linkDesk, keepAccount, csrf, renderView, requestInfo } = deps;
  const pathOf = (page: string, { upstreamId }: LoginTransaction): string => `/oauth/${page}/${upstreamId}/`;

  function showForm(
    ctx: Context,
    form: OpenForm,
    typed: Form = {},
    faults: readonly FieldFault[] = [],
  ): void {
    const { ticket, login, fields, notice } = form;
    const { transaction, upstream } = login;
    const field = (
      name: FormField,
      more: { label: string; type: string; autocomplete: string; hint?: string },
    ) => ({
      ...more,
      ...fields[name],
      name,
      value: fields[name].fixed ? fields[name].value : (typed[name] ?? fields[name].value),
      required: name !== 'full_name',
    });
    renderView(
      ctx,
      'upstream-signup',
      {
        action: pathOf('signup', transaction),
        hidden: { ticket },
        title: upstream.title,
        person: personOf(login),
        fields: [
          field('username', {
            label: 'Username',
            type: 'text',
            autocomplete: 'username',
            hint: 'You choose it once.',
          }),
          field('email', {
            label: 'E-mail address',
            type: 'email',
            autocomplete: 'email',
            hint: 'A mail there brings a link to confirm it.',
          }),
          field('full_name', { label: 'Name (optional)', type: 'text', autocomplete: 'name' }),
        ],
        ...(notice === undefined ? {} : { notice }),
        leaveHref: leaveOf(transaction),
        faults,
      },
      { status: faults.length > 0 ? 400 : 200, formTargets: targetsOf(transaction) },
    );
  }

  function showDesk(ctx: Context, desk: OpenDesk, username = '', faults: readonly FieldFault[] = []): void {
    const { ticket, question, login, accounts, others } = desk;
    const { transaction, upstream } = login;
    const action = pathOf('link', transaction);
    renderView(
      ctx,
      'link-desk',
      {
        action,
        hidden: { ticket },
        title: upstream.title,
        person: personOf(login),
        email: displayText(question.email ?? ''),
        names: question.emailProven ? accounts.map((account) => masked(account.username)) : [],
        username,
        ...(deps.forgotHref ? { forgotHref: deps.forgotHref } : {}),
        upstreams: others.map(({ id, title }) => ({
          label: title,
          href: `${action}via/${id}/?${new URLSearchParams({ ticket })}`,
        })),
        ...(upstream.autoProvision ? { separateAction: `${action}separate` } : {}),
        leaveHref: leaveOf(transaction),
        faults,
      },
      { status: faults.length > 0 ? 400 : 200, formTargets: targetsOf(transaction) },
    );
  }

  const ticketOf = (ctx: Context): string => queryText(ctx, 'ticket') ?? '';
  const browserOf = (ctx: Context) => doors.browserOf(ctx);

  async function posted(ctx: Context): Promise<Form & { readonly ticket: string }> {
    const form = await readForm(ctx);
    csrf.require(ctx, form, '/login');
    return { ...form, ticket: form.ticket ?? '' };
  }

  const router = new Router();

  router.get('/oauth/signup/:app/', async (ctx) => {
    requireOffered(deps.upstreams, parameter(ctx, 'app'));
    const ticket = ticketOf(ctx);
    // Without one there is nothing to complete: the original sent people home.
    if (ticket === '') return ctx.redirect('/');
    showForm(ctx, await opened(signUp.open(ticket, browserOf(ctx))));
  });

  router.post('/oauth/signup/:app/', async (ctx) => {
    const typed = await posted(ctx);
    const form = await opened(signUp.open(typed.ticket, browserOf(ctx)));
    try {
      const { username, email, full_name } = typed as Form;
      await doors.deliver(ctx, await signUp.submit(form, { username, email, full_name }, requestInfo(ctx)));
    } catch (error) {
      if (error instanceof InvalidInput) return showForm(ctx, form, typed, faultsOf(error));
      await doors.fail(ctx, error, form.login.transaction);
    }
  });

  router.get('/oauth/link/:app/', async (ctx) => {
    const desk = await opened(linkDesk.open(ticketOf(ctx), browserOf(ctx)));
    const another = queryText(ctx, 'fault') === 'another_account';
    showDesk(ctx, desk, '', another ? [{ field: '', message: WRONG }] : []);
  });

  router.post('/oauth/link/:app/', async (ctx) => {
    const { ticket, username = '', password = '' } = await posted(ctx);
    const desk = await opened(linkDesk.open(ticket, browserOf(ctx)));
    try {
      const came = await linkDesk.withPassword(desk, { username, password }, requestInfo(ctx));
      if (came.outcome === 'wrong')
        return showDesk(ctx, desk, username, [{ field: '', message: came.message }]);
      await doors.deliver(ctx, came);
    } catch (error) {
      await doors.fail(ctx, error, desk.login.transaction);
    }
  });

  router.get('/oauth/link/:app/via/:other/', async (ctx) => {
    const desk = await opened(linkDesk.open(ticketOf(ctx), browserOf(ctx)));
    const upstream = requireOffered(deps.upstreams, parameter(ctx, 'other'));
    const { door, returnTo, interactionUid } = desk.login.transaction;
    await doors.begin(ctx, {
      door,
      upstream,
      returnTo,
      question: desk.ticket,
      ...(interactionUid === undefined ? {} : { interactionUid }),
    });
  });

  router.post('/oauth/link/:app/separate', async (ctx) => {
    const { ticket } = await posted(ctx);
    const desk = await opened(linkDesk.open(ticket, browserOf(ctx)));
    try {
      await doors.deliver(ctx, await linkDesk.separately(desk, requestInfo(ctx)));
    } catch (error) {
      await doors.fail(ctx, error, desk.login.transaction);
    }
  });

  router.get('/oauth/keep/:app/', async (ctx) => {
    const ticket = ticketOf(ctx);
    const { login, account } = await opened(keepAccount.open(ticket, browserOf(ctx)));
    renderView(
      ctx,
      'keep-account',
      {
        action: pathOf('keep', login.transaction),
        hidden: { ticket },
        username: account.username,
        deleteOn: account.deleteAt === undefined ? 'a day soon' : dayText(account.deleteAt),
        leaveHref: leaveOf(login.transaction, '/'),
      },
      { formTargets: targetsOf(login.transaction) },
    );
  });

  router.post('/oauth/keep/:app/', async (ctx) => {
    const { ticket } = await posted(ctx);
    const { login } = await opened(keepAccount.open(ticket, browserOf(ctx)));
    try {
      await doors.deliver(ctx, await keepAccount.keep(ticket, browserOf(ctx), requestInfo(ctx)));
    } catch (error) {
      await doors.fail(ctx, error, login.transaction);
    }
  });

  return router;
}

/** A ticket that opens nothing is met by a page, for there is no door to answer at. */
const opened = <T>(open: Promise<T>): Promise<T> =>
  open.catch((error: unknown) => {
    throw error instanceof UpstreamError ? loginFailure(error) : error;
  });

/** Of the fields of the form, under its own names. */
const faultsOf = ({ faults }: InvalidInput): FieldFault[] =>
  faults.map(({ field, message }) => ({ field: field === 'displayName' ? 'full_name' : field, message }));
