/**
 * What may stand in a log line. Fields are judged by their names at any depth, texts by the shapes that
 * secrets have in them, and an object that is not plain data (a request, a socket) is only named.
 */
import { types } from 'node:util';
import { safePath } from './safe-path.js';

const REDACTED = '[redacted]';
const DEEPEST = 6;
const LONGEST_LIST = 50;
/** Strangers write some of the texts; the shapes below take time that grows faster than the text. */
const LONGEST_TEXT = 4096;

const SECRET_NAMES: ReadonlySet<string> = new Set([
  'assertion',
  'authorization',
  'body',
  'code',
  'code_challenge',
  'cookie',
  'cookies',
  'csrf',
  'dpop',
  'form',
  'jwt',
  'nonce',
  'otp',
  'pass',
  'passphrase',
  'query',
  'querystring',
  'raw_body',
  'raw_headers',
  'recovery_codes',
  'request_uri',
  'search',
  'secret',
  'secret_keys',
  'secrets',
  'state',
  'token',
  'tokens',
  'totp',
]);

/** `new_password`, `client_secret`, `user_code`, `x-api-key`, `idTokenHint`, `set-cookie`, … */
const SECRET_ENDINGS =
  /_(password|passwd|secret|secrets|token|tokens|cookie|code|codes|verifier|assertion|hint|key|otp|hash|authorization)$|^(password|passwd)/;

const snake = (name: string): string =>
  name
    .replaceAll('-', '_')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/^_+/, '');

/** Verdicts on names that were met; there are few, unless somebody makes them up. */
const verdicts = new Map<string, 'secret' | 'address' | 'plain'>();
const MOST_VERDICTS = 2000;

const HARMLESS: ReadonlySet<string> = new Set(['error_code', 'status_code', 'exit_code']);

function isSecretName(name: string): boolean {
  const plain = snake(name);
  return !HARMLESS.has(plain) && (SECRET_NAMES.has(plain) || SECRET_ENDINGS.test(plain));
}

function verdictOn(name: string) {
  const known = verdicts.get(name);
  if (known !== undefined) return known;
  const verdict = isSecretName(name) ? 'secret' : ADDRESS_NAMES.test(name) ? 'address' : 'plain';
  if (verdicts.size >= MOST_VERDICTS) verdicts.clear();
  verdicts.set(name, verdict);
  return verdict;
}

const ADDRESS_NAMES = /^(url|uri|path|href|original_?url|pathname|location|referer|referrer)$/i;

/** Credentials as they look inside messages, stacks and addresses. */
const SECRET_SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic|DPoP)\s+[A-Za-z0-9._~+/-]{8,}=*/gi, `$1 ${REDACTED}`],
  [/\beyJ[\w-]+\.[\w-]+(\.[\w-]*){0,3}/g, REDACTED],
  [/(:\/\/[^\s:/@"]*):[^\s/"]+@/g, `$1:${REDACTED}@`],
  [
    /\b([\w-]*(?:password|secret|token|code|code_verifier|state|assertion|id_token_hint|otp|nonce|request_uri))=[^&\s"'\\#]+/gi,
    `$1=${REDACTED}`,
  ],
  [/(\/interaction\/|\/oauth\/authorize\/|\/oauth\/device\/)[^/\s"'?#\\]+/g, '$1…'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
];

/** Something that every shape above begins with or holds; most texts have nothing of it. */
const PERHAPS = /[=@]|eyJ|bearer|basic|dpop|\/interaction\/|\/oauth\/(?:authorize|device)\/|-----BEGIN /i;

/** A text without the credentials that can be told by their shape. */
export function scrubText(text: string): string {
  if (text.length <= LONGEST_TEXT && !PERHAPS.test(text)) return text;
  const bounded = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
  return SECRET_SHAPES.reduce((clean, [shape, instead]) => clean.replace(shape, instead), bounded);
}

type Extra = 'code' | 'detail' | 'status' | 'errors';

function plainError(error: Error, depth: number): Record<string, unknown> {
  const { code, detail, status, errors } = error as Error & Partial<Record<Extra, unknown>>;
  const { cause } = error;
  return {
    type: error.name,
    message: scrubText(error.message),
    // Not `code`: under that name an authorization code would be expected and hidden.
    ...(code !== undefined && { error_code: String(code) }),
    ...(typeof status === 'number' && { status }),
    ...(typeof detail === 'string' && { detail: scrubText(detail) }),
    ...(error.stack !== undefined && { stack: scrubText(error.stack) }),
    // A refused connection is one of these, with an empty message of its own.
    ...(Array.isArray(errors) && { errors: redactValue(errors, depth + 1) }),
    ...(cause !== undefined && { cause: redactValue(cause, depth + 1) }),
  };
}

/** Judged by shape, not by `instanceof`, which fails for what another realm made. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function redactObject(value: object, depth: number): unknown {
  if (depth > DEEPEST) return '[deep]';
  if (types.isNativeError(value)) return plainError(value, depth);
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (value instanceof URL) return value.origin + safePath(value.pathname);
  if (Array.isArray(value)) return value.slice(0, LONGEST_LIST).map((item) => redactValue(item, depth + 1));
  if (!isPlain(value)) return `[${value.constructor?.name ?? 'object'}]`;
  return redactEntries(value, depth);
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  return typeof value === 'object' && value !== null ? redactObject(value, depth) : value;
}

function redactEntries(fields: object, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  // By keys: every line of the log comes here, and entries would be an array a field.
  for (const name of Object.keys(fields)) {
    const value: unknown = fields[name as keyof typeof fields];
    if (value === undefined) continue;
    const verdict = verdictOn(name);
    if (verdict === 'secret') out[name] = REDACTED;
    else if (typeof value === 'string' && verdict === 'address') out[name] = scrubText(safePath(value));
    else out[name] = redactValue(value, depth + 1);
  }
  return out;
}

/** The fields of a log line as plain data with nothing secret in it. */
export const redactFields = (fields: object): Record<string, unknown> => redactEntries(fields, 0);
