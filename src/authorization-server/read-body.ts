import type { IncomingMessage } from 'node:http';
import { OAuthError } from '../platform/errors/errors.js';

/**
 * A request's whole body, for the few places that look at it before the library does.
 * @throws {OAuthError} 413 above the limit, 400 when the sender breaks off
 */
export async function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // The stream is left open: destroying it would take the connection, and with it the answer.
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new OAuthError(400, 'invalid_request', 'the request body could not be read', { cause });
  }
  if (size > limit) throw tooLarge();
  return Buffer.concat(chunks);
}

export const tooLarge = (): OAuthError =>
  new OAuthError(413, 'invalid_request', 'the request body is too large');
