import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { ClientRecord } from '../clients/client.js';
import type { Clock } from '../platform/crypto/clock.js';
import { sha256 } from '../platform/crypto/ids.js';
import { PageError } from '../platform/errors/errors.js';
import type { PayloadStore } from '../stores/payload-store.js';
import type { UnitsOfWork } from './unit-of-work.js';

/**
 * The *Require nonce* box of a client: its OpenID Connect requests name a nonce, also in the code flow, where
 * OIDC Core §3.1.2.1 leaves it open, and each nonce is answered once.
 */
export interface Nonces {
  /** @throws {errors.InvalidRequest} naming the box */
  check(ctx: KoaContextWithOIDC): Promise<void>;
  /** Notes the nonce of a request that is being answered, before the request's own writes. */
  spend(ctx: KoaContextWithOIDC): void;
}

/** Two requests that met: each had looked before the other was answered. */
const MET = 'The application sent the same request twice at the same moment. Go back to it and try again.';

/** As long as an application may reasonably wait for its answer. */
const REMEMBERED_MS = 24 * 60 * 60_000;

interface Dependencies {
  readonly payloads: Pick<PayloadStore, 'find'>;
  readonly units: Pick<UnitsOfWork, 'of'>;
  readonly recordOf: (client: Client) => ClientRecord;
  readonly clock: Clock;
}

const paramsOf = ({ oidc }: KoaContextWithOIDC) =>
  (oidc.params ?? {}) as { readonly scope?: string; readonly nonce?: string };

export function createNonces({ payloads, units, recordOf, clock }: Dependencies): Nonces {
  /** Of OpenID Connect requests only, and where the box is ticked. */
  function isAsked(ctx: KoaContextWithOIDC): boolean {
    const { client } = ctx.oidc;
    const isOpenId = paramsOf(ctx).scope?.split(' ').includes('openid') ?? false;
    const browser = ctx.oidc.route === 'authorization' || ctx.oidc.route === 'resume';
    return browser && isOpenId && client !== undefined && recordOf(client).options.requireNonce === true;
  }

  const keyOf = (ctx: KoaContextWithOIDC, nonce: string): string =>
    sha256(JSON.stringify(['nonce', ctx.oidc.client?.clientId, nonce]));

  return {
    async check(ctx) {
      if (!isAsked(ctx)) return;
      const { nonce } = paramsOf(ctx);
      if (!nonce) {
        throw new errors.InvalidRequest("nonce is missing: this client's 'Require nonce' box is ticked");
      }
      const spent = await payloads.find(keyOf(ctx, nonce));
      if (spent && (spent.expiresAt ?? 0) > clock.now()) {
        throw new errors.InvalidRequest("nonce was used before: this client's 'Require nonce' box is ticked");
      }
    },
    spend(ctx) {
      const { nonce } = paramsOf(ctx);
      if (!nonce || !isAsked(ctx)) return;
      const writes = units.of(ctx);
      if (!writes) return;
      const row = {
        key: keyOf(ctx, nonce),
        kind: 'ReplayDetection',
        expiresAt: clock.now() + REMEMBERED_MS,
      };
      writes.once = { row, refusal: () => new PageError(400, 'invalid_request', 'Asked twice', MET) };
    },
  };
}
