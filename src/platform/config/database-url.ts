import { canParse } from '../net/can-parse.js';

/** Where the rows live, as `DATABASE_URL` says it. */
export interface DatabaseAddress {
  /** The setting as it was written, password and all. */
  readonly url: string;
  readonly dialect: 'sqlite' | 'postgres';
  /** SQLite: a path, or `:memory:`. */
  readonly file?: string;
  /** PostgreSQL: without the `+driver` that SQLAlchemy puts in the scheme. */
  readonly connectionString?: string;
}

/** Takes three slashes for a relative path and four for an absolute one, as SQLAlchemy does. */
function sqliteFile(rest: string): string | undefined {
  if (rest === '//' || /^(\/\/\/?)?:memory:$/.test(rest)) return ':memory:';
  if (rest.startsWith('///')) return rest.slice(3) || undefined;
  if (rest.startsWith('//') || rest === '') return undefined;
  return rest;
}

/** Reads a `DATABASE_URL`, or answers with what is wrong with it. The message never repeats the password. */
export function readDatabaseUrl(url: string): DatabaseAddress | { readonly problem: string } {
  const [, scheme = '', rest = ''] = /^([a-z]+)(?:\+[a-z0-9_]+)?:(.*)$/is.exec(url) ?? [];
  const kind = scheme.toLowerCase();
  if (kind === 'sqlite') {
    const file = sqliteFile(rest);
    if (file !== undefined && !/[?#]/.test(file)) return { url, dialect: 'sqlite', file };
    return {
      problem: 'names no SQLite file; write sqlite:./data/postern.sqlite or sqlite:////absolute/path',
    };
  }
  if (kind === 'postgres' || kind === 'postgresql') {
    const connectionString = `postgresql:${rest}`;
    if (rest.startsWith('//') && canParse(connectionString)) {
      return { url, dialect: 'postgres', connectionString };
    }
    return { problem: 'is not a PostgreSQL address; write postgres://user:password@host:5432/database' };
  }
  const named = kind === '' ? 'has no scheme' : `names ${JSON.stringify(kind)}, which is not supported`;
  return { problem: `${named}; start it with sqlite: or postgres://` };
}
