import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../crypto/clock.js';
import type { AnsweredRequest } from '../observe/access-log.js';
import { requestIdFor } from './request-id.js';
import { headersOfEveryAnswer } from './security-headers.js';

/** A document that is the same for everybody, as bytes. */
export interface KeptDocument {
  readonly bytes: Buffer;
  readonly type: string;
  readonly etag: string;
  readonly cacheControl: string;
}

interface Parts {
  readonly head: readonly string[];
  readonly wholeHead: readonly string[];
  /** A letter for a byte: Node sends a text with the head in one piece, and bytes in two. */
  readonly latin1: string;
}

interface Dependencies {
  readonly issuer: string;
  readonly clock: Clock;
  /** The document at this very address, once it has been made. */
  readonly documentOf: (url: string) => KeptDocument | undefined;
  readonly finished: (entry: AnsweredRequest) => void;
}

/**
 * Answers the plainest request there is, a program's GET of such a document under the issuer's own name,
 * before anything of the long way is begun; `false`: it is another request. The long way answers the same.
 */
export function createStraightAnswers({ issuer, clock, documentOf, finished }: Dependencies) {
  const { host, protocol } = new URL(issuer);
  const always = headersOfEveryAnswer(protocol === 'https:');
  const made = new WeakMap<KeptDocument, Parts>();

  function partsOf(kept: KeptDocument): Parts {
    const known = made.get(kept);
    if (known !== undefined) return known;
    const head = [...always.flat(), 'Vary', 'Origin', 'ETag', kept.etag, 'Cache-Control', kept.cacheControl];
    const type = ['Content-Type', kept.type, 'Content-Length', String(kept.bytes.length)];
    const parts = { head, wholeHead: [...head, ...type], latin1: kept.bytes.toString('latin1') };
    made.set(kept, parts);
    return parts;
  }

  return (req: IncomingMessage, res: ServerResponse): boolean => {
    const kept = documentOf(req.url ?? '');
    if (kept === undefined || req.method !== 'GET' || !isPlain(req, host)) return false;
    const begun = clock.now();
    const requestId = requestIdFor(req);
    const { head, wholeHead, latin1 } = partsOf(kept);
    const id = ['X-Request-Id', requestId];
    if (isHad(req, kept)) res.writeHead(304, [...id, ...head]).end();
    else sendAtOnce(res.writeHead(200, [...id, ...wholeHead]), latin1);
    const milliseconds = clock.now() - begun;
    finished({ requestId, method: 'GET', path: req.url ?? '', status: res.statusCode, milliseconds });
    return true;
  };
}

/**
 * One write to the socket, now: `end` finds nothing unsent, where `end` with a text adds an empty piece and sends a
 * list of two. Without the two corks `write` would wait for the next tick, and be lost where the client sends
 * garbage right behind its request.
 */
function sendAtOnce(res: ServerResponse, latin1: string): void {
  res.cork();
  res.write(latin1, 'latin1');
  res.uncork();
  res.end();
}

/** Whether the request says that it has this very document (RFC 9110 §13.1.2). */
export const isHad = ({ headers }: IncomingMessage, { etag }: KeptDocument): boolean =>
  headers['if-none-match']?.split(',').some((one) => [etag, `W/${etag}`, '*'].includes(one.trim())) ?? false;

/** No page of another origin asks, and the name is said once and right. */
function isPlain({ headers, rawHeaders }: IncomingMessage, host: string): boolean {
  if (headers.host !== host || headers.origin !== undefined) return false;
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') hosts += 1;
  }
  return hosts === 1;
}
