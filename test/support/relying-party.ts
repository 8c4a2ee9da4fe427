/** What a relying party does with an answer, for every response type and mode (OIDC Core §3). */
import { createHash } from 'node:crypto';
import {
  createLocalJWKSet,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
} from 'jose';
import { type Browser, createBrowser, formOf, type Page } from './browser.js';
import { answerOf, authorizeUrl, newPkce, redeem, walk } from './flow.js';
import type { TestClient, TestServer } from './server.js';

export interface Variant {
  readonly responseType: string;
  readonly responseMode?: 'form_post';
}

export interface VerifiedIdToken {
  readonly text: string;
  readonly header: ProtectedHeaderParameters;
  readonly claims: JWTPayload;
}

export interface Outcome {
  readonly page: Page;
  /** The parameters that reached the redirect URI. */
  readonly answer: URLSearchParams;
  readonly accessToken: string | undefined;
  readonly refreshToken: string | undefined;
  /** From the token endpoint where there is a code, else from the front channel. */
  readonly idToken: VerifiedIdToken | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the body is whatever the server answered; tests look into it.
  readonly tokens: any;
}

/** The answer of any response mode; one in `form_post` stands in the fields of a form. */
export function anyAnswerOf(page: Page): URLSearchParams {
  if (page.status !== 200) return answerOf(page);
  return new URLSearchParams(formOf(page, 'app.example').fields);
}

/** OIDC Core §3.1.3.6: the left half, by the hash of the token's own algorithm. */
function halfHash(value: string, alg: string): string {
  const hash = createHash(alg === 'EdDSA' ? 'sha512' : 'sha256')
    .update(value)
    .digest();
  return hash.subarray(0, hash.length / 2).toString('base64url');
}

/** Checks signature, issuer, audience, times and the hashes that bind a token to what came with it. */
export async function verifyIdToken(
  server: TestServer,
  clientId: string,
  text: string,
  bound: { code?: string | null; accessToken?: string | null; nonce?: string | undefined } = {},
): Promise<VerifiedIdToken> {
  const jwks = (await (await fetch(server.url('/oauth/jwks.json'))).json()) as JSONWebKeySet;
  const { payload, protectedHeader } = await jwtVerify(text, createLocalJWKSet(jwks), {
    issuer: server.issuer,
    audience: clientId,
    currentDate: new Date(Date.now()),
    requiredClaims: ['iat', 'exp', 'sub'],
  });
  if (payload.nonce !== bound.nonce) throw new Error(`nonce is ${payload.nonce}, not ${bound.nonce}`);
  const { alg } = protectedHeader;
  if (bound.code && payload.c_hash !== halfHash(bound.code, alg))
    throw new Error('c_hash does not fit the code');
  if (bound.accessToken && payload.at_hash !== halfHash(bound.accessToken, alg)) {
    throw new Error('at_hash does not fit the access token');
  }
  return { text, header: protectedHeader, claims: payload };
}

export interface Visit {
  readonly browser?: Browser;
  readonly username?: string;
}

/** One front channel and whatever follows it; every ID Token on the way is verified. */
export async function authorize(
  server: TestServer,
  client: TestClient,
  { responseType, responseMode }: Variant,
  params: Record<string, string | undefined> = {},
  { browser = createBrowser(), username = 'alice' }: Visit = {},
): Promise<Outcome> {
  const pkce = newPkce();
  const withCode = responseType.includes('code');
  const all = {
    response_type: responseType,
    nonce: 'the-nonce',
    ...(responseMode ? { response_mode: responseMode } : {}),
    ...(withCode ? { code_challenge: pkce.challenge, code_challenge_method: 'S256' } : {}),
    ...params,
  };
  const page = await walk(server, browser, await browser.get(authorizeUrl(server, client, all)), username);
  return finish(server, client, page, { pkce, nonce: all.nonce });
}

/** Reads the page that ends a front channel and redeems its code. */
export async function finish(
  server: TestServer,
  client: TestClient,
  page: Page,
  { pkce, nonce }: { pkce: { verifier: string; challenge: string }; nonce: string | undefined },
): Promise<Outcome> {
  const answer = anyAnswerOf(page);
  const [code, front] = [answer.get('code'), answer.get('id_token')];
  const frontToken = answer.get('access_token');
  const first =
    front && (await verifyIdToken(server, client.clientId, front, { code, accessToken: frontToken, nonce }));
  if (!code) {
    const idToken = first || undefined;
    return {
      page,
      answer,
      idToken,
      accessToken: frontToken ?? undefined,
      refreshToken: undefined,
      tokens: undefined,
    };
  }
  const { status, body } = await redeem(server, client, { code, pkce, browser: createBrowser() });
  if (status !== 200) throw new Error(`token endpoint: ${status} ${JSON.stringify(body)}`);
  const second =
    body.id_token &&
    (await verifyIdToken(server, client.clientId, body.id_token, { accessToken: body.access_token, nonce }));
  if (first && second && first.claims.sub !== second.claims.sub)
    throw new Error('the ID Tokens name two subjects');
  return {
    page,
    answer,
    tokens: body,
    idToken: second || first || undefined,
    accessToken: body.access_token,
    refreshToken: body.refresh_token,
  };
}
