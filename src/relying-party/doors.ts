import type { Context } from 'koa';
import type { UpstreamError } from '../platform/errors/errors.js';
import type { Arrival, LoginTransaction, Purpose } from './relying-party.js';
import type { DoorName, Upstream } from './upstream.js';

/** How one door answers. Signing the browser in is the door's own affair. */
export interface DoorEnd {
  arrived(ctx: Context, arrival: Arrival): Promise<void>;
  /** `transaction` is absent where the state was unknown, used, late, or another browser's. */
  failed(ctx: Context, error: UpstreamError, transaction: LoginTransaction | undefined): Promise<void>;
}

/** The HTTP side of every login through an upstream. */
export interface LoginDoors {
  /** Sets the browser's cookie and sends it upstream (302). */
  begin(
    ctx: Context,
    login: {
      readonly door: DoorName;
      readonly upstream: Upstream;
      readonly returnTo: string;
      readonly purpose?: Purpose;
      readonly accountId?: string;
      readonly interactionUid?: string;
    },
  ): Promise<void>;
  /** A callback: completes the login and hands it to the end of the door it began at. */
  callback(ctx: Context, fallback: DoorName): Promise<void>;
}

/** All upstreams, and those a person may choose among. */
export interface Upstreams {
  find(id: string): Upstream | undefined;
  list(): readonly Upstream[];
  /** Not hidden, configured, and not for linking alone. */
  visible(): readonly Upstream[];
}
