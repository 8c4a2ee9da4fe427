import type { DserverKey } from '../keys/dserver-key.js';
import type { Clock } from '../platform/crypto/clock.js';

interface Dependencies {
  readonly key: Pick<DserverKey, 'since'>;
  readonly clock: Clock;
  readonly log: { warn(fields: object, message: string): void };
}

const DAY = 86_400_000;
/** The dserver key's own schedule. */
const DUE_DAYS = 365;

/**
 * dserver reads its half of the key from a file, so nobody but its operator can exchange the pair: this says, day by
 * day, that it is time to.
 */
export async function remindOfHandOver({ key, clock, log }: Dependencies): Promise<void> {
  const since = await key.since();
  const days = since === undefined ? 0 : Math.floor((clock.now() - since) / DAY);
  if (days < DUE_DAYS) return;
  log.warn(
    { days },
    'the dserver key is old: hand over to a new one, as the README says under "Signing keys"',
  );
}
