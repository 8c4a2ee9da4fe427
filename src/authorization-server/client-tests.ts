import { AsyncLocalStorage } from 'node:async_hooks';
import type { Context, Middleware } from 'koa';
import type { Provider } from 'oidc-provider';
import type { ClientTests, TestAnswer } from '../clients/test-routes.js';
import type { Clock } from '../platform/crypto/clock.js';
import { randomToken, sameText, sha256 } from '../platform/crypto/ids.js';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { TestRights } from './client-cache.js';
import { ROUTES } from './configuration.js';
import type { OwnTokenEndpoint } from './own-token-endpoint.js';

/**
 * A client's owner runs its code flow. The lease on the redirect URI of the test is a sealed cookie: it counts
 * in the one browser that began the test, for the one account, for ten minutes, for one answer. The code is
 * redeemed in this process through the whole token endpoint, where the client, whose secret nobody here
 * knows, is vouched for; PKCE binds the code all the same. The tokens end before the page is shown.
 */

const MINUTES = 10;
const CONTEXT = 'client test';

/** What the cookie holds. */
interface Test {
  readonly clientId: string;
  readonly accountId: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly expiresAt: number;
}

interface Dependencies {
  readonly issuer: string;
  /** Made for the purpose `client-test`. */
  readonly box: SecretBox;
  readonly payloads: Pick<PayloadStore, 'once'>;
  readonly clock: Clock;
}

interface Surroundings {
  readonly current: () => Provider;
  readonly askToken: OwnTokenEndpoint;
}

export interface TestRunner {
  readonly rights: TestRights;
  /** Goes around the authorization endpoint: lets the browser's own test go where it must. */
  readonly middleware: Middleware;
  tests(surroundings: Surroundings): ClientTests;
}

export function createTestRunner({ issuer, box, payloads, clock }: Dependencies): TestRunner {
  const secure = issuer.startsWith('https:');
  const cookieName = `${secure ? '__Host-' : ''}postern_test`;
  const leased = new AsyncLocalStorage<Test>();
  const vouched = new AsyncLocalStorage<string>();
  const redirectUri = (clientId: string) => `${issuer}/clients/${clientId}/test`;

  function setCookie(ctx: Context, value: string, seconds: number): void {
    const flags = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure ? '; Secure' : ''}`;
    ctx.append('Set-Cookie', `${cookieName}=${value}; ${flags}`);
  }

  function read(ctx: Pick<Context, 'cookies'>): Test | undefined {
    const sealed = ctx.cookies.get(cookieName, { signed: false });
    const opened = sealed === undefined ? undefined : box.open(sealed, CONTEXT);
    const test = opened === undefined ? undefined : (JSON.parse(opened) as Test);
    return test && test.expiresAt > clock.now() ? test : undefined;
  }

  /** Its one use. */
  const take = ({ state, clientId, accountId, expiresAt }: Test): Promise<boolean> =>
    payloads.once({
      key: sha256(`${CONTEXT} ${state}`),
      kind: 'ClientTest',
      ...{ accountId, clientId, expiresAt },
    });

  const answers = (test: Test, query: Context['query']): boolean =>
    typeof query.state === 'string' && sameText(query.state, test.state) && query.iss === issuer;

  return {
    rights: {
      mayRedirect: (clientId, uri) =>
        leased.getStore()?.clientId === clientId && uri === redirectUri(clientId),
      isVouchedFor: (clientId) => vouched.getStore() === clientId,
    },
    async middleware(ctx, next) {
      const begins = ctx.path === ROUTES.authorization;
      if (!begins && !ctx.path.startsWith(`${ROUTES.authorization}/`)) return next();
      const test = read(ctx);
      if (!test || (begins && ctx.query.state !== test.state)) return next();
      return leased.run(test, next);
    },
    tests: ({ current, askToken }) => ({
      begin(ctx, { clientId, accountId, scope }) {
        const [state, nonce, verifier] = [randomToken(), randomToken(), randomToken()];
        const expiresAt = clock.now() + MINUTES * 60_000;
        const test: Test = { clientId, accountId, state, nonce, verifier, expiresAt };
        setCookie(ctx, box.seal(JSON.stringify(test), CONTEXT), MINUTES * 60);
        const query = new URLSearchParams({
          client_id: clientId,
          response_type: 'code',
          redirect_uri: redirectUri(clientId),
          ...(scope ? { scope } : {}),
          ...{ state, nonce, code_challenge: sha256(verifier), code_challenge_method: 'S256' },
        });
        return `${ROUTES.authorization}?${query}`;
      },
      async finish(ctx, { clientId, accountId }) {
        const test = read(ctx);
        if (test?.clientId !== clientId || test.accountId !== accountId || !answers(test, ctx.query)) {
          return { outcome: 'none' };
        }
        setCookie(ctx, '', 0);
        if (!(await take(test))) return { outcome: 'none' };
        const { code, error, error_description } = ctx.query;
        if (typeof code !== 'string') {
          return refused(typeof error === 'string' ? error : 'no code', error_description);
        }
        const form = {
          grant_type: 'authorization_code',
          client_id: clientId,
          redirect_uri: redirectUri(clientId),
          code,
          code_verifier: test.verifier,
        };
        const { status, body } = await vouched.run(clientId, () => askToken(ctx, form));
        if (status !== 200) return refused(String(body.error), body.error_description);
        await endTokens(current(), body);
        return answerOf(body, test);
      },
    }),
  };
}

interface TokenBody {
  readonly access_token?: string;
  readonly refresh_token?: string;
  readonly id_token?: string;
  readonly scope?: string;
  readonly token_type?: string;
  readonly expires_in?: number;
}

const refused = (error: string, description: unknown): TestAnswer => ({
  outcome: 'refused',
  error,
  ...(typeof description === 'string' ? { description } : {}),
});

/** One by one: the Grant may carry what the owner uses the client for besides this test. */
async function endTokens(provider: Provider, body: TokenBody): Promise<void> {
  await (await provider.AccessToken.find(body.access_token ?? ''))?.destroy();
  await (await provider.RefreshToken.find(body.refresh_token ?? ''))?.destroy();
}

const decoded = (part = ''): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;

function answerOf(body: TokenBody, test: Test): TestAnswer {
  const [header, payload] = body.id_token?.split('.') ?? [];
  const idToken = payload === undefined ? undefined : { header: decoded(header), claims: decoded(payload) };
  const { sub, nonce } = idToken?.claims ?? { sub: test.accountId, nonce: test.nonce };
  // Somebody else signed in on the way: nothing of theirs is shown.
  if (sub !== test.accountId || nonce !== test.nonce) return { outcome: 'none' };
  return {
    outcome: 'answered',
    ...(idToken ? { idToken } : {}),
    scope: body.scope ?? '',
    tokenType: body.token_type ?? '',
    expiresIn: body.expires_in ?? 0,
    hasRefreshToken: body.refresh_token !== undefined,
  };
}
