import type { ChangeListener } from '../platform/database/change-listener.js';
import type { DatabaseSettings } from '../platform/database/database.js';

/**
 * Looks for new keys as soon as another process says that there are some. Clients need none of this: each
 * request reads the version of its client.
 */
export async function followChanges({
  config,
  keyring,
  log,
}: {
  readonly config: { readonly database: DatabaseSettings };
  readonly keyring: { refresh(): Promise<void> };
  readonly log: { warn(fields: object, message: string): void };
}): Promise<ChangeListener> {
  if (config.database.dialect === 'sqlite') return { listening: false, close: async () => {} };
  // With its driver, which a server on SQLite does without.
  const { listenForChanges } = await import('../platform/database/change-listener.js');
  const look = () =>
    keyring.refresh().catch((err: unknown) => log.warn({ err }, 'changed keys could not be read yet'));
  return listenForChanges(config.database, { log, changed: () => void look() });
}
