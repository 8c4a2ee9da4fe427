import type { DatabaseSettings } from './database.js';

/** Where the data are, for a person: never a password. */
export function placeName({
  dialect,
  file,
  connectionString,
}: Pick<DatabaseSettings, 'dialect' | 'file' | 'connectionString'>): string {
  if (dialect === 'sqlite') return file ?? ':memory:';
  const { host, pathname, searchParams } = new URL(connectionString ?? '');
  return `PostgreSQL at ${searchParams.get('host') ?? host}${pathname}`;
}
