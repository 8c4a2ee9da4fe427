import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { createAssets } from '../../../src/platform/web/assets.js';
import { type Brand, createRenderView, type PageOptions } from '../../../src/platform/web/render-view.js';
import { VIEW_FRAMES, type ViewModels, type ViewName } from '../../../src/platform/web/views.js';
import { temporaryFolder } from '../../support/folder.js';
import { fakeContext } from './fake-context.js';
import { HOSTILE, SAMPLES } from './sample-models.js';

const VIEWS = fileURLToPath(new URL('../../../views', import.meta.url));

function views(more: { dirs?: string[]; brand?: Brand } = {}) {
  const viewsDirs = [VIEWS, ...(more.dirs ?? [])];
  const assets = createAssets(viewsDirs);
  let tokens = 0;
  const csrf = { token: () => `csrf-token-${++tokens}` };
  const renderView = createRenderView({
    viewsDirs,
    brand: more.brand ?? { name: 'Postern' },
    assets,
    csrf,
    cache: true,
  });
  return { renderView, tokens: () => tokens };
}

function show<N extends ViewName>(name: N, model: ViewModels[N], options?: PageOptions, more = {}) {
  const made = views(more);
  const ctx = fakeContext();
  made.renderView(ctx, name, model, options);
  return {
    ctx,
    html: String(ctx.body),
    policy: ctx.response.get('Content-Security-Policy'),
    tokens: made.tokens(),
  };
}

const names = Object.keys(VIEW_FRAMES) as ViewName[];

describe.each(names)('%s', (name) => {
  const { html, policy, ctx, tokens } = show(name, SAMPLES[name], { account: { name: HOSTILE } });

  test('lets no hostile text become markup', () => {
    expect(html).not.toContain('<script>');
    expect(html).not.toContain('<img src=x');
    expect(html).not.toMatch(/="[^"]*<script/);
    expect(html).toContain('&lt;script&gt;');
  });

  test('runs and styles only by its nonce, with no inline handler or style', () => {
    const nonce = /'nonce-([\w-]+)'/.exec(policy)?.[1];
    const tags = html.match(/<(script|style|link rel="stylesheet")[^>]*>/g) ?? [];
    expect(tags.length).toBeGreaterThan(1);
    for (const tag of tags) expect(tag).toContain(`nonce="${nonce}"`);
    expect(html).not.toMatch(/<[^>]+\s(style|on[a-z]+)="/);
  });

  test('loads nothing from outside and is not stored', () => {
    for (const [, address] of html.matchAll(/<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"/g)) {
      expect(address).toMatch(/^\/assets\//);
    }
    expect(ctx.response.get('Cache-Control')).toBe('no-store');
  });

  test('has a language, one heading and a named control for every label', () => {
    expect(html).toContain('<html lang="en">');
    expect(html.match(/<h1/g)).toHaveLength(1);
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of html.matchAll(/<label for="([^"]+)"/g)) expect(ids).toContain(id);
    for (const [, described] of html.matchAll(/aria-describedby="([^"]+)"/g)) {
      for (const id of (described ?? '').split(' ')) expect(ids).toContain(id);
    }
  });

  test('gives every form of ours a CSRF token and foreign ones none', () => {
    const ours = name === 'form-post' ? 0 : (html.match(/<form(?![^>]*method="get")/g)?.length ?? 0);
    expect(html.match(/name="csrf"/g)?.length ?? 0).toBe(ours);
    expect(tokens).toBe(ours);
  });
});

describe('a page', () => {
  test('says in its title that something was refused', () => {
    const titled = (html: string) => /<title>(.*) · Postern<\/title>/.exec(html)?.[1];
    expect(titled(show('login', { action: '/login' }).html)).toBe('Sign in');
    expect(titled(show('login', SAMPLES.login).html)).toBe('Error: Sign in');
    const signIn = { action: '/', faults: [{ field: '', message: 'no' }] };
    const status = { database: true, signingKeys: [] };
    const home = { issuer: 'http://localhost:5000', clients: [], links: [], status, signIn };
    expect(titled(show('home', home).html)).toBe('Error: Home');
    expect(titled(show('error', SAMPLES.error, { title: 'Page not found' }).html)).toBe(
      'Error: Page not found',
    );
  });

  test('lets its form lead to the client it is about', () => {
    const { policy } = show('consent', SAMPLES.consent, { formTargets: ['https://photos.example/callback'] });
    expect(policy).toContain("form-action 'self' https://photos.example;");
  });

  test('takes a colour of the brand and nothing that only looks like one', () => {
    const brand = (color: string) =>
      show('device-done', { allowed: true }, {}, { brand: { name: 'B', color } }).html;
    expect(brand('#fc0')).toContain(':root{--accent:#ffcc00;--on-accent:#000000;');
    expect(brand('#fc0')).toContain('@media (prefers-color-scheme:dark){:root{--accent:#ffcc00;');
    expect(brand('#123456')).toContain('--on-accent:#ffffff');
    expect(brand('red}</style><script>')).not.toContain('<style');
  });

  test('keeps its opener only where it may be a step of a sign-in', () => {
    expect(show('login', SAMPLES.login).ctx.response.get('Cross-Origin-Opener-Policy')).toBeFalsy();
    expect(show('client', SAMPLES.client).ctx.response.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
  });

  test('with a model named like engine options stays a page (CVE-2022-29078)', () => {
    const evil = {
      settings: { 'view options': { outputFunctionName: 'x;throw 1;x' } },
      debug: true,
      escape: '1',
    };
    expect(show('device-done', Object.assign({ allowed: true }, evil)).html).toContain('connected');
  });
});

test('VIEWS_DIR replaces a template, a part and an asset, and nothing else', () => {
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'device-done.ejs'), "<h1>Ours</h1><%- include('/partials/mark') %>");
  const more = { dirs: [dir] };
  expect(show('device-done', { allowed: true }, {}, more).html).toContain('<h1>Ours</h1><svg');
  expect(show('login', { action: '/login' }, {}, more).html).toContain('<h1>Sign in</h1>');
});

test('templates write raw text only where it is another template', () => {
  const files = readdirSync(VIEWS, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ejs'),
  );
  for (const file of files) {
    for (const [tag] of readFileSync(join(VIEWS, file), 'utf8').matchAll(/<%-[^%]*%>/g)) {
      expect(tag).toMatch(
        file === 'layout.ejs' ? /<%- (content|include\('\/partials\/)/ : /<%- include\('\/partials\//,
      );
    }
  }
});
