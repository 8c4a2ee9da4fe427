import type { Account, Proven } from '../accounts/account.js';
import type { MaybeLater } from '../platform/database/maybe-later.js';
import { PageError } from '../platform/errors/errors.js';

/** Whether a proof still holds. */
export type HoldsStill = (proven: Proven) => Promise<boolean>;

/**
 * Whoever ends all access begins an epoch first, and ends sessions and grants then. So who writes what a proof gives
 * asks this once it is *written*, and takes all of it back where the answer is no: either the new epoch is seen here,
 * or what was written is seen there.
 */
export const createHoldsStill =
  (findAccount: (id: string) => MaybeLater<Account | undefined>): HoldsStill =>
  async ({ id, accessEpoch }) =>
    (await findAccount(id))?.accessEpoch === accessEpoch;

export const accessEnded = (): PageError =>
  new PageError(
    403,
    'access_ended',
    'Please sign in again',
    'Since then you have signed out, the password has changed, or everybody was signed out of the account. ' +
      'Return to where you came from and sign in again.',
  );
