import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../../src/platform/config/config.js';
import { ConfigFault } from '../../../src/platform/config/config-fault.js';
import { droppedNames, oldNames, settingRows } from '../../../src/platform/config/settings.js';
import type { Environment } from '../../../src/platform/config/sources.js';

/** Files that exist for a test; any other one is missing. */
const reader =
  (files: Record<string, string> = {}) =>
  (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };

const parse = (env: Environment, files?: Record<string, string>) =>
  parseConfig(env, { readFile: reader(files) });

function faultsOf(env: Environment, files?: Record<string, string>): string[] {
  try {
    parse(env, files);
  } catch (error) {
    if (error instanceof ConfigFault) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('a faulty setting is named together with the fix', () => {
  test.each([
    ['ISSUER', 'http://localhost:5000/auth', 'has a path; write only http://localhost:5000'],
    ['ISSUER', 'http://localhost:5000?x=1', 'has a query; write only http://localhost:5000'],
    ['ISSUER', 'http://localhost:5000#', 'has a fragment; write only http://localhost:5000'],
    [
      'ISSUER',
      'http://me:pw@localhost:5000',
      'has a user name or password; write only http://localhost:5000',
    ],
    ['ISSUER', 'localhost:5000', 'is not a web address; write it like https://id.example.org'],
    ['PORT', '70000', '"70000" is not a whole number from 0 to 65535'],
    ['PORT', '5e3', '"5e3" is not a whole number from 0 to 65535'],
    [
      'DATABASE_URL',
      'mysql://u:p4ss@h/db',
      'names "mysql", which is not supported; start it with sqlite: or postgres://',
    ],
    ['DATABASE_URL', './postern.sqlite', 'has no scheme; start it with sqlite: or postgres://'],
    [
      'MAIL_FROM',
      'a@b.example, c@d.example',
      'is no sender; write accounts@example.org or Name <accounts@example.org>',
    ],
    ['MAIL_FROM', 'Name <nobody>', 'is no sender; write accounts@example.org or Name <accounts@example.org>'],
    ['SIGN_UP', 'maybe', '"maybe" is not known; use one of open, invite, closed'],
    [
      'LEGACY_FLOWS',
      'password,magic',
      '"magic" is not known; use a comma list of password, implicit, or none alone',
    ],
    [
      'LEGACY_FLOWS',
      'none,password',
      '"none" is not known; use a comma list of password, implicit, or none alone',
    ],
    ['CODE_TTL', '301', '"301" is not a whole number of seconds from 1 to 300'],
    ['REFRESH_GRACE', '61', '"61" is not a whole number of seconds from 0 to 60'],
    ['ACCESS_TOKEN_TTL', '1h', '"1h" is not a whole number of seconds from 1 to 2678400'],
    [
      'ALLOWED_ORIGINS',
      '*',
      '"*" is not an origin; write each like https://app.example.org, with no path, and no *',
    ],
    [
      'TRUST_PROXY',
      'true',
      '"true" is not an address or network; write each like 10.0.0.0/8, 192.0.2.7 or fd00::/8',
    ],
    ['NODE_ENV', 'prod', '"prod" is not known; use one of production, development, test'],
    ['BRAND_COLOR', 'red;}', '"red;}" is not a colour like #1a5fb4'],
    ['JWT_ALGORITHM', 'HS256', expect.stringContaining('"HS256" is not known; use one of RS256')],
  ])('%s=%s', (name, value, message) => {
    const [line, ...more] = faultsOf({ [name]: value });
    expect(more).toEqual([]);
    expect(line?.slice(0, name.length + 2)).toBe(`${name}: `);
    expect(line?.slice(name.length + 2)).toEqual(message);
  });

  test.each(['10.0.0.0/33', '10.0.0/8', 'fd00::/129', '10.0.0.0/', '10.0.0.0/8/8', '300.1.1.1', 'a/8'])(
    'network %s',
    (network) => {
      expect(faultsOf({ UPSTREAM_ALLOW_PRIVATE: `192.0.2.1, ${network}` })).toHaveLength(1);
    },
  );

  test('all of them at once, in the order of the documentation', () => {
    const lines = faultsOf({ SIGN_UP: 'x', PORT: 'x', ISSUER: 'https://id.example.org/x', LOG_LEVEL: 'x' });
    expect(lines.map((line) => line.split(':')[0])).toEqual([
      'ISSUER',
      'PORT',
      'SECRET_KEY',
      'SIGN_UP',
      'LOG_LEVEL',
    ]);
  });

  test('an idle time longer than the whole life', () => {
    const lines = faultsOf({ REFRESH_TOKEN_IDLE_TTL: '100', REFRESH_TOKEN_MAX_TTL: '50' });
    expect(lines).toEqual([
      'REFRESH_TOKEN_IDLE_TTL: 100 is longer than REFRESH_TOKEN_MAX_TTL; set it to 50 or less',
    ]);
  });

  test('no fault repeats the password of an address', () => {
    const lines = faultsOf({
      DATABASE_URL: 'mysql://u:p4ssword@h/db',
      DATABASE_DIRECT_URL: 'redis://u:p4ssword@h',
    });
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain('p4ssword');
  });

  test('a strange value stays on its line', () => {
    expect(faultsOf({ LOG_LEVEL: `loud\n${'x'.repeat(500)}` })).toHaveLength(1);
  });
});

describe('an empty value counts as unset', () => {
  const unset = parse({});

  test.each(settingRows().map(([name]) => [name]))('%s', (name) => {
    const empty = parse({ [name]: '', [`${name}_FILE`]: '' });
    expect(empty.config).toEqual(unset.config);
    expect(empty.warnings).toEqual([]);
    expect(empty.sources.size).toBe(0);
    expect(parse({ [name]: ' \t' }).config).toEqual(unset.config);
  });

  test.each(Object.keys(oldNames))('old name %s', (name) => {
    expect(parse({ [name]: '' }).warnings).toEqual([]);
  });

  test('an empty value does not compete with the file form', () => {
    const { config } = parse({ BRAND_NAME: '', BRAND_NAME_FILE: '/run/name' }, { '/run/name': 'Gate\n' });
    expect(config.brand.name).toBe('Gate');
  });
});

describe('NAME_FILE', () => {
  test('both forms set is a fault', () => {
    expect(faultsOf({ SECRET_KEY: 'a', SECRET_KEY_FILE: '/s' }, { '/s': 'b' })).toEqual([
      'SECRET_KEY: SECRET_KEY and SECRET_KEY_FILE are both set; keep one',
    ]);
  });

  test('a missing file is a fault that names the variable as it was set', () => {
    expect(faultsOf({ ADMIN_PASSWORD_FILE: '/gone' })).toEqual([
      'ADMIN_PASSWORD_FILE: cannot read /gone (ENOENT); name a readable file or unset it',
    ]);
  });

  test('a bad value in a file is told under the name of the file form', () => {
    expect(faultsOf({ PORT_FILE: '/p' }, { '/p': 'x' })).toEqual([
      'PORT_FILE: "x" is not a whole number from 0 to 65535',
    ]);
  });

  test('an empty file is as good as unset, with a warning', () => {
    const { config, warnings } = parse({ PORT_FILE: '/p' }, { '/p': '\n' });
    expect(config.http.port).toBe(5000);
    expect(warnings).toEqual(['PORT_FILE names an empty file, /p: PORT is unset.']);
  });

  test.each(
    settingRows()
      .filter(([, row]) => row.family === undefined)
      .map(([name]) => [name]),
  )('%s has a file form', (name) => {
    const { sources } = parseConfig(
      { [`${name}_FILE`]: '/x' },
      { readFile: () => goodTexts[name] ?? 'a text' },
    );
    expect(sources.get(name)).toMatchObject({ variable: `${name}_FILE`, from: 'file' });
  });
});

/** A text each setting accepts, where `a text` and the default do not do. */
const goodTexts: Readonly<Record<string, string>> = {
  ...Object.fromEntries(settingRows().map(([name, row]) => [name, row.standard])),
  DATABASE_DIRECT_URL: 'postgres://h/db',
  SIGN_UP: 'open',
  CLIENT_CREATION: 'admins',
  ALLOWED_ORIGINS: 'https://app.example.org',
  DSERVER_SYNC_URL: 'https://dserver.example.org',
  ALLOWED_SERVICES: 'editor:rights; viewer',
  INSTALLED_EXTENSIONS: 'welcome; accounting',
  UPSTREAM_ALLOW_PRIVATE: '10.0.0.0/8',
  TRUST_PROXY: '::1',
  INTERNAL_HOSTS: 'auth.internal',
  NODE_ENV: 'test',
  SMTP_URL: 'smtp://mail.example.org',
  MAIL_FROM: 'Example <accounts@example.org>',
  SECURITY_CONTACT: 'security@example.org',
  BRAND_COLOR: '#abc',
  UPSTREAMS_FILE: '{}',
  METRICS_PORT: '9000',
  OAUTH2_BASE_URL: 'https://id.example.org',
  OAUTH2_AUTHORIZATION_URL: 'https://up.example.org/a',
  OAUTH2_TOKEN_URL: 'https://up.example.org/t',
  OAUTH2_USERINFO_URL: 'https://up.example.org/u',
  OAUTH2_REDIRECT_URI: 'https://id.example.org/auth/callback',
  SERVER_METADATA_URL: 'https://up.example.org/.well-known/openid-configuration',
  LOGOUT_URL: 'https://up.example.org/logout',
  EXTERNAL_ADDRESS: 'perm.example.org',
};

test('every good text above is accepted', () => {
  for (const [name] of settingRows()) {
    const text = goodTexts[name];
    if (text !== undefined) expect([name, faultsOf({ [name]: text }, { '{}': '{}' })]).toEqual([name, []]);
  }
});

describe('old names', () => {
  test.each([
    ['SQLALCHEMY_DATABASE_URI', 'sqlite:///db.sqlite', 'DATABASE_URL'],
    ['OAUTH2_JWT_ISS', 'http://localhost:5000', 'ISSUER'],
    ['OAUTH2_JWT_EXP', '1800', 'ID_TOKEN_TTL'],
  ])('%s is understood and the new setting named', (old, value, name) => {
    const { warnings, sources } = parse({ [old]: value });
    expect(warnings).toEqual([`${old} is an old name; use ${name}.`]);
    expect(sources.get(name)?.text).toBe(value);
  });

  test('the new name wins', () => {
    const { config, warnings } = parse({ OAUTH2_JWT_EXP: '1', ID_TOKEN_TTL: '2' });
    expect(config.ttl.idToken).toBe(2);
    expect(warnings).toEqual(['OAUTH2_JWT_EXP is ignored because ID_TOKEN_TTL is set.']);
  });

  test('a bad value is told under the old name', () => {
    expect(faultsOf({ OAUTH2_JWT_EXP: 'never' })[0]).toMatch(/^OAUTH2_JWT_EXP: "never" is not/);
  });
});

describe('warnings', () => {
  test('a secret that everybody knows is told in development too', () => {
    expect(parse({ SECRET_KEY: 'you-will-never-guess' }).warnings).toEqual([
      expect.stringContaining('SECRET_KEY is a value everybody knows'),
    ]);
    expect(parse({ SECRET_KEY: 'short, but nobody knows it' }).warnings).toEqual([]);
  });

  test.each(Object.keys(droppedNames))('%s: needed no more, with the reason', (name) => {
    expect(parse({ [name]: '1' }).warnings).toEqual([`${name} has no effect: ${droppedNames[name]}.`]);
  });

  test.each(['DATABASE_POOLMAX', 'OAUTH2_CLIENTID', 'BRAND_COLOUR'])('%s: no such setting', (name) => {
    expect(parse({ [name]: 'x' }).warnings).toEqual([
      `${name} is not a setting of Postern; see .env.example for the names.`,
    ]);
  });

  test('names of other programs pass in silence', () => {
    expect(
      parse({ PATH: '/bin', DATABASE_URL_FILE: '', HOME: '/root', npm_config_cache: 'x' }).warnings,
    ).toEqual([]);
  });

  test('a loopback issuer on another port', () => {
    expect(parse({ ISSUER: 'http://localhost:8080' }).warnings[0]).toContain('ISSUER names port 8080');
    expect(parse({ ISSUER: 'http://localhost:8080', PORT: '8080' }).warnings).toEqual([]);
  });
});

describe('what comes out', () => {
  test('the defaults', () => {
    expect(parse({}).config).toMatchObject({
      production: false,
      development: true,
      issuer: 'http://localhost:5000',
      loopback: true,
      http: { port: 5000, host: '127.0.0.1', internalHosts: [], trustProxy: [] },
      database: {
        dialect: 'sqlite',
        file: './data/postern.sqlite',
        prepared: 'auto',
        poolMax: 10,
        timeoutMs: 3000,
        migrate: true,
      },
      secretKeys: [],
      keysDir: './keys',
      signUp: 'open',
      clientCreation: 'everyone',
      legacyFlows: ['password'],
      requirePkce: 'public',
      ttl: {
        code: 60,
        accessToken: 3600,
        idToken: 3600,
        refreshTokenIdle: 1_209_600,
        refreshTokenMax: 7_776_000,
        session: 1_209_600,
        refreshGrace: 10,
      },
      log: { level: 'info' },
    });
  });

  test('it is frozen all the way down', () => {
    const { config } = parse({ ALLOWED_ORIGINS: 'https://a.example' });
    for (const part of [config, config.http, config.allowedOrigins, config.database, config.ttl]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test('a server others reach is closed', () => {
    const { config } = parse({
      ISSUER: 'https://ID.example.org:443/',
      SECRET_KEY: 'kq3hT9vXz0LmB7wRcYp5sJd8fGn2aUe4',
    });
    expect(config).toMatchObject({
      issuer: 'https://id.example.org',
      production: true,
      loopback: false,
      signUp: 'closed',
      clientCreation: 'admins',
      http: { acceptedHosts: ['id.example.org'] },
    });
  });

  test('the issuer follows PORT, and every loopback name is accepted on it', () => {
    const { config } = parse({ PORT: '5001' });
    expect(config.issuer).toBe('http://localhost:5001');
    expect(new Set(config.http.acceptedHosts)).toEqual(
      new Set(['localhost:5001', '127.0.0.1:5001', '[::1]:5001']),
    );
  });

  test('hosts of the relying-party addresses are accepted', () => {
    const { config } = parse({
      OAUTH2_BASE_URL: 'https://rp.example.org/x',
      EXTERNAL_ADDRESS: 'perm.example.org',
    });
    expect(config.http.acceptedHosts).toEqual(expect.arrayContaining(['rp.example.org', 'perm.example.org']));
    expect(config.callbacks.dserver).toBe('https://rp.example.org/x/auth/callback');
  });

  test.each([
    [{ EXTERNAL_ADDRESS: 'perm.example.org' }, 'https://perm.example.org'],
    [{}, 'https://rp.example.org'],
  ])('a permission login begins where it comes back to: %j', (more, origin) => {
    const { config } = parse({ OAUTH2_BASE_URL: 'https://rp.example.org/x', ...more });
    expect([config.permissions.base, config.callbacks.permission]).toEqual([origin, origin]);
  });

  test.each([
    ['sqlite:./x.db', './x.db'],
    ['sqlite:x.db', 'x.db'],
    ['sqlite:/abs/x.db', '/abs/x.db'],
    ['sqlite:///rel.db', 'rel.db'],
    ['sqlite:////abs/x.db', '/abs/x.db'],
    ['sqlite+pysqlite:///rel.db', 'rel.db'],
    ['sqlite::memory:', ':memory:'],
    ['sqlite:///:memory:', ':memory:'],
    ['sqlite://', ':memory:'],
  ])('%s is the file %s', (url, file) => {
    expect(parse({ DATABASE_URL: url }).config.database).toMatchObject({ dialect: 'sqlite', file });
  });

  test.each([
    ['postgres://u:p@h:5432/db', 'postgresql://u:p@h:5432/db'],
    ['postgresql://h/db', 'postgresql://h/db'],
    ['postgresql+psycopg2://u:p@h/db?sslmode=require', 'postgresql://u:p@h/db?sslmode=require'],
    ['postgres:///db?host=/run/postgresql', 'postgresql:///db?host=/run/postgresql'],
  ])('%s is PostgreSQL', (url, connectionString) => {
    expect(parse({ DATABASE_URL: url }).config.database).toMatchObject({
      dialect: 'postgres',
      connectionString,
    });
  });

  test.each(['sqlite:', 'sqlite://host/x.db', 'sqlite:///', 'postgres:db', 'sqlite:x.db?mode=ro'])(
    '%s is refused',
    (url) => {
      expect(faultsOf({ DATABASE_URL: url })).toHaveLength(1);
    },
  );

  test('lists are trimmed, without repeats, and LEGACY_FLOWS knows none', () => {
    const { config } = parse({ SECRET_KEY: ' new , old ,new', LEGACY_FLOWS: 'none' });
    expect(config.secretKeys).toEqual(['new', 'old']);
    expect(config.legacyFlows).toEqual([]);
    expect(parse({ LEGACY_FLOWS: 'implicit, password' }).config.legacyFlows).toEqual([
      'password',
      'implicit',
    ]);
  });

  test('a shorter absolute end shortens the default idle time', () => {
    expect(parse({ REFRESH_TOKEN_MAX_TTL: '3600' }).config.ttl.refreshTokenIdle).toBe(3600);
  });
});
