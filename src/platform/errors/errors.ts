/**
 * The errors Postern raises on purpose. Each carries three different things: a `code` for machines,
 * a `message` for the person who meets it, and `detail`/`cause` for the log alone.
 * `render-error.ts` is the only place that turns them into HTTP answers.
 */

interface ErrorFields {
  /** For the log only, never sent. */
  detail?: string;
  cause?: unknown;
  headers?: Readonly<Record<string, string>>;
}

export class PosternError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, fields: ErrorFields = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.detail = fields.detail;
    this.headers = fields.headers ?? {};
  }
}

/** A fault in an OAuth request of our own endpoints: `{"error", "error_description"}` (RFC 6749 §5.2). */
export class OAuthError extends PosternError {}

/** Where a person can go from an error page. */
export interface WayOn {
  readonly label: string;
  readonly href: string;
}

/** A dead end met by a person in a browser: a titled page that leads on. */
export class PageError extends PosternError {
  readonly title: string;
  readonly waysOn: readonly WayOn[];

  constructor(
    status: number,
    code: string,
    title: string,
    message: string,
    fields: ErrorFields & { waysOn?: readonly WayOn[] } = {},
  ) {
    super(status, code, message, fields);
    this.title = title;
    this.waysOn = fields.waysOn ?? [];
  }
}

/** One rejected field of a form, a metadata document or a command line. */
export interface FieldFault {
  readonly field: string;
  readonly message: string;
}

/** Input that was understood and refused, field by field. Nothing has been saved. */
export class InvalidInput extends PosternError {
  readonly faults: readonly FieldFault[];

  constructor(faults: readonly FieldFault[]) {
    super(400, 'invalid_input', faults.map((fault) => `${fault.field}: ${fault.message}`).join('; '));
    this.faults = faults;
  }
}

/** The database could not take the write or answer the read in time: 503 with `Retry-After`. */
export class Unavailable extends PosternError {
  constructor(cause?: unknown) {
    super(503, 'temporarily_unavailable', 'The service is busy for a moment. Please try again.', {
      cause,
      headers: { 'retry-after': '2' },
    });
  }
}

/** Too many attempts: 429 with `Retry-After` in seconds. */
export class TooManyAttempts extends PosternError {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number, message = 'Too many attempts. Please wait and try again.') {
    super(429, 'too_many_attempts', message, { headers: { 'retry-after': String(retryAfterSeconds) } });
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** What went wrong between us and an upstream. The message is for the person; `detail` is for the log. */
export type UpstreamFault =
  /** Unknown, used, late, another browser's or another door's. */
  | 'state'
  /** The person said no there (`access_denied`). */
  | 'denied'
  /** The upstream answered with another `error`. */
  | 'refused'
  /** Its answer proves nothing: signature, issuer, audience, nonce, times, shape. */
  | 'invalid'
  /** It could not be reached, or not in time. */
  | 'unreachable'
  | 'not_configured'
  /** Proven, but not welcome: domain, role, disabled account, no sign-up, link only. */
  | 'not_allowed'
  /** The identity belongs to another account. */
  | 'linked_elsewhere'
  /** It names nobody: no subject, no user name. */
  | 'nameless';

export class UpstreamError extends PosternError {
  readonly fault: UpstreamFault;
  /** `refused`: the upstream's own `error` (RFC 6749 §5.2), where it named one. */
  readonly answer: string | undefined;

  constructor(
    fault: UpstreamFault,
    message: string,
    fields: ErrorFields & { status?: number; answer?: string | undefined } = {},
  ) {
    super(fields.status ?? 400, `upstream_${fault}`, message, fields);
    this.fault = fault;
    this.answer = fields.answer;
  }
}
