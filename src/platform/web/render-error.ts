/**
 * The one place where an error becomes an HTTP answer: a page for a browser, JSON for a program, the
 * request id in both. Of an error nobody foresaw, only its id leaves the process.
 */
import type { Context } from 'koa';
import { canParse } from '../net/can-parse.js';
import { InvalidInput, PageError, PosternError, TooManyAttempts, type WayOn } from '../errors/errors.js';
import { acceptsHtml } from './accepts-html.js';
import { explain, type FaultContext } from './explain-error.js';
import type { RenderView } from './render-view.js';
import { requestIdOf } from './request-id.js';
import { localPath } from './return-to.js';
import type { ErrorModel } from './views.js';

/** What the log learns of an error; `error` is the thing itself. */
export interface ErrorReport {
  readonly requestId: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string | undefined;
  readonly error: unknown;
}

/**
 * Renders any error; also the body of oidc-provider's `renderError` hook, which passes its own error and
 * what is known about the request.
 */
export type RenderError = (ctx: Context, error: unknown, context?: FaultContext) => void;

type Answer = Omit<ErrorModel, 'requestId'> & {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly detail?: string | undefined;
  /** `error_description` of the JSON form. */
  readonly description: string;
};

export function createRenderError(deps: {
  readonly renderView: RenderView;
  readonly report: (report: ErrorReport) => void;
}): RenderError {
  return function renderError(ctx, error, context = {}) {
    const requestId = requestIdOf(ctx);
    const answer = answerFor(error, context);
    deps.report({ requestId, status: answer.status, code: answer.code, detail: answer.detail, error });
    for (const name of [
      'Content-Encoding',
      'Content-Length',
      'Content-Type',
      'ETag',
      'Last-Modified',
      'Location',
    ]) {
      ctx.remove(name);
    }
    ctx.set('Cache-Control', 'no-store');
    ctx.set({ ...answer.headers, 'X-Request-Id': requestId });
    ctx.status = answer.status;
    if (acceptsHtml(ctx)) sendPage(ctx, answer, requestId);
    else sendJson(ctx, answer, requestId);
  };

  function sendPage(ctx: Context, answer: Answer, requestId: string): void {
    const { status, title, message, help, code, faults } = answer;
    const waysOn = [...retry(ctx, status), ...answer.waysOn];
    const model = {
      title,
      message,
      code,
      requestId,
      faults,
      waysOn,
      ...(help === undefined ? {} : { help }),
    };
    try {
      deps.renderView(ctx, 'error', model, { status, title });
    } catch (fault) {
      // A broken template of an operator's own must not hide the error it was to show.
      deps.report({ requestId, status: 500, code: 'template', detail: 'error.ejs', error: fault });
      ctx.type = 'text/plain; charset=utf-8';
      ctx.body = `${title}\n\n${message}\n\nReference: ${requestId}\n`;
    }
  }
}

function sendJson(ctx: Context, answer: Answer, requestId: string): void {
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = {
    error: answer.code,
    error_description: answer.description,
    request_id: requestId,
    ...(answer.faults.length > 0 ? { faults: answer.faults } : {}),
  };
}

function answerFor(error: unknown, context: FaultContext): Answer {
  if (error instanceof PosternError) return fromOurs(error);
  if (isLibraryError(error)) return fromLibrary(error, context);
  if (error instanceof URIError) return fromStatus(400, error.message);
  if (isHttpError(error)) return fromStatus(error.status, error.message);
  return { ...fromStatus(500), description: 'The server met an unexpected problem.' };
}

function fromOurs(error: PosternError): Answer {
  return {
    status: error.status,
    headers: error.headers,
    code: error.code,
    title: error instanceof PageError ? error.title : titleOf(error),
    message:
      error instanceof TooManyAttempts
        ? `${error.message} ${waitText(error.retryAfterSeconds)}`
        : error.message,
    description: error.message,
    faults: error instanceof InvalidInput ? error.faults : [],
    waysOn: error instanceof PageError && error.waysOn.length > 0 ? error.waysOn : HOME,
    detail: error.detail,
  };
}

/** What passes by itself can be tried again, on the page that was left; a browser names it to its own site. */
function retry(ctx: Context, status: number): WayOn[] {
  if (![429, 500, 503].includes(status)) return [];
  const { origin } = ctx.URL ?? {};
  const referrer = ctx.get('Referer');
  const sameSite = origin !== undefined && canParse(referrer) && new URL(referrer).origin === origin;
  const { pathname, search } = sameSite ? new URL(referrer) : { pathname: '', search: '' };
  const page = ctx.method === 'GET' ? ctx.url : `${pathname}${search}`;
  const href = localPath(page);
  return href === '/' ? [] : [{ label: 'Try again', href }];
}

const HOME: readonly WayOn[] = [{ label: 'Home page', href: '/' }];

function titleOf(error: PosternError): string {
  if (error instanceof InvalidInput) return 'Some of the input was refused';
  if (error instanceof TooManyAttempts) return 'Please wait a little';
  return TITLES[error.status] ?? 'Something went wrong';
}

function waitText(seconds: number): string {
  if (seconds < 90) return `You can try again in ${Math.max(1, Math.ceil(seconds))} seconds.`;
  return `You can try again in ${Math.ceil(seconds / 60)} minutes.`;
}

/** oidc-provider's errors, known by their shape: only its own folder imports the library. */
interface LibraryError extends Error {
  readonly error: string;
  readonly statusCode: number;
  readonly expose: boolean;
  readonly error_description?: string;
  readonly error_detail?: string;
}

const isLibraryError = (error: unknown): error is LibraryError =>
  error instanceof Error &&
  'error' in error &&
  typeof error.error === 'string' &&
  'statusCode' in error &&
  typeof error.statusCode === 'number' &&
  'expose' in error &&
  error.expose === true;

function fromLibrary(error: LibraryError, context: FaultContext): Answer {
  const description = error.error_description ?? '';
  const said = explain({ error: error.error, description, kind: error.name }, context);
  return {
    ...said,
    status: error.statusCode,
    headers: {},
    code: error.error,
    description,
    faults: [],
    detail: error.error_detail,
  };
}

const isHttpError = (error: unknown): error is Error & { status: number } =>
  error instanceof Error &&
  'status' in error &&
  typeof error.status === 'number' &&
  error.status >= 400 &&
  error.status < 500;

const TITLES: Readonly<Record<number, string>> = {
  400: 'This request could not be read',
  401: 'Please sign in',
  403: 'Not allowed',
  404: 'Page not found',
  405: 'Not possible here',
  413: 'Too large',
  415: 'Unknown format',
  421: 'Wrong server name',
  429: 'Too many attempts',
  503: 'Busy for a moment',
};

const MESSAGES: Readonly<Record<number, string>> = {
  404: 'There is nothing at this address. It may have been mistyped or removed.',
  405: 'This address exists, but not for this kind of request.',
  413: 'What was sent is larger than this server accepts.',
  500: 'The problem has been logged. Please try again; if it persists, give the operator the reference below.',
};

const CODES: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'too_large',
  415: 'unsupported_media_type',
  421: 'misdirected_request',
  429: 'too_many_attempts',
  500: 'server_error',
};

/** An error known by its status alone; the text of foreign errors goes to the log, not to the caller. */
function fromStatus(status: number, detail?: string): Answer {
  const message = MESSAGES[status] ?? 'The request was not understood.';
  return {
    status,
    headers: {},
    code: CODES[status] ?? 'invalid_request',
    title: TITLES[status] ?? 'Something went wrong on our side',
    message,
    description: message,
    faults: [],
    waysOn: HOME,
    detail,
  };
}
