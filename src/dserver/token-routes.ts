import Router from '@koa/router';
import type { Context } from 'koa';
import type { Account } from '../accounts/account.js';
import type { Authenticate } from '../accounts/authenticate.js';
import type { BrowserSessions } from '../authorization-server/browser-session.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { TooManyAttempts } from '../platform/errors/errors.js';
import type { CredentialedCors } from '../platform/web/credentialed-cors.js';
import { type JsonBody, readJson, textMember } from '../platform/web/json-body.js';
import { isAccountKey } from './api-keys.js';
import type { Issue, SessionName, UpstreamSelf } from './issue.js';
import type { Refresh } from './refresh.js';
import { MintRefused } from './refused.js';
import type { ServerKey } from './server-key.js';
import type { Verify } from './verify.js';

/**
 * `/auth/token`, `/token`, `/auth/refresh` and `/auth/verify`: the endpoints of programs, with the answers of the
 * original plugin and of the LDAP token generator, word for word.
 */
export interface TokenRoutesDeps {
  readonly baseUrl: string;
  readonly sessions: BrowserSessions;
  readonly findAccount: (id: string) => Promise<Account | undefined>;
  readonly selfOfSession: (session: SessionName) => Promise<UpstreamSelf | undefined>;
  readonly authenticate: Authenticate;
  readonly serverKey: ServerKey;
  readonly issue: Issue;
  readonly verify: Verify;
  readonly refresh: Refresh;
  readonly cors: CredentialedCors;
  readonly requestInfo: (ctx: Context) => RequestInfo;
}

const KEY_HEADER = 'X-API-Key';

function answer(ctx: Context, status: number, body: object): void {
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = body;
}

const isEmpty = (body: JsonBody | undefined): boolean => body === undefined || Object.keys(body).length === 0;

export function createTokenRoutes(deps: TokenRoutesDeps): Router {
  const { issue, requestInfo } = deps;
  const BEARER = { token_type: 'Bearer' } as const;

  const wrongKey = (ctx: Context): void => answer(ctx, 401, { error: 'Invalid credentials' });

  async function current(ctx: Context): Promise<{ account: Account; sessionUid: string } | undefined> {
    const session = await deps.sessions.current(ctx);
    const account = session && (await deps.findAccount(session.accountId));
    return session && account && !account.disabled ? { account, sessionUid: session.uid } : undefined;
  }

  async function ofSession(ctx: Context): Promise<void> {
    const who = await current(ctx);
    if (!who) {
      return answer(ctx, 401, { error: 'Not authenticated', login_url: `${deps.baseUrl}/auth/login` });
    }
    const self = await deps.selfOfSession({ uid: who.sessionUid, accountId: who.account.id });
    const { token, username, provider } = await issue.forBrowser(
      { ...who, self },
      'session',
      requestInfo(ctx),
    );
    answer(ctx, 200, { token, username, provider, ...BEARER });
  }

  async function byKey(ctx: Context, secret: string, username: string | undefined): Promise<void> {
    const info = requestInfo(ctx);
    const proof = await deps.serverKey.prove(secret, info);
    if (proof.outcome === 'throttled') throw new TooManyAttempts(proof.retryAfterSeconds);
    if (proof.outcome === 'not_configured') {
      return answer(ctx, 501, { error: 'API authentication not configured' });
    }
    if (proof.outcome === 'wrong' || (proof.outcome === 'operator' && username === undefined)) {
      return wrongKey(ctx);
    }
    const issued =
      proof.outcome === 'account'
        ? await issue.forApiKey(proof.apiKey, username, info)
        : await issue.forServerKey(username ?? '', info);
    if (issued === undefined) return wrongKey(ctx);
    answer(ctx, 200, { token: issued.token, username: issued.username, ...BEARER });
  }

  async function byPassword(ctx: Context, body: JsonBody): Promise<void> {
    const [username, password] = [textMember(body, 'username'), textMember(body, 'password')];
    if (!username || !password) return answer(ctx, 400, { error: 'Missing username or password' });
    const info = requestInfo(ctx);
    const result = await deps.authenticate({ username, password }, info);
    if (result.outcome === 'throttled') throw new TooManyAttempts(result.retryAfterSeconds);
    // A password that only opens a page here is as good as wrong.
    if (result.outcome !== 'ok') {
      return answer(ctx, 401, { status: 'fail', error: 'Invalid credentials' });
    }
    const issued = await issue.forPassword(result.account, info);
    answer(ctx, 200, { status: 'success', token: issued.token, username: issued.username, ...BEARER });
  }

  /** By the members that are there: a key first, then a password. */
  async function take(ctx: Context): Promise<void> {
    const body = await readJson(ctx);
    const inHeader = ctx.get(KEY_HEADER) || undefined;
    if (isEmpty(body) && inHeader === undefined) return answer(ctx, 400, { error: 'Missing request body' });
    const sent = body ?? {};
    const username = textMember(sent, 'username');
    const secret = inHeader ?? textMember(sent, 'api_key');
    if (secret === undefined && Object.hasOwn(sent, 'password')) return byPassword(ctx, sent);
    if (secret === undefined || (username === undefined && !isAccountKey(secret))) {
      return answer(ctx, 400, { error: 'Missing api_key or username' });
    }
    return byKey(ctx, secret, username);
  }

  async function takePassword(ctx: Context): Promise<void> {
    const body = await readJson(ctx);
    if (isEmpty(body)) return answer(ctx, 400, { error: 'Missing request body' });
    return byPassword(ctx, body ?? {});
  }

  async function tokenOf(ctx: Context): Promise<unknown> {
    const body = await readJson(ctx);
    const token = body && Object.hasOwn(body, 'token') ? body.token : undefined;
    if (token) return token;
    answer(ctx, 400, { error: 'Missing token' });
    return undefined;
  }

  async function verify(ctx: Context): Promise<void> {
    const token = await tokenOf(ctx);
    if (token === undefined) return;
    const good = await deps.verify(token);
    if (good) return answer(ctx, 200, { valid: true, claims: good.claims });
    answer(ctx, 401, { valid: false, error: 'Invalid or expired token' });
  }

  async function refresh(ctx: Context): Promise<void> {
    const token = await tokenOf(ctx);
    if (token === undefined) return;
    const fresh = await deps.refresh(token, requestInfo(ctx));
    if (fresh) return answer(ctx, 200, { token: fresh.token, ...BEARER });
    answer(ctx, 401, { error: 'Invalid or expired token' });
  }

  /** Who is known and gets no token is told why, in the shape of the other answers. */
  const told =
    (handler: (ctx: Context) => Promise<void>) =>
    async (ctx: Context): Promise<void> => {
      try {
        await handler(ctx);
      } catch (error) {
        if (!(error instanceof MintRefused)) throw error;
        answer(ctx, error.status, { error: error.message, code: error.code });
      }
    };

  const router = new Router();
  const { middleware: cors } = deps.cors;
  router.get('/auth/token', cors, told(ofSession));
  router.post('/auth/token', cors, told(take));
  router.post('/token', cors, told(takePassword));
  router.post('/auth/refresh', cors, told(refresh));
  router.post('/auth/verify', cors, told(verify));
  for (const path of ['/auth/token', '/token', '/auth/refresh', '/auth/verify']) router.options(path, cors);
  return router;
}
