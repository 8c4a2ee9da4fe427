import pg from 'pg';
import { CHANNEL } from './change-notices.js';
import type { DatabaseLog, DatabaseSettings } from './database.js';
import { isPooled } from './postgres-pool.js';

/**
 * Hears of changes by a LISTEN. Nothing is heard while its connection is gone, nor where there is only a
 * pooler, which cannot hold one.
 */
export interface ChangeListener {
  /** Whether it hears at the moment. */
  readonly listening: boolean;
  close(): Promise<void>;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 15_000;
/** A server that is out of reach answers none, and the way to it is not broken for hours. */
const FAREWELL_MS = 250;

/** The address on which a LISTEN holds, if there is one. */
export function listeningAddress(settings: DatabaseSettings): string | undefined {
  if (settings.dialect !== 'postgres') return undefined;
  return settings.directUrl ?? (isPooled(settings) ? undefined : settings.connectionString);
}

/**
 * Holds one connection beside the pool for as long as the process serves.
 * @param changed told of each change, and of each new connection: before it something may have been missed
 */
export function listenForChanges(
  settings: DatabaseSettings,
  { log, changed }: { readonly log: DatabaseLog; readonly changed: () => void },
): ChangeListener {
  const connectionString = listeningAddress(settings);
  let current: pg.Client | undefined;
  let listening = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function again(client: pg.Client): void {
    if (client !== current) return;
    current = undefined;
    if (listening) log.warn({}, 'changes of other processes are not heard until the connection is back');
    listening = false;
    if (closed) return;
    const wait = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
    failures += 1;
    // Jitter, or after an outage all processes would come at once.
    timer = setTimeout(begin, wait * (0.75 + Math.random() / 2)).unref();
  }

  function begin(): void {
    const client = new pg.Client({
      connectionString,
      connectionTimeoutMillis: settings.timeoutMs,
      keepAlive: true,
      ...(settings.directUrl === undefined ? { application_name: 'postern' } : {}),
    });
    current = client;
    client.on('error', () => {});
    client.on('end', () => again(client));
    client.on('notification', changed);
    client
      .connect()
      .then(() => client.query(`LISTEN ${CHANNEL}`))
      .then(() => {
        failures = 0;
        listening = true;
        changed();
      })
      .catch(() => {
        again(client);
        void client.end().catch(() => {});
      });
  }

  if (connectionString !== undefined) begin();
  return {
    get listening() {
      return listening;
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      if (current !== undefined) await bidFarewell(current);
    },
  };
}

async function bidFarewell(client: pg.Client): Promise<void> {
  const late = setTimeout(() => client.connection.stream.destroy(), FAREWELL_MS);
  await client.end().catch(() => {});
  clearTimeout(late);
}
