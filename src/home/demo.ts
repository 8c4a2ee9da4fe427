/**
 * "Try the flow": an application inside the server that does what every client does (code flow with PKCE,
 * state and nonce; OAuth 2.1 §4.1, OIDC Core §3.1) and then shows what it got. What it must remember between
 * the two requests lies sealed in a cookie of this browser.
 */
import Router from '@koa/router';
import {
  createLocalJWKSet,
  decodeProtectedHeader,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { OwnTokenEndpoint } from '../authorization-server/own-token-endpoint.js';
import { DEMO_CLIENT_ID, demoRedirectUri } from '../clients/demo-client.js';
import type { Clock } from '../platform/crypto/clock.js';
import { randomToken, sameText, sha256 } from '../platform/crypto/ids.js';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import { PageError } from '../platform/errors/errors.js';
import { explainClaims } from '../platform/web/claim-texts.js';
import type { RenderView } from '../platform/web/render-view.js';
import { commandLines } from './command-lines.js';

export interface DemoDependencies {
  readonly issuer: string;
  readonly redeem: OwnTokenEndpoint;
  /** As published at the time. */
  readonly publicKeys: () => JSONWebKeySet;
  readonly currentAccount: (ctx: Context) => Promise<Account | undefined>;
  /** Purpose `demo`. */
  readonly box: SecretBox;
  readonly clock: Clock;
  readonly renderView: RenderView;
}

interface Attempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

const START = '/demo';
const SCOPE = 'openid profile email roles';
const ATTEMPT_MS = 60 * 60_000;
const CONTEXT = 'attempt';

const again = [
  { label: 'Try again', href: START },
  { label: 'Home', href: '/' },
];

const STALE = () =>
  new PageError(
    400,
    'demo_state',
    'This answer belongs to another attempt',
    'The answer was already used, took too long, or was meant for another browser. A real application ' +
      'must refuse it too: that is what “state” is for. Nothing was shared.',
    { waysOn: again },
  );

export function createDemoRoutes(deps: DemoDependencies): Router {
  const { issuer, box, clock } = deps;
  const secure = issuer.startsWith('https:');
  const cookie = `${secure ? '__Secure-' : ''}postern_demo`;

  function setCookie(ctx: Context, value: string | null): void {
    ctx.cookies.set(cookie, value, {
      path: START,
      httpOnly: true,
      sameSite: 'lax',
      secure,
      signed: false,
      ...(value === null ? {} : { maxAge: ATTEMPT_MS }),
    });
  }

  function start(ctx: Context): void {
    const attempt: Attempt = {
      state: randomToken(),
      nonce: randomToken(),
      verifier: randomToken(),
      until: clock.now() + ATTEMPT_MS,
    };
    setCookie(ctx, box.seal(JSON.stringify(attempt), CONTEXT));
    const query = new URLSearchParams({
      client_id: DEMO_CLIENT_ID,
      response_type: 'code',
      redirect_uri: demoRedirectUri(issuer),
      scope: SCOPE,
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: sha256(attempt.verifier),
      code_challenge_method: 'S256',
      // Shown each time, because seeing it is what one came for.
      prompt: 'consent',
    });
    ctx.status = 303;
    ctx.redirect(`/oauth/authorize?${query}`);
  }

  /** Once: whatever becomes of the answer, the attempt is over. */
  function takeAttempt(ctx: Context): Attempt {
    const sealed = ctx.cookies.get(cookie, { signed: false });
    const opened = sealed && box.open(sealed, CONTEXT);
    const attempt = opened ? (JSON.parse(opened) as Attempt) : undefined;
    const { state, iss } = ctx.query;
    if (!attempt || attempt.until < clock.now()) throw STALE();
    if (typeof state !== 'string' || !sameText(state, attempt.state) || iss !== issuer) throw STALE();
    setCookie(ctx, null);
    return attempt;
  }

  async function verified(idToken: string, nonce: string): Promise<JWTPayload> {
    const { payload } = await jwtVerify(idToken, createLocalJWKSet(deps.publicKeys()), {
      issuer,
      audience: DEMO_CLIENT_ID,
    });
    if (payload.nonce !== nonce) throw STALE();
    return payload;
  }

  async function finish(ctx: Context): Promise<void> {
    const { verifier, nonce } = takeAttempt(ctx);
    const { error, code } = ctx.query;
    if (error !== undefined || typeof code !== 'string') throw declined(String(error));
    const { status, body } = await deps.redeem(ctx, {
      grant_type: 'authorization_code',
      client_id: DEMO_CLIENT_ID,
      redirect_uri: demoRedirectUri(issuer),
      code,
      code_verifier: verifier,
    });
    if (status !== 200) throw STALE();
    const idToken = String(body.id_token);
    const accessToken = String(body.access_token);
    const claims = await verified(idToken, nonce);
    const account = await deps.currentAccount(ctx);
    // Whoever signed out or changed accounts in between must not be shown the other one's token.
    if (!account || account.id !== claims.sub) throw STALE();
    deps.renderView(
      ctx,
      'demo',
      {
        againHref: START,
        idToken,
        header: explainClaims({ ...decodeProtectedHeader(idToken) }),
        claims: explainClaims(claims),
        accessToken,
        scope: String(body.scope ?? SCOPE),
        minutes: Math.round(Number(body.expires_in) / 60),
        commands: commandLines(issuer, accessToken),
      },
      { account: { name: account.username, roles: account.roles } },
    );
  }

  const router = new Router();
  router.get(START, start);
  router.get(`${START}/callback`, finish);
  return router;
}

function declined(error: string): PageError {
  if (error === 'access_denied') {
    return new PageError(
      200,
      'access_denied',
      'You said no',
      'The demo got the error “access_denied” instead of a code, and that is all it learned about you.',
      { waysOn: again },
    );
  }
  return new PageError(
    400,
    'demo_failed',
    'The flow ended early',
    'The authorization endpoint answered with an error instead of a code.',
    { detail: error, waysOn: again },
  );
}
