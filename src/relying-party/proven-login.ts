import type { Proven } from './connector.js';
import type { HandlerEvent } from './handlers.js';
import type { LoginTransaction } from './relying-party.js';
import type { Upstream } from './upstream.js';

/** A login of which the upstream has proven who came back; whose account it is remains to be settled. */
export interface ProvenLogin {
  readonly upstream: Upstream;
  readonly transaction: LoginTransaction;
  readonly proven: Proven;
  /** What handlers are told: one object per login. */
  readonly event: HandlerEvent;
  /** What the browser's cookies hold. */
  readonly browser: string;
  readonly signedInAs?: string | undefined;
}

export function provenLogin(
  upstream: Upstream,
  transaction: LoginTransaction,
  proven: Proven,
  browser: string,
): ProvenLogin {
  const { identity, tokens } = proven;
  const { door, purpose } = transaction;
  return { upstream, transaction, proven, browser, event: { upstream, identity, tokens, door, purpose } };
}
