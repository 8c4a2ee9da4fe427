import type { KoaContextWithOIDC, Provider, TokenEndpointGrantContext } from 'oidc-provider';
import type { AuditEvent, AuditRecord } from '../platform/audit/audit.js';
import { PosternError } from '../platform/errors/errors.js';
import { createLoginCookie } from '../platform/web/login-cookie.js';
import type { GrantLoader } from './load-grant.js';
import type { Nonces } from './nonces.js';
import type { Attempts } from './attempts.js';
import type { UnitsOfWork } from './unit-of-work.js';

/**
 * What the library reports while it works: rows for the audit log, written with the request's own unit, and
 * the moments at which our view of a session must be put right before the library saves it.
 */
export interface AuditNotes {
  row(event: AuditEvent): AuditRecord;
  requestInfo(ctx: object): { ip: string; requestId: string };
}

interface Dependencies {
  readonly units: UnitsOfWork;
  readonly audit: AuditNotes;
  readonly grants: GrantLoader;
  readonly nonces: Pick<Nonces, 'spend'>;
  readonly attempts: Attempts;
  /** Whether the issuer is https. */
  readonly secure: boolean;
  readonly log: { error(fields: object, message: string): void };
}

function about(ctx: KoaContextWithOIDC, audit: AuditNotes): Omit<AuditEvent, 'event'> {
  const { ip, requestId } = audit.requestInfo(ctx);
  const accountId = ctx.oidc.account?.accountId ?? ctx.oidc.session?.accountId;
  const clientId = ctx.oidc.client?.clientId;
  return { ip, requestId, accountId, clientId };
}

/** The row written together with the tokens of a token request. */
export function issuedRow(audit: AuditNotes) {
  return (ctx: TokenEndpointGrantContext, grantType: string): AuditRecord => {
    const scope = String((ctx.body as { scope?: string } | undefined)?.scope ?? '');
    const detail = { grant_type: grantType, scope };
    return audit.row({ event: 'grant.issued', outcome: 'success', ...about(ctx, audit), detail });
  };
}

/** The row written when a grant is ended at the token endpoint: a used code or refresh token came back, say. */
export function endedRow(audit: AuditNotes, reason: 'replay' | 'access_ended') {
  return (ctx: TokenEndpointGrantContext): AuditRecord =>
    audit.row({
      event: 'grant.revoked',
      outcome: 'success',
      ...about(ctx, audit),
      detail: { reason },
    });
}

const refused = (event: string, { error }: { error: string }) =>
  ({ event, outcome: 'failure', detail: { error } }) as const;

export function watchEvents(
  provider: Provider,
  { units, audit, grants, attempts, log, secure, nonces }: Dependencies,
): void {
  const loginCookie = createLoginCookie(secure);
  function note(ctx: KoaContextWithOIDC, event: Omit<AuditEvent, 'ip' | 'requestId'>): void {
    const writes = units.of(ctx);
    const unit = writes?.grant ?? writes?.plain;
    unit?.notes.push(audit.row({ ...about(ctx, audit), ...event }));
  }

  provider.on('interaction.started', (ctx) => {
    grants.abandon(ctx);
    attempts.remember(ctx);
  });
  provider.on('authorization.success', (ctx) => {
    grants.restorePointer(ctx);
    nonces.spend(ctx);
    note(ctx, { event: 'authorization.granted', outcome: 'success' });
  });
  provider.on('authorization.error', (ctx, error) => {
    grants.abandon(ctx);
    // Only of people who are signed in: strangers, who know client ids too, must not fill the log.
    if (ctx.oidc.session?.accountId) note(ctx, refused('authorization.refused', error));
  });
  for (const event of ['code_verification.error', 'device_resume.error'] as const) {
    provider.on(event, (ctx) => grants.abandon(ctx));
  }
  provider.on('grant.error', (ctx, error) => {
    // Only of clients that have shown their secret, for the same reason: then the grant's handler has begun.
    const shown = ctx.state.grantHandled === true && ctx.oidc.client?.clientAuthMethod !== 'none';
    if (shown) note(ctx, refused('grant.refused', error));
  });
  provider.on('grant.revoked', (ctx) => note(ctx, { event: 'grant.revoked', outcome: 'success' }));
  provider.on('end_session.success', (ctx) => {
    // Absent where the person chose to stay.
    if (!ctx.oidc.params?.logout) return;
    loginCookie.forget(ctx);
    // Who was not signed in is a stranger.
    if (ctx.oidc.session?.accountId) note(ctx, { event: 'account.sign_out', outcome: 'success' });
  });
  provider.on('server_error', (ctx, error) => {
    grants.abandon(ctx);
    const writes = units.of(ctx);
    if (writes && error instanceof PosternError) writes.failure = error;
    else log.error({ ...audit.requestInfo(ctx), err: error }, 'the authorization server failed');
  });
}
