import type Router from '@koa/router';
import type { Context } from 'koa';
import { PageError, PosternError } from '../platform/errors/errors.js';
import { explainClaims } from '../platform/web/claim-texts.js';
import type { ClientTestModel } from '../platform/web/views.js';
import { type ClientPages, isTestable, nameOf, type PageDependencies } from './client-pages.js';

/** *Test this client*: its owner runs its code flow and sees what came back, of nobody but themselves. */
export interface ClientTests {
  /** Gives the browser its lease and tells where to send it. */
  begin(ctx: Context, test: { clientId: string; accountId: string; scope: string | undefined }): string;
  /** What this browser's test came back with. */
  finish(ctx: Context, of: { clientId: string; accountId: string }): Promise<TestAnswer>;
}

export type TestAnswer =
  /** No test of this client and account is under way in this browser, or it has been shown. */
  | { readonly outcome: 'none' }
  | { readonly outcome: 'refused'; readonly error: string; readonly description?: string }
  | {
      readonly outcome: 'answered';
      readonly idToken?: {
        readonly header: Readonly<Record<string, unknown>>;
        readonly claims: Readonly<Record<string, unknown>>;
      };
      readonly scope: string;
      readonly tokenType: string;
      /** Seconds. */
      readonly expiresIn: number;
      readonly hasRefreshToken: boolean;
    };

interface Dependencies extends PageDependencies {
  readonly tests: ClientTests;
}

type Shown = Pick<ClientTestModel, 'passed' | 'message' | 'rows' | 'claims'>;

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function lifetime(idToken: { claims: Readonly<Record<string, unknown>> }): string {
  const { exp, iat } = idToken.claims;
  return `${Number(exp) - Number(iat)} seconds`;
}

function describe(answer: Exclude<TestAnswer, { outcome: 'none' }>): Shown {
  if (answer.outcome === 'refused') {
    const rows = [
      { label: 'error', values: [answer.error] },
      ...(answer.description ? [{ label: 'error_description', values: [answer.description] }] : []),
    ];
    const message = 'This is the answer that the application would have got at its redirect URI.';
    return { passed: false, message, rows, claims: [] };
  }
  const { idToken, scope, tokenType, expiresIn, hasRefreshToken } = answer;
  const rows = [
    { label: 'Granted scope', values: [scope || 'none'] },
    { label: 'Token type', values: [tokenType] },
    { label: 'Access token lives', values: [`${expiresIn} seconds`] },
    ...(idToken
      ? [
          { label: 'ID Token lives', values: [lifetime(idToken)] },
          { label: 'ID Token signed with', values: [shown(idToken.header.alg)] },
        ]
      : [{ label: 'ID Token', values: ['none: the scope openid was not granted'] }]),
    { label: 'Refresh token', values: [hasRefreshToken ? 'issued' : 'not issued'] },
  ];
  return {
    passed: true,
    message:
      'The code was redeemed inside this server, without the client’s own authentication. The tokens of the test have ended already.',
    rows,
    claims: explainClaims(idToken?.claims ?? {}),
  };
}

const nothingToShow = (clientId: string): PageError =>
  new PageError(
    410,
    'test_over',
    'There is no test to show',
    'A test is shown once, in the browser that began it, within ten minutes. Begin another one.',
    { waysOn: [{ label: 'Back to the client', href: `/clients/${clientId}` }] },
  );

export function addTestRoutes(router: Router, pages: ClientPages, deps: Dependencies): void {
  router.post('/clients/:id/test', async (ctx) => {
    const asked = await pages.posted(ctx);
    if (!asked) return;
    const { person, client } = asked;
    if (!isTestable(client)) {
      throw new PosternError(409, 'no_code_flow', 'This client has no code flow that could be tested here.');
    }
    const { clientId, metadata } = client;
    ctx.status = 303;
    ctx.redirect(deps.tests.begin(ctx, { clientId, accountId: person.id, scope: metadata.scope }));
  });

  router.get('/clients/:id/test', async (ctx) => {
    const opened = await pages.opened(ctx);
    if (!opened) return;
    const { person, client } = opened;
    const { clientId } = client;
    const answer = await deps.tests.finish(ctx, { clientId, accountId: person.id });
    if (answer.outcome === 'none') throw nothingToShow(clientId);
    deps.renderView(
      ctx,
      'client-test',
      {
        client: { name: nameOf(client) },
        clientHref: `/clients/${clientId}`,
        testAction: `/clients/${clientId}/test`,
        ...describe(answer),
      },
      { account: { name: person.username, roles: person.roles } },
    );
  });
}
