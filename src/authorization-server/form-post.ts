import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { RenderView } from '../platform/web/render-view.js';

/** Forms that post themselves: the `form_post` response mode, and those the library uses between its pages. */

/** Koa's context as our renderer takes it; the library adds `oidc` to the same object. */
const plain = (ctx: KoaContextWithOIDC): Context => ctx as unknown as Context;

/** The `form_post` response mode (OAuth 2.0 Form Post Response Mode) as one of our pages. */
export function formPostMode(renderView: RenderView) {
  return (ctx: KoaContextWithOIDC, redirectUri: string, payload: Record<string, unknown>): void => {
    const fields = Object.entries(payload).map(([name, value]) => ({ name, value: String(value) }));
    renderView(plain(ctx), 'form-post', { action: redirectUri, fields }, { formTargets: [redirectUri] });
  };
}

const LIBRARY_FORM = /<form method="post" action="([^"]*)">/;
const LIBRARY_INPUT = /<input type="hidden" name="([^"]*)" value="([^"]*)"\/>/g;

const unescaped = (html: string): string =>
  html
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#x27;', "'")
    .replaceAll('&amp;', '&');

/** The addresses such a form is redirected on to: the client that waits, or the one that signed people out. */
function whereItEnds({ oidc }: KoaContextWithOIDC): string[] {
  const { state } = (oidc?.session ?? {}) as { state?: { postLogoutRedirectUri?: string } };
  const addresses = [oidc?.entities.Interaction?.params.redirect_uri, state?.postLogoutRedirectUri];
  return addresses.filter((address): address is string => typeof address === 'string');
}

/**
 * When accounts are switched, when nobody is signed in at a logout, and for a device's complete address,
 * the library answers with a bare form that posts itself. It becomes a page with a button.
 */
export function dressLibraryForms(renderView: RenderView): Middleware {
  return async (ctx, next) => {
    await next();
    if (typeof ctx.body !== 'string' || !ctx.body.includes('<title>Submitting Callback</title>')) return;
    const action = unescaped(LIBRARY_FORM.exec(ctx.body)?.[1] ?? '');
    const fields = [...ctx.body.matchAll(LIBRARY_INPUT)].map(([, name = '', value = '']) => ({
      name,
      value: unescaped(value),
    }));
    const formTargets = [action, ...whereItEnds(ctx as unknown as KoaContextWithOIDC)];
    renderView(ctx as Context, 'form-post', { action, fields }, { status: ctx.status, formTargets });
  };
}
