/**
 * Pages: ejs templates in `views/`, each given one finished view model and one `page` object, put into
 * `layout.ejs`. Escaping is on by default; request data never reaches the engine's options
 * (CVE-2022-29078). `VIEWS_DIR` may replace any single template or asset.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ejs from 'ejs';
import type { Context } from 'koa';
import { type Accent, accentOf } from './accent.js';
import type { Assets } from './assets.js';
import { newNonce, pagePolicy } from './csp.js';
import { VIEW_FRAMES, type ViewModels, type ViewName } from './views.js';

export interface Brand {
  readonly name: string;
  readonly logo?: string;
  readonly color?: string;
  /** Where people find help: at the same place of every page (WCAG 2.2, 3.2.6). */
  readonly helpHref?: string;
}

export interface PageOptions {
  readonly status?: number;
  /** Instead of the view's own title. */
  readonly title?: string;
  /** Addresses this page's forms lead to, redirects included; see `csp.ts`. */
  readonly formTargets?: readonly string[];
  /** Whether the page's script asks this server something. */
  readonly connects?: boolean;
  /** Who is signed in, for the head of the page. */
  readonly account?: { readonly name: string; readonly roles?: readonly string[] };
}

/** Who finds the pages of administrators at the head of each page. */
const ADMIN = 'admin';

/** Answers with a page: body, status, policy, no-store. */
export type RenderView = <N extends ViewName>(
  ctx: Context,
  name: N,
  model: ViewModels[N],
  options?: PageOptions,
) => void;

/** What templates see as `page`. */
interface Page {
  readonly name: ViewName;
  readonly title: string;
  readonly shape: string;
  readonly brand: Brand;
  readonly nonce: string;
  readonly account: { readonly name: string } | undefined;
  readonly administers: boolean;
  readonly accent: Accent | undefined;
  readonly asset: (name: string) => string;
  /** Read only by templates with a form of ours: reading it gives the browser its cookie. */
  readonly csrf: string;
}

type Template = (data: object) => string;

export interface RenderViewDeps {
  /** The default templates, then the override folder where there is one. */
  readonly viewsDirs: readonly string[];
  readonly brand: Brand;
  readonly assets: Assets;
  readonly csrf: { token(ctx: Context): string };
  /** False while templates are being worked on. */
  readonly cache: boolean;
}

export function createRenderView(deps: RenderViewDeps): RenderView {
  const templateOf = createTemplates(deps.viewsDirs, deps.cache);
  const accent = accentOf(deps.brand.color);
  const images = deps.brand.logo === undefined ? [] : [deps.brand.logo];

  return function renderView(ctx, name, model, options = {}) {
    const frame = VIEW_FRAMES[name];
    const nonce = newNonce();
    const title = options.title ?? frame.title;
    const page: Page = {
      name,
      title: name === 'error' || hasFaults(model) ? `Error: ${title}` : title,
      shape: frame.shape,
      brand: deps.brand,
      nonce,
      account: options.account,
      administers: options.account?.roles?.includes(ADMIN) ?? false,
      accent,
      asset: deps.assets.href,
      get csrf() {
        return deps.csrf.token(ctx);
      },
    };
    const content = templateOf(name)({ page, view: model });
    const html = templateOf('layout')({ page, content });
    ctx.status = options.status ?? 200;
    ctx.type = 'text/html; charset=utf-8';
    ctx.set('Cache-Control', 'no-store');
    ctx.set(
      'Content-Security-Policy',
      pagePolicy({
        nonce,
        connects: options.connects ?? false,
        formTargets: options.formTargets ?? [],
        images,
      }),
    );
    if (!frame.popup) ctx.set('Cross-Origin-Opener-Policy', 'same-origin');
    ctx.body = html;
  };
}

/** The names a template may use; anything else is a ReferenceError, not an empty text. */
const LOCALS = ['page', 'view', 'content', 'field', 'form', 'list'];

function createTemplates(viewsDirs: readonly string[], cache: boolean): (name: string) => Template {
  const root = [...viewsDirs].reverse();
  const compiled = new Map<string, Template>();

  function compile(name: string): Template {
    const dir = root.find((candidate) => existsSync(join(candidate, `${name}.ejs`)));
    if (dir === undefined) throw new Error(`no template ${name}.ejs in ${root.join(', ')}`);
    const filename = join(dir, `${name}.ejs`);
    const options = { filename, root, cache, strict: true, destructuredLocals: LOCALS, rmWhitespace: false };
    return ejs.compile(readFileSync(filename, 'utf8'), options);
  }

  return (name) => {
    const known = cache ? compiled.get(name) : undefined;
    if (known !== undefined) return known;
    const template = compile(name);
    compiled.set(name, template);
    return template;
  };
}

/** Also of the sign-in box on the home page. */
function hasFaults(model: object): boolean {
  const form =
    'signIn' in model && typeof model.signIn === 'object' && model.signIn !== null ? model.signIn : model;
  return 'faults' in form && Array.isArray(form.faults) && form.faults.length > 0;
}
