/**
 * R27: started with settings that cannot be. Each time: no server, one clear line that names what to change, an exit
 * code that is not 0, and no key made up in place of one that is missing.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { newPlace, type Place, type Ran } from '../support/command-line.js';
import { measured } from '../support/figures.js';
import { freshPostgres } from '../support/postgres.js';

const PRODUCTION = {
  ISSUER: 'https://id.example.org',
  SECRET_KEY: 'Q2b8mVt0yZk5rWc1uHn7xEj4sLg9pAd6',
  PORT: '0',
};
const LOCAL = { PORT: '0', ISSUER: 'http://localhost:5999' };

interface BadCase {
  readonly name: string;
  readonly env: Record<string, string>;
  readonly says: RegExp;
  /** Changes the place before the start. */
  prepare?(place: Place): Promise<Record<string, string>> | Record<string, string>;
}

const pemOf = (): { key: string; public: string } => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    public: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
};

const CASES: BadCase[] = [
  {
    name: 'no SECRET_KEY in production',
    env: { ...PRODUCTION, SECRET_KEY: '' },
    says: /^SECRET_KEY: is missing/,
  },
  {
    name: 'a SECRET_KEY from a tutorial',
    env: { ...PRODUCTION, SECRET_KEY: 'you-will-never-guess' },
    says: /^SECRET_KEY: is a value everybody knows/,
  },
  {
    name: 'a short SECRET_KEY',
    env: { ...PRODUCTION, SECRET_KEY: 'k3J9-short' },
    says: /^SECRET_KEY: is shorter than 32/,
  },
  {
    name: 'an http issuer in production',
    env: { ...PRODUCTION, ISSUER: 'http://id.example.org' },
    says: /^ISSUER: .* is not https/,
  },
  {
    name: 'a dserver key that cannot be read',
    env: { ...PRODUCTION, JWT_PRIVATE_KEY_FILE: './nowhere.pem' },
    says: /^JWT_PRIVATE_KEY_FILE: .*nowhere\.pem.* cannot be read/,
  },
  {
    name: 'a dserver key that is none',
    env: PRODUCTION,
    prepare({ folder }) {
      writeFileSync(join(folder, 'key.pem'), 'not a key\n');
      return { JWT_PRIVATE_KEY_FILE: join(folder, 'key.pem') };
    },
    says: /^JWT_PRIVATE_KEY_FILE: .*cannot be read as a private key/,
  },
  {
    name: 'two halves of different keys',
    env: PRODUCTION,
    prepare({ folder }) {
      writeFileSync(join(folder, 'private.pem'), pemOf().key);
      writeFileSync(join(folder, 'public.pem'), pemOf().public);
      return {
        JWT_PRIVATE_KEY_FILE: join(folder, 'private.pem'),
        JWT_PUBLIC_KEY_FILE: join(folder, 'public.pem'),
      };
    },
    says: /^JWT_PUBLIC_KEY_FILE: is not the same key as JWT_PRIVATE_KEY_FILE/,
  },
  {
    name: 'a database in memory in production',
    env: { ...PRODUCTION, DATABASE_URL: 'sqlite::memory:' },
    says: /^DATABASE_URL: keeps everything in memory/,
  },
  {
    name: 'a database of a newer version',
    env: LOCAL,
    async prepare(place) {
      expect((await place.run('migrate up')).code).toBe(0);
      const file = new BetterSqlite3(join(place.folder, 'data', 'postern.sqlite'));
      file
        .prepare(`INSERT INTO knex_migrations (name, batch, migration_time) VALUES ('9999-later', 99, 0)`)
        .run();
      file.close();
      return {};
    },
    says: /9999-later|newer/,
  },
  {
    name: 'an empty database and MIGRATE=off',
    env: { ...LOCAL, MIGRATE: 'off' },
    says: /migrat/i,
  },
  {
    name: 'a file that is no database',
    env: LOCAL,
    prepare({ folder }) {
      mkdirSync(join(folder, 'data'));
      writeFileSync(
        join(folder, 'data', 'postern.sqlite'),
        'These are the minutes of a meeting.\n'.repeat(200),
      );
      return {};
    },
    says: /^DATABASE_URL: .*not a database/,
  },
  {
    name: 'a database that nobody answers for',
    env: { ...LOCAL, DATABASE_URL: 'postgres://postern@127.0.0.1:1/postern' },
    says: /^The database does not answer: .*ECONNREFUSED/,
  },
  {
    name: 'a port that is no number',
    env: { ...LOCAL, PORT: 'eighty' },
    says: /^PORT: /,
  },
  {
    name: 'an upstream without a client id',
    env: { ...LOCAL, UPSTREAM_LAB_ISSUER: 'https://lab.example' },
    says: /^UPSTREAM_LAB_ISSUER: upstream lab: CLIENT_ID is missing/,
  },
  {
    name: 'several processes with a database in memory',
    env: { ...LOCAL, WORKERS: '2', DATABASE_URL: 'sqlite::memory:' },
    says: /^WORKERS: /,
  },
];

const places: Place[] = [];
afterAll(() => {
  for (const place of places) place.remove();
});

const keysIn = ({ env }: Place): string[] =>
  existsSync(env.KEYS_DIR as string) ? readdirSync(env.KEYS_DIR as string) : [];

/** Everything in its database, so that a start that failed can be seen to have left it alone. */
function imageOf({ folder }: Place): string {
  const file = join(folder, 'data', 'postern.sqlite');
  if (!existsSync(file)) return '';
  const database = new BetterSqlite3(file, { readonly: true });
  try {
    return createHash('sha256').update(database.serialize()).digest('hex');
  } catch {
    return 'none';
  } finally {
    database.close();
  }
}

async function startBadly({ env, prepare }: BadCase): Promise<{ ran: Ran; place: Place; touched: boolean }> {
  const place = newPlace();
  places.push(place);
  const more = (await prepare?.(place)) ?? {};
  const before = imageOf(place);
  const ran = await place.spawn('serve', { env: { ...env, ...more } });
  return { ran, place, touched: before !== '' && imageOf(place) !== before };
}

test(`R27: ${CASES.length} bad configurations`, async () => {
  for (let index = 0; index < CASES.length; index += 3) {
    const pair = CASES.slice(index, index + 3);
    const started = await Promise.all(pair.map(startBadly));
    for (const [at, { ran, place, touched }] of started.entries()) {
      const { name, says } = pair[at] as BadCase;
      const { code, stdout, stderr } = ran;
      expect([name, code]).toEqual([name, 1]);
      expect([name, stderr]).toEqual([name, expect.stringMatching(says)]);
      // One line, and no stack behind it.
      expect([name, stderr.trimEnd().split('\n')]).toEqual([name, [expect.any(String)]]);
      expect([name, stdout]).toEqual([name, expect.not.stringMatching(/Running on|Applying migration/)]);
      expect([name, keysIn(place), touched]).toEqual([name, [], false]);
    }
  }
  measured('R27', `${CASES.length} starts refused, each with one line and exit code 1, no key made`);
}, 240_000);

test.each([
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ DATABASE_URL: await freshPostgres() })],
])('R27: a port that is taken, on %s', async (_name, more) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const place = newPlace();
  places.push(place);
  const { code, stderr } = await place.spawn('serve', {
    env: { ...LOCAL, ...(await more()), PORT: String(port) },
  });
  other.close();
  expect(code).toBe(1);
  expect(stderr.trimEnd().split('\n')).toEqual([
    expect.stringMatching(new RegExp(`^PORT ${port} .* is in use`)),
  ]);
});
