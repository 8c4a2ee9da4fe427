import { type ChangeListener, listenForChanges } from '../platform/database/change-notices.js';
import type { DatabaseSettings } from '../platform/database/database.js';

/**
 * Looks for new keys as soon as another process says that there are some. Clients need none of this: each
 * request reads the version of its client.
 */
export function followChanges({
  config,
  keyring,
  log,
}: {
  readonly config: { readonly database: DatabaseSettings };
  readonly keyring: { refresh(): Promise<void> };
  readonly log: { warn(fields: object, message: string): void };
}): ChangeListener {
  const look = () =>
    keyring.refresh().catch((err: unknown) => log.warn({ err }, 'changed keys could not be read yet'));
  return listenForChanges(config.database, { log, changed: () => void look() });
}
