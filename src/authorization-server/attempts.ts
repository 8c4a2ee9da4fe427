import type { ParameterizedContext } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { ClientRecord } from '../clients/client.js';
import { displayText } from '../platform/web/display-text.js';
import type { FaultContext } from '../platform/web/explain-error.js';
import { ROUTES } from './configuration.js';

/**
 * Where a person goes on after a sign-in attempt that expired or was used up: the browser keeps, signed,
 * which client asked and with which request, so that "Start again" leads to the same application.
 */
const MAX_COOKIE = 2800;

interface Attempt {
  readonly clientId: string;
  /** Path and query of the request; absent where it cannot be repeated (PAR) or is too long. */
  readonly path?: string;
}

/** The page a client names as its home, or the origin it is sent back to. */
export function homeOf({ metadata }: ClientRecord): string | undefined {
  if (metadata.client_uri) return metadata.client_uri;
  const redirect = metadata.redirect_uris.find((uri) => /^https?:/.test(uri));
  return redirect && new URL(redirect).origin;
}

/** What an error page may say about the client a person came from. */
export function aboutClient(record: ClientRecord | undefined): FaultContext {
  const applicationHref = record && homeOf(record);
  return {
    ...(record?.metadata.client_name ? { clientName: displayText(record.metadata.client_name) } : {}),
    ...(applicationHref ? { applicationHref } : {}),
  };
}

export interface Attempts {
  remember(ctx: KoaContextWithOIDC): void;
  /** What is known of the attempt this browser last began. */
  context(ctx: ParameterizedContext): Promise<FaultContext>;
}

interface Options {
  readonly cookieName: string;
  readonly secure: boolean;
  /** Seconds. */
  readonly ttl: number;
  readonly findClient: (clientId: string) => Promise<ClientRecord | undefined>;
}

function attemptOf(ctx: KoaContextWithOIDC): Attempt {
  const params = (ctx.oidc.params ?? {}) as Record<string, string | undefined>;
  const clientId = String(ctx.oidc.client?.clientId);
  if (ctx.oidc.deviceCode) return { clientId, path: ROUTES.code_verification };
  if (ctx.oidc.entities.PushedAuthorizationRequest) return { clientId };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const item of [value ?? []].flat()) query.append(name, String(item));
  }
  const path = `${ROUTES.authorization}?${query}`;
  return path.length < MAX_COOKIE ? { clientId, path } : { clientId };
}

export function createAttempts({ cookieName, secure, ttl, findClient }: Options): Attempts {
  const options = {
    signed: true,
    httpOnly: true,
    sameSite: 'lax' as const,
    secure,
    overwrite: true,
    path: '/',
  };

  function read(ctx: ParameterizedContext): Attempt | undefined {
    const value = ctx.cookies.get(cookieName, { signed: true });
    if (!value) return undefined;
    return JSON.parse(Buffer.from(value, 'base64url').toString()) as Attempt;
  }

  return {
    remember(ctx) {
      const value = Buffer.from(JSON.stringify(attemptOf(ctx))).toString('base64url');
      ctx.cookies.set(cookieName, value, { ...options, maxAge: ttl * 1000 });
    },
    async context(ctx) {
      const attempt = read(ctx);
      if (!attempt) return {};
      const client = aboutClient(await findClient(attempt.clientId));
      return attempt.path ? { ...client, startAgainHref: attempt.path } : client;
    },
  };
}
