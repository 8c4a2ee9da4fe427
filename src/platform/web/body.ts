import { bodyParser } from '@koa/bodyparser';
import type { Context } from 'koa';
import { PosternError } from '../errors/errors.js';

/** The fields of one of our forms: each name once, no prototype, values as they were typed. */
export type Form = Readonly<Record<string, string | undefined>>;

const URLENCODED = 'application/x-www-form-urlencoded';
const MAX_FIELDS = 200;

// Taken as text, because the parser's own form reading turns `a[b]=c` into objects.
const readText = bodyParser({
  enableTypes: ['text'],
  extendTypes: { text: [URLENCODED] },
  textLimit: '56kb',
});

/**
 * Reads a form post to one of our pages; never mounted before oidc-provider, which wants the stream
 * unread. Throws 400 for a repeated field, a NUL or a broken percent sequence, 413 above 56 KB, 415 for
 * anything that is not urlencoded.
 */
export async function readForm(ctx: Context): Promise<Form> {
  if (ctx.get('Content-Type') === '' && !ctx.request.length) return parseForm('');
  if (!ctx.is(URLENCODED)) {
    throw new PosternError(415, 'unsupported_media_type', `Send this form as ${URLENCODED}.`);
  }
  try {
    await readText(ctx, async () => {});
  } catch (error) {
    if (statusOf(error) === 413) throw new PosternError(413, 'too_large', 'This form is larger than 56 KB.');
    throw malformed('The form could not be read.', error);
  }
  return parseForm(typeof ctx.request.body === 'string' ? ctx.request.body : '');
}

/** The fields of a urlencoded text, refused rather than guessed where two readers could disagree. */
export function parseForm(text: string): Form {
  const form: Record<string, string> = Object.create(null);
  const pairs = text === '' ? [] : text.split('&');
  if (pairs.length > MAX_FIELDS) throw malformed('The form has too many fields.');
  for (const pair of pairs) {
    const cut = pair.indexOf('=');
    const name = decode(cut === -1 ? pair : pair.slice(0, cut));
    const value = decode(cut === -1 ? '' : pair.slice(cut + 1));
    if (name in form) throw malformed(`The field ${JSON.stringify(name.slice(0, 60))} was sent twice.`);
    if (name !== '') form[name] = value;
  }
  return form;
}

function decode(text: string): string {
  let plain: string;
  try {
    plain = decodeURIComponent(text.replaceAll('+', ' '));
  } catch (error) {
    throw malformed('The form is not valid UTF-8.', error);
  }
  if (plain.includes('\0')) throw malformed('The form contains a NUL character.');
  return plain;
}

const malformed = (message: string, cause?: unknown): PosternError =>
  new PosternError(400, 'malformed_form', message, { cause });

const statusOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
