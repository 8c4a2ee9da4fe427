import { describe, expect, test } from '@jest/globals';
import type { Context } from 'koa';
import {
  InvalidInput,
  OAuthError,
  PageError,
  TooManyAttempts,
  Unavailable,
} from '../../../src/platform/errors/errors.js';
import { errorBoundary } from '../../../src/platform/web/error-boundary.js';
import { createRenderError, type ErrorReport } from '../../../src/platform/web/render-error.js';
import type { ErrorModel } from '../../../src/platform/web/views.js';
import { type FakeRequest, fakeContext } from './fake-context.js';

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

function setUp(renderFails = false) {
  const reports: ErrorReport[] = [];
  const renderError = createRenderError({
    renderView: (ctx, name, model, options) => {
      if (renderFails) throw new Error('broken template');
      ctx.status = options?.status ?? 200;
      ctx.body = { name, model };
    },
    report: (report) => reports.push(report),
  });
  return { renderError, reports };
}

async function failing(
  error: unknown,
  request: FakeRequest = {},
): Promise<{ ctx: Context; reports: ErrorReport[] }> {
  const { renderError, reports } = setUp();
  const ctx = fakeContext(request);
  const boundary = errorBoundary({ clock: { now: () => 0 }, renderError, finished: () => {} });
  await boundary(ctx, async () => {
    if (error !== undefined) throw error;
  });
  return { ctx, reports };
}

const pageOf = (ctx: Context): ErrorModel => (ctx.body as { model: ErrorModel }).model;

describe('what nobody foresaw', () => {
  test.each([
    [new Error('password=hunter2 at /srv/x.ts')],
    ['a text'],
    [null],
    [Object.assign(new Error('ECONNREFUSED 10.0.0.1'), { status: 502 })],
    [Object.assign(new Error('inside'), { error: 'server_error', statusCode: 500, expose: false })],
  ])('leaves nothing but its id: %p', async (error) => {
    for (const headers of [{}, BROWSER]) {
      const { ctx, reports } = await failing(error, { headers });
      expect(ctx.status).toBe(500);
      expect(JSON.stringify(ctx.body)).not.toMatch(/hunter2|srv|ECONN|inside|a text/);
      expect(reports).toMatchObject([{ status: 500, code: 'server_error', error }]);
      expect(JSON.stringify(ctx.body)).toContain(reports[0]?.requestId);
    }
  });
});

describe('to a program', () => {
  test.each([
    [new OAuthError(400, 'invalid_grant', 'No.'), 400, { error: 'invalid_grant', error_description: 'No.' }],
    [
      new InvalidInput([{ field: 'scope', message: 'unknown' }]),
      400,
      { error: 'invalid_input', faults: [{ field: 'scope', message: 'unknown' }] },
    ],
    [new URIError('URI malformed'), 400, { error: 'invalid_request' }],
    [Object.assign(new Error('too big'), { status: 413 }), 413, { error: 'too_large' }],
    [undefined, 404, { error: 'not_found' }],
  ])('%p is JSON', async (error, status, body) => {
    const { ctx, reports } = await failing(error);
    expect(ctx.status).toBe(status);
    expect(ctx.body).toMatchObject({ ...body, request_id: reports[0]?.requestId });
    expect(ctx.response.get('X-Request-Id')).toBe(reports[0]?.requestId);
    expect(ctx.response.get('Cache-Control')).toBe('no-store');
  });

  test('details stay in the log', async () => {
    const { ctx, reports } = await failing(new OAuthError(400, 'x', 'y', { detail: 'the reason' }));
    expect(JSON.stringify(ctx.body)).not.toContain('the reason');
    expect(reports[0]?.detail).toBe('the reason');
  });
});

describe('to a browser', () => {
  test('an error of a page keeps its title and ways on', async () => {
    const waysOn = [{ label: 'Back', href: '/back' }];
    const { ctx } = await failing(new PageError(410, 'gone', 'Gone', 'It is gone.', { waysOn }), {
      headers: BROWSER,
    });
    expect(ctx.status).toBe(410);
    expect(pageOf(ctx)).toMatchObject({ title: 'Gone', message: 'It is gone.', waysOn });
  });

  test('an error of the library is explained by what it is, not by its text', async () => {
    const { renderError } = setUp();
    const ctx = fakeContext({ headers: BROWSER });
    const error = Object.assign(new Error('invalid_redirect_uri'), {
      error: 'invalid_redirect_uri',
      statusCode: 400,
      expose: true,
      error_description: 'redirect_uri did not match',
    });
    renderError(ctx, error, { clientName: 'Photos', redirectUri: 'https://evil.example/' });
    expect(pageOf(ctx).message).toContain('https://evil.example/ is not registered for Photos');
    expect(ctx.response.get('Location')).toBeFalsy();
  });

  test('a throttle says how long it lasts', async () => {
    const { ctx } = await failing(new TooManyAttempts(840), { headers: BROWSER });
    expect([ctx.status, ctx.response.get('Retry-After')]).toEqual([429, '840']);
    expect(pageOf(ctx).message).toContain('14 minutes');
  });

  test('a template that fails leaves a plain text', () => {
    const { renderError, reports } = setUp(true);
    const ctx = fakeContext({ headers: BROWSER });
    renderError(ctx, new Unavailable(new Error('inside')));
    expect(ctx.status).toBe(503);
    expect(ctx.response.get('Retry-After')).toBe('2');
    expect(String(ctx.body)).toContain(reports[0]?.requestId);
  });
});

test.each([
  ['text/html', true],
  ['text/html;q=0.9, application/json;q=0.1', true],
  ['text/html;q=0, application/json', false],
  ['application/json, text/html', false],
  ['*/*', false],
  ['application/json', false],
  ['', false],
])('Accept: %s is a browser: %s', async (accept, browser) => {
  const { ctx } = await failing(new OAuthError(400, 'x', 'y'), { headers: accept === '' ? {} : { accept } });
  expect(typeof ctx.body === 'object' && ctx.body !== null && 'model' in ctx.body).toBe(browser);
});

describe('the boundary', () => {
  test.each(['/%ff', '/a%', '/a%00b', '/%c0%ae'])('answers 400 to the path %s', async (url) => {
    expect((await failing(undefined, { url })).ctx.status).toBe(400);
  });

  test.each([
    ['abc-1.2_3', true],
    ['a'.repeat(65), false],
    ['with space', false],
    ['<script>', false],
    ['eyJhbGciOiJub25lIn0.e30.x', false],
  ])('takes the request id %s from a proxy: %s', async (id, taken) => {
    const { ctx } = await failing(undefined, { headers: { 'x-request-id': id } });
    expect(ctx.response.get('X-Request-Id') === id).toBe(taken);
  });

  test('reports a finished request without its query', async () => {
    const entries: unknown[] = [];
    const { renderError } = setUp();
    let now = 5;
    const boundary = errorBoundary({
      clock: { now: () => now++ },
      renderError,
      finished: (entry) => entries.push(entry),
    });
    await boundary(fakeContext({ url: '/cb?code=secret' }), async () => {});
    expect(entries).toMatchObject([{ method: 'GET', path: '/cb', status: 404, milliseconds: 1 }]);
  });

  test('leaves an answer of 404 with a body alone', async () => {
    const { renderError, reports } = setUp();
    const ctx = fakeContext();
    await errorBoundary({ clock: { now: () => 0 }, renderError, finished: () => {} })(ctx, async () => {
      ctx.status = 404;
      ctx.body = { error: 'mine' };
    });
    expect([ctx.status, ctx.body, reports]).toEqual([404, { error: 'mine' }, []]);
  });
});
