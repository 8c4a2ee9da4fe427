import Router from '@koa/router';
import type { Context } from 'koa';
import type { RequestInfo } from '../platform/audit/audit.js';
import { type FieldFault, InvalidInput } from '../platform/errors/errors.js';
import { readForm } from '../platform/web/body.js';
import type { Csrf } from '../platform/web/csrf.js';
import type { RenderView } from '../platform/web/render-view.js';
import { seeOther } from '../platform/web/see-other.js';
import { LOOK_AROUND } from './look-around.js';
import { MINIMUM_LENGTH } from './passwords.js';
import type { Recovery } from './recovery.js';
import { chosenPassword } from './sign-in-pages.js';
import { suggestPassword } from './suggest-password.js';

/** `/forgot-password` and `/reset-password`. */
interface Dependencies {
  readonly recovery: Recovery;
  /** Throws a 503 page where no mail can be sent. */
  readonly requireMail: () => void;
  readonly csrf: Csrf;
  readonly renderView: RenderView;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

const LOGIN = { label: 'Sign in', href: '/login' };

export const tokenOf = (ctx: Context): string | undefined => {
  const { token } = ctx.query;
  return typeof token === 'string' ? token : undefined;
};

export function createRecoveryRoutes(deps: Dependencies): Router {
  const { recovery, csrf, renderView, requestInfo } = deps;
  const router = new Router();

  function showForgot(ctx: Context, identifier = '', faults: readonly FieldFault[] = []): void {
    renderView(
      ctx,
      'forgot-password',
      { action: '/forgot-password', identifier, faults, loginHref: '/login' },
      { status: faults.length > 0 ? 400 : 200 },
    );
  }

  async function showReset(ctx: Context, token = '', faults: readonly FieldFault[] = []): Promise<void> {
    const { username } = await recovery.open(token);
    renderView(
      ctx,
      'set-password',
      {
        action: '/reset-password',
        hidden: { token },
        username,
        minimumLength: MINIMUM_LENGTH,
        suggestion: suggestPassword(),
        reason: 'It replaces the one you have, and everybody is signed out of the account.',
        faults,
      },
      { status: faults.length > 0 ? 400 : 200 },
    );
  }

  router.get('/forgot-password', (ctx) => {
    deps.requireMail();
    const { name } = ctx.query;
    showForgot(ctx, typeof name === 'string' ? name : '');
  });

  router.post('/forgot-password', async (ctx) => {
    const form = await readForm(ctx);
    csrf.require(ctx, form);
    const { identifier = '' } = form;
    try {
      await recovery.request(identifier, requestInfo(ctx));
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      return showForgot(ctx, identifier, error.faults);
    }
    // The same words whoever was asked for.
    seeOther(ctx, '/forgot-password/sent');
  });

  router.get('/forgot-password/sent', (ctx) =>
    renderView(ctx, 'told', {
      title: 'Look into your mailbox',
      text: 'If there is such an account and its e-mail address was confirmed, a mail with a link is on its way.',
      note: 'The link works for 30 minutes. No mail? Look in your spam folder, or ask the people who run this server.',
      waysOn: [LOGIN, { label: 'Try again', href: '/forgot-password' }],
    }),
  );

  router.get('/reset-password', (ctx) => showReset(ctx, tokenOf(ctx)));

  router.post('/reset-password', async (ctx) => {
    const form = await readForm(ctx);
    csrf.require(ctx, form, '/forgot-password');
    try {
      await recovery.reset(form.token, chosenPassword(form), requestInfo(ctx));
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      return showReset(ctx, form.token, error.faults);
    }
    seeOther(ctx, '/reset-password/done');
  });

  router.get('/reset-password/done', (ctx) =>
    renderView(ctx, 'told', {
      title: 'Your password was changed',
      text: 'Everybody was signed out of the account, applications included. Sign in with the new password.',
      note: LOOK_AROUND.note,
      waysOn: [LOGIN, ...LOOK_AROUND.waysOn],
    }),
  );

  return router;
}
