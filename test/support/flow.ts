/** The steps most flow tests take: sign in, agree, redeem. */
import { createHash, randomBytes } from 'node:crypto';
import { type Browser, createBrowser, type Page } from './browser.js';
import { PASSWORD, REDIRECT_URI, type TestClient, type TestServer } from './server.js';

export interface Pkce {
  readonly verifier: string;
  readonly challenge: string;
}

export function newPkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

export function authorizeUrl(
  server: TestServer,
  client: TestClient,
  params: Record<string, string | undefined> = {},
): string {
  const all = {
    client_id: client.clientId,
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid profile',
    state: 'the-state',
    ...params,
  };
  const query = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return server.url(`/oauth/authorize?${new URLSearchParams(query)}`);
}

/** Signs in on `/login`, outside any request. */
export async function signIn(server: TestServer, browser: Browser, username = 'alice'): Promise<void> {
  const page = await browser.get(server.url('/login'));
  const done = await browser.submit(page, '/login', { username, password: PASSWORD });
  if (done.status !== 303) throw new Error(`sign-in answered ${done.status}: ${done.text.slice(0, 500)}`);
}

/** The form to send next; a page of another kind (the answer of `form_post`, an error) ends the walk. */
function stepOf({ text }: Page, username: string): [string, Record<string, string>] | undefined {
  const has = (action: string) => new RegExp(`action="[^"]*${action}"`).test(text);
  if (has('/login')) return ['/login', { username, password: PASSWORD }];
  if (has('/consent')) return ['/consent', { decision: 'allow' }];
  // Another account signed in: the library ends the former session first.
  if (text.includes('data-autosubmit') && has('/oauth/end_session/confirm'))
    return ['/oauth/end_session/confirm', {}];
  return undefined;
}

/** Walks through sign-in and consent, as far as they are asked for, up to the redirect to the client. */
export async function walk(
  server: TestServer,
  browser: Browser,
  start: Page,
  username = 'alice',
): Promise<Page> {
  let page = await browser.follow(start, server.issuer);
  for (let steps = 0; steps < 5 && page.status === 200; steps += 1) {
    const step = stepOf(page, username);
    if (!step) break;
    page = await browser.follow(await browser.submit(page, ...step), server.issuer);
  }
  return page;
}

/** What the client gets at its redirect URI, from the query or the fragment. */
export function answerOf(page: Page): URLSearchParams {
  if (!page.location) throw new Error(`no redirect but ${page.status}: ${page.text.slice(0, 800)}`);
  const { search, hash } = new URL(page.location);
  return new URLSearchParams(hash ? hash.slice(1) : search);
}

export interface CodeGrant {
  readonly code: string;
  readonly pkce: Pkce;
  readonly browser: Browser;
}

/** A whole front channel: a fresh code for the client. */
export async function getCode(
  server: TestServer,
  client: TestClient,
  params: Record<string, string | undefined> = {},
  { browser = createBrowser(), username = 'alice' }: { browser?: Browser; username?: string } = {},
): Promise<CodeGrant> {
  const pkce = newPkce();
  const url = authorizeUrl(server, client, {
    code_challenge: pkce.challenge,
    code_challenge_method: 'S256',
    ...params,
  });
  const answer = answerOf(await walk(server, browser, await browser.get(url), username));
  const code = answer.get('code');
  if (!code) throw new Error(`no code: ${answer}`);
  return { code, pkce, browser };
}

export interface TokenAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the body is whatever the server answered; tests look into it.
  readonly body: any;
}

/** POSTs a form as a client, with its secret in the Authorization header unless told otherwise. */
export async function post(
  server: TestServer,
  path: string,
  form: Record<string, string>,
  client?: Pick<TestClient, 'clientId' | 'secret'>,
  headers: Record<string, string> = {},
): Promise<TokenAnswer> {
  const basic: Record<string, string> = client?.secret
    ? { authorization: `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}` }
    : {};
  const own = client && !client.secret ? { client_id: client.clientId } : {};
  const response = await fetch(server.url(path), {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic, ...headers },
    body: new URLSearchParams({ ...own, ...form } as Record<string, string>).toString(),
  });
  const text = await response.text();
  const body = text.startsWith('{') ? JSON.parse(text) : text;
  return { status: response.status, headers: response.headers, body };
}

export const redeem = (server: TestServer, client: TestClient, { code, pkce }: CodeGrant, more = {}) =>
  post(
    server,
    '/oauth/token',
    {
      grant_type: 'authorization_code',
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: pkce.verifier,
      ...more,
    },
    client,
  );

export const refresh = (server: TestServer, client: TestClient, refreshToken: string, more = {}) =>
  post(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken, ...more }, client);

export const introspect = async (server: TestServer, client: TestClient, token: string) =>
  (await post(server, '/oauth/introspect', { token }, client)).body;

/** GET with a bearer token. */
export async function getWith(server: TestServer, path: string, token?: string): Promise<TokenAnswer> {
  const response = await fetch(server.url(path), {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith('{') ? JSON.parse(text) : text,
  };
}
