import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose';
import { errors, type TokenEndpointGrantContext } from 'oidc-provider';
import type { Clock } from '../platform/crypto/clock.js';
import { sha256 } from '../platform/crypto/ids.js';
import type { AuditRecord } from '../platform/audit/audit.js';
import type { PayloadStore, PayloadUnit } from '../stores/payload-store.js';
import type { RefreshAnswers } from './payload-secrets.js';
import { newUnit, type UnitsOfWork } from './unit-of-work.js';

/**
 * The unit of work around a grant handler: everything it writes is applied as one atomic unit, or nothing
 * is. Guards: the grant lives (`alive`), the one-time object is unused (`use`). No lock is held while
 * tokens are signed. A refresh repeated within grace gets the winner's answer.
 */

export type GrantHandler = (ctx: TokenEndpointGrantContext) => Promise<void> | void;

/** Leaves a grant handler when a refresh token was consumed within grace; never seen by a client. */
export class SameAnswer extends Error {}

const REFRESH = 'refresh_token';

interface Dependencies {
  readonly store: PayloadStore;
  readonly units: UnitsOfWork;
  readonly answers: RefreshAnswers;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly grace: number;
  /** The audit row written with the tokens. */
  readonly note: (ctx: TokenEndpointGrantContext, grantType: string) => AuditRecord;
  /** Told when tokens were issued, once they are stored. */
  readonly issued: (grantType: string) => void;
  /** The one written when a replay ends a grant. */
  readonly noteReplay: (ctx: TokenEndpointGrantContext) => AuditRecord;
}

/** What a saved refresh answer is bound to: client, scope, resource, DPoP key. */
async function bindingOf(ctx: TokenEndpointGrantContext): Promise<string[]> {
  const { params, client } = ctx.oidc;
  const resource = [params.resource ?? []].flat();
  // The library has verified the proof by now; only its key is of interest here.
  const proof = ctx.get('DPoP');
  const jwk = proof ? decodeProtectedHeader(proof).jwk : undefined;
  return [
    client.clientId,
    params.scope ?? '',
    resource.join(' '),
    jwk ? await calculateJwkThumbprint(jwk as Parameters<typeof calculateJwkThumbprint>[0]) : '',
  ];
}

/** Clocks of nodes may differ by this much; a use from further in the future is of a clock that was set back. */
const SKEW_MS = 120_000;

/** Whether a refresh token used so long ago (milliseconds) is answered as before. */
export const isWithin = (ageMs: number, graceMs: number): boolean => ageMs < graceMs && ageMs > -SKEW_MS;

export function createGrantUnits(deps: Dependencies) {
  const { store, units, answers, clock, grace } = deps;

  const endGrant = (ctx: TokenEndpointGrantContext, key: string) =>
    store.apply({ ...newUnit(), kill: new Set([key]), notes: [deps.noteReplay(ctx)] });

  /** @param met this request had read the token as unused: both uses coincided, whatever the nodes' clocks say */
  async function answerAgain(ctx: TokenEndpointGrantContext, met = false): Promise<void> {
    const token = String((ctx.oidc.params as Record<string, unknown>).refresh_token);
    const row = await store.find(sha256(token));
    const refused = () => new errors.InvalidGrant('refresh token already used');
    if (!row?.consumedAt || !row.grantKey) throw refused();
    if (!row.answer || !(met || isWithin(clock.now() - row.consumedAt, grace))) {
      await endGrant(ctx, row.grantKey);
      throw refused();
    }
    const grant = await store.find(row.grantKey);
    if (!grant || grant.revokedAt !== null) throw refused();
    const body = answers.open(token, await bindingOf(ctx), row.answer);
    if (body === undefined) throw refused();
    ctx.state.sameAnswer = true;
    ctx.body = JSON.parse(body);
  }

  async function saveAnswer(ctx: TokenEndpointGrantContext, unit: PayloadUnit): Promise<void> {
    const token = String((ctx.oidc.params as Record<string, unknown>).refresh_token);
    if (unit.use) unit.use.answer = answers.seal(token, await bindingOf(ctx), JSON.stringify(ctx.body));
  }

  async function settle(ctx: TokenEndpointGrantContext, grantType: string, unit: PayloadUnit): Promise<void> {
    if (grantType === REFRESH && grace > 0) await saveAnswer(ctx, unit);
    unit.notes.push(deps.note(ctx, grantType));
    const outcome = await store.apply(unit);
    if (outcome === 'ok') return deps.issued(grantType);
    ctx.body = undefined;
    if (outcome === 'grant') throw new errors.InvalidGrant('grant not found');
    if (grantType === REFRESH) return answerAgain(ctx, true);
    // Somebody else redeemed it: a replay, which ends what the winner got (RFC 6749 §4.1.2).
    if (unit.alive) await endGrant(ctx, unit.alive);
    throw new errors.InvalidGrant(`${grantType} already used`);
  }

  return {
    /** The handler, run inside a unit. */
    wrap(grantType: string, handler: GrantHandler): GrantHandler {
      return async (ctx) => {
        const writes = units.of(ctx);
        if (!writes) throw new Error('the token endpoint is not mounted inside the unit of work');
        const unit = newUnit();
        writes.grant = unit;
        try {
          await handler(ctx);
        } catch (error) {
          writes.grant = undefined;
          ctx.state.grantHandled = true;
          if (error instanceof SameAnswer) return answerAgain(ctx);
          // Writes are dropped with the failed handler; what it revoked stays revoked.
          if (unit.kill.size > 0) await store.apply({ ...newUnit(), kill: unit.kill, notes: unit.notes });
          throw error;
        }
        writes.grant = undefined;
        return settle(ctx, grantType, unit);
      };
    },
  };
}
