/** Upstreams that speak less than OpenID Connect: OAuth 2.0 as GitHub and ORCID have it, and OAuth 1.0a. */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listenOnLoopback, stopListening } from './upstreams.js';

export interface Fake {
  readonly address: string;
  /** `GET /user`, … in order. */
  readonly requests: string[];
  /** What the last request of a path carried. */
  readonly last: Record<string, { headers: IncomingMessage['headers']; params: URLSearchParams }>;
  close(): Promise<void>;
}

export type Reply = (params: URLSearchParams, req: IncomingMessage) => unknown;

async function bodyOf(req: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of req) text += String(chunk);
  return text;
}

interface Answered {
  readonly status?: number;
  readonly location?: string;
  readonly text?: string;
  readonly json?: unknown;
  /** Never answer. */
  readonly stall?: boolean;
}

async function startFake(handle: (path: string, params: URLSearchParams, req: IncomingMessage) => Answered) {
  const requests: string[] = [];
  const last: Fake['last'] = {};
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    void (async () => {
      const url = new URL(req.url ?? '/', 'http://fake');
      const params = new URLSearchParams(url.search);
      for (const [name, value] of new URLSearchParams(await bodyOf(req))) params.append(name, value);
      requests.push(`${req.method} ${url.pathname}`);
      last[url.pathname] = { headers: req.headers, params };
      const { status = 200, location, text, json, stall } = handle(url.pathname, params, req);
      if (stall) return;
      const type = text === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
      res.writeHead(location ? 302 : status, { 'content-type': type, ...(location && { location }) });
      res.end(text ?? JSON.stringify(json ?? {}));
    })();
  });
  const address = await listenOnLoopback(server);
  return { address, requests, last, close: () => stopListening(server) };
}

export interface OAuth2Fake extends Fake {
  /** Beside `access_token`; GitHub's `expires_in` is a text. */
  token: Record<string, unknown>;
  user: Answered;
  emails: Answered;
}

/** `/authorize`, `/token`, `/user`, `/user/emails`. PKCE is checked; whoever comes is let through. */
export async function startOAuth2Fake(): Promise<OAuth2Fake> {
  const challenges = new Map<string, string | null>();
  const settings = {
    token: { token_type: 'bearer', expires_in: '28800', refresh_token: 'refresh-1' } as Record<
      string,
      unknown
    >,
    user: { json: { id: 42, login: 'octo', name: 'Octo Cat', email: 'public@octo.example' } } as Answered,
    emails: {
      json: [
        { email: 'old@octo.example', primary: false, verified: true },
        { email: 'octo@Octo.Example', primary: true, verified: true },
      ],
    } as Answered,
  };
  const fake = await startFake((path, params, req) => {
    if (path === '/authorize') {
      const code = randomUUID();
      challenges.set(code, params.get('code_challenge'));
      const back = new URL(params.get('redirect_uri') ?? '');
      back.searchParams.set('code', code);
      back.searchParams.set('state', params.get('state') ?? '');
      return { location: back.href };
    }
    if (path === '/token') {
      if (params.get('grant_type') === 'refresh_token')
        return { json: { access_token: 'renewed', expires_in: 60 } };
      const challenge = challenges.get(params.get('code') ?? '');
      challenges.delete(params.get('code') ?? '');
      const made = createHash('sha256')
        .update(params.get('code_verifier') ?? '')
        .digest('base64url');
      // GitHub answers 200 with an error in it.
      if (challenge !== made) return { json: { error: 'bad_verification_code' } };
      return { json: { access_token: 'upstream-access-token', ...settings.token } };
    }
    if (!/^\S+ upstream-access-token$/.test(req.headers.authorization ?? '')) return { status: 401 };
    if (path === '/user') return settings.user;
    return path === '/user/emails' ? settings.emails : { status: 404 };
  });
  return Object.assign(settings, fake);
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The signature as the other side makes it, written from RFC 5849 §3.4 without a look at ours. */
function expectedSignature(
  req: IncomingMessage,
  address: string,
  header: URLSearchParams,
  secrets: string,
): string {
  const url = new URL(req.url ?? '/', address);
  const pairs = [
    ...url.searchParams,
    ...[...header].filter(([name]) => name !== 'oauth_signature' && name !== 'realm'),
  ];
  const sorted = pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const base = [req.method ?? '', `${url.origin}${url.pathname}`, sorted.join('&')].map(encode).join('&');
  return createHmac('sha1', secrets).update(base).digest('base64');
}

export interface OAuth1Fake extends Fake {
  /** What the resource says about the person. */
  user: Record<string, unknown>;
  confirms: boolean;
  denies: boolean;
}

/** `/request`, `/authorize`, `/access`, `/user`: every signed request is checked against the right secrets. */
export async function startOAuth1Fake(clientSecret: string): Promise<OAuth1Fake> {
  const settings = {
    user: { id: 77, screen_name: 'tweety', name: 'Tweety' } as Record<string, unknown>,
    confirms: true,
    denies: false,
  };
  const callbacks = new Map<string, string>();
  const verifiers = new Map<string, string>();
  let address = '';
  const fake = await startFake((path, params, req) => {
    if (path === '/authorize') {
      const token = params.get('oauth_token') ?? '';
      const back = new URL(callbacks.get(token) ?? '');
      if (settings.denies) back.searchParams.set('denied', token);
      else {
        verifiers.set(token, randomUUID());
        back.searchParams.set('oauth_token', token);
        back.searchParams.set('oauth_verifier', verifiers.get(token) ?? '');
      }
      return { location: back.href };
    }
    const header = new URLSearchParams(
      [...(req.headers.authorization ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(
        ([, name = '', value = '']): [string, string] => [name, decodeURIComponent(value)],
      ),
    );
    const secret = { '/request': '', '/access': 'temporary secret', '/user': 'token&secret' }[path] ?? '';
    const signature = expectedSignature(req, address, header, `${encode(clientSecret)}&${encode(secret)}`);
    if (header.get('oauth_signature') !== signature) return { status: 401 };
    if (path === '/request') {
      const token = randomUUID();
      callbacks.set(token, header.get('oauth_callback') ?? '');
      const confirmed = settings.confirms ? '&oauth_callback_confirmed=true' : '';
      return { text: `oauth_token=${token}&oauth_token_secret=temporary+secret${confirmed}` };
    }
    if (path === '/access') {
      const token = header.get('oauth_token') ?? '';
      const right = verifiers.get(token) === header.get('oauth_verifier');
      verifiers.delete(token);
      return right
        ? { text: 'oauth_token=the-token&oauth_token_secret=token%26secret&user_id=77' }
        : { status: 401 };
    }
    return { json: settings.user };
  });
  address = fake.address;
  return Object.assign(settings, fake);
}
