/**
 * The only way out of the process. Addresses that others gave us (key sets, metadata, logout endpoints) must
 * not make this server knock at its own or its neighbours' doors: a host is resolved first, every
 * address it has must pass the rule, and the connection goes to exactly those addresses, so that a second
 * answer of the name server changes nothing. Redirects are errors; size and time are bounded.
 */
import dns from 'node:dns/promises';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { canParse } from './can-parse.js';
import { type AddressSettings, createAddressRule, createOpenedRule } from './address-rule.js';

/** Like the global `fetch`, as far as a caller of JSON and form endpoints needs it. */
export type GuardedFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface GuardedFetchSettings extends AddressSettings {
  /** For the whole request: name, connection, headers and body. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  /** Where plain http may go: anywhere unless told otherwise, or to opened addresses alone. */
  readonly plainHttp?: 'anywhere' | 'opened';
  /** All addresses of a host name; the system's resolver unless a test says otherwise. */
  readonly resolve?: (hostname: string) => Promise<readonly ResolvedAddress[]>;
}

export type FetchFaultReason = 'url' | 'address' | 'redirect' | 'too_large' | 'timeout' | 'network';

/** Why a request was not made or its answer not taken. */
export class FetchFault extends Error {
  readonly reason: FetchFaultReason;

  constructor(reason: FetchFaultReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'FetchFault';
    this.reason = reason;
  }
}

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 1024 * 1024;

/** Ours to say, or not to be said at all: a request carries no ambient identity. */
const DROPPED_HEADERS = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'cookie',
  'proxy-authorization',
];

const systemResolver = (hostname: string) => dns.lookup(hostname, { all: true, verbatim: true });

/**
 * One look-up of a name at a time, shared by all who ask meanwhile: the system looks up two names at once and
 * cannot be told to stop, so a name server that is silent about one upstream would hold up all the others.
 */
function shareLookUps(resolve: NonNullable<GuardedFetchSettings['resolve']>): typeof resolve {
  const running = new Map<string, ReturnType<typeof resolve>>();
  return (hostname) => {
    const known = running.get(hostname);
    if (known) return known;
    const begun = resolve(hostname).finally(() => running.delete(hostname));
    running.set(hostname, begun);
    return begun;
  };
}

export function createGuardedFetch(settings: GuardedFetchSettings): GuardedFetch {
  const { timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES } = settings;
  const resolve = shareLookUps(settings.resolve ?? systemResolver);
  const allowed = createAddressRule(settings);
  const opened = createOpenedRule(settings);

  /** Every address of the host, all of them allowed: one private address among public ones is an attack. */
  async function checkedAddresses(url: URL): Promise<readonly ResolvedAddress[]> {
    const hostname = bareHost(url);
    const family = isIP(hostname);
    const found = family === 0 ? await resolve(hostname) : [{ address: hostname, family }];
    if (found.length === 0) throw new FetchFault('network', `${hostname} has no address`);
    if (!found.every(({ address }) => allowed(address))) {
      throw new FetchFault(
        'address',
        `${hostname} is not on the public internet; see UPSTREAM_ALLOW_PRIVATE`,
      );
    }
    const isPlain = settings.plainHttp === 'opened' && url.protocol === 'http:';
    if (isPlain && !found.every(({ address }) => opened(address))) {
      throw new FetchFault(
        'address',
        `${hostname} is asked over plain http, which is for the networks of UPSTREAM_ALLOW_PRIVATE alone`,
      );
    }
    return found;
  }

  return async function guardedFetch(target, init = {}) {
    const url = checkedUrl(target);
    const { signal, end } = boundBy(timeoutMs, init.signal);
    try {
      // The standard's own reading of method, headers and every kind of body.
      const request = new Request(url, { ...init, signal: null });
      const body = Buffer.from(await request.arrayBuffer());
      const addresses = await orAbort(checkedAddresses(url), signal);
      const answer = await send(url, request, { body, addresses, signal });
      return await orAbort(toResponse(answer, maxBytes), signal).finally(() => answer.destroy());
    } catch (error) {
      throw faultOf(error, url, signal);
    } finally {
      end();
    }
  };
}

/**
 * The time for the whole request, and the caller's own signal. With a timer of our own: one of
 * `AbortSignal.timeout` inside `AbortSignal.any` is held by nobody and may be collected before it fires.
 */
function boundBy(timeoutMs: number, given: AbortSignal | null | undefined) {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, timeoutMs);
  if (given?.aborted) abort();
  given?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      given?.removeEventListener('abort', abort);
    },
  };
}

function checkedUrl(target: string | URL): URL {
  if (!canParse(String(target))) throw new FetchFault('url', 'not an address');
  const url = new URL(target);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new FetchFault('url', `${url.protocol} is not fetched, only https: and http:`);
  }
  if (url.username !== '' || url.password !== '')
    throw new FetchFault('url', 'user information in the address');
  return url;
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

/** A look-up that knows only what was checked. Node asks for one address or for all, as it sees fit. */
const pinned =
  (addresses: readonly ResolvedAddress[]): LookupFunction =>
  (_hostname, { all }, done) => {
    const [first] = addresses as [ResolvedAddress];
    if (all) done(null, [...addresses]);
    else done(null, first.address, first.family);
  };

interface Sending {
  readonly body: Buffer;
  readonly addresses: readonly ResolvedAddress[];
  readonly signal: AbortSignal;
}

function send(url: URL, request: Request, { body, addresses, signal }: Sending): Promise<IncomingMessage> {
  const headers = Object.fromEntries(
    [...request.headers].filter(([name]) => !DROPPED_HEADERS.includes(name)),
  );
  const options = {
    method: request.method,
    headers: { ...headers, 'accept-encoding': 'identity' },
    // A connection of its own: none that was opened for another request, none kept for the next.
    agent: false as const,
    lookup: pinned(addresses),
    signal,
  };
  return new Promise((resolve, reject) => {
    const outgoing = (url.protocol === 'https:' ? https : http).request(url, options, resolve);
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function toResponse(answer: IncomingMessage, maxBytes: number): Promise<Response> {
  const status = answer.statusCode ?? 0;
  if (status >= 300 && status < 400)
    throw new FetchFault('redirect', `answered ${status}; redirects are not followed`);
  if (Number(answer.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  const headers = new Headers();
  for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2) {
    headers.append(answer.rawHeaders[at] as string, answer.rawHeaders[at + 1] as string);
  }
  const body = status === 204 || status === 205 ? null : Buffer.concat(chunks);
  return new Response(body, { status, statusText: answer.statusMessage ?? '', headers });
}

const tooLarge = (maxBytes: number) =>
  new FetchFault('too_large', `the answer is larger than ${maxBytes} bytes`);

/** A name server that never answers cannot be cancelled, only left behind. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function faultOf(error: unknown, { host }: URL, signal: AbortSignal): FetchFault {
  if (error instanceof FetchFault) return error;
  if (signal.aborted) return new FetchFault('timeout', `${host} did not answer in time`, error);
  return new FetchFault('network', `${host} could not be reached`, error);
}
