import type { Context } from 'koa';
import { PosternError } from '../errors/errors.js';

/** What a program sent, with its members as they were. */
export type JsonBody = Readonly<Record<string, unknown>>;

const MAX_BYTES = 56 * 1024;

/**
 * Reads a JSON object. Throws 400 for what is none, 413 above 56 KB, 415 for another kind of body. Nobody else
 * may have read the request's stream.
 */
export async function readJson(ctx: Context): Promise<JsonBody | undefined> {
  const bytes = await readBytes(ctx);
  if (bytes.length === 0) return undefined;
  if (!ctx.is('application/json')) {
    throw new PosternError(415, 'unsupported_media_type', 'Send this request as application/json.');
  }
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PosternError(400, 'malformed_json', 'The body is not JSON.', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PosternError(400, 'malformed_json', 'The body is not a JSON object.');
  }
  return value as JsonBody;
}

async function readBytes(ctx: Context): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // The stream is left open: destroying it would take the connection, and with it the answer.
    for await (const chunk of ctx.req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BYTES) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new PosternError(400, 'malformed_json', 'The body could not be read.', { cause });
  }
  if (size > MAX_BYTES) throw new PosternError(413, 'too_large', 'This request is larger than 56 KB.');
  return Buffer.concat(chunks);
}

/** A member that is a text with something in it. */
export function textMember(body: JsonBody, name: string): string | undefined {
  const value = Object.hasOwn(body, name) ? body[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
