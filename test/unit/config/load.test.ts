import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../../src/platform/config/config.js';
import { loadConfig } from '../../../src/platform/config/load.js';
import { withSecretKey } from '../../../src/platform/config/secret-key.js';
import { effectiveSettings } from '../../../src/platform/config/show.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const noFiles = { readFile: () => '' };
const developing = () => parseConfig({ KEYS_DIR: join(folder, 'keys') }, noFiles).config;

describe('.env', () => {
  test('one that cannot be read is a fault', () => {
    mkdirSync(join(folder, '.env'));
    expect(() => loadConfig(folder, {})).toThrow(/\.env: cannot be read \(EISDIR\)/);
  });

  test('the real environment wins, unless it is empty', () => {
    writeFileSync(join(folder, '.env'), 'BRAND_NAME=File\nHOST=::1\nPORT=1234 # a comment\n');
    const { config, sources } = loadConfig(folder, { BRAND_NAME: 'Real', HOST: '' });
    expect(config.brand.name).toBe('Real');
    expect(config.http).toMatchObject({ host: '::1', port: 1234 });
    expect(sources.get('HOST')?.from).toBe('.env');
    expect(sources.get('BRAND_NAME')?.from).toBe('environment');
  });

  test('what the command line says wins over both, in whatever form they were', () => {
    writeFileSync(join(folder, '.env'), 'HOST_FILE=/nowhere\n');
    const { config } = loadConfig(folder, { PORT_FILE: '/nowhere' }, { HOST: '0.0.0.0', PORT: '81' });
    expect(config.http).toMatchObject({ host: '0.0.0.0', port: 81 });
  });

  test('none is fine', () => {
    expect(loadConfig(folder, {}).config.issuer).toBe('http://localhost:5000');
  });
});

describe('the secret of a development server', () => {
  test('an empty file is a fault that names it', () => {
    mkdirSync(join(folder, 'keys'));
    writeFileSync(join(folder, 'keys', 'secret_key'), '');
    expect(() => withSecretKey(developing())).toThrow(/keys\/secret_key is empty; delete it/);
  });

  test('a folder that is none is a fault that names it', () => {
    writeFileSync(join(folder, 'keys'), '');
    expect(() => withSecretKey(developing())).toThrow(/^KEYS_DIR: cannot keep a secret in .*secret_key/);
  });

  test('is never made under the production rules', () => {
    const config = { ...developing(), production: true };
    expect(() => withSecretKey(config)).toThrow(TypeError);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is made once, for its owner only, and kept', () => {
    const first = withSecretKey(developing()).secretKeys;
    expect(first[0]?.length).toBeGreaterThanOrEqual(43);
    expect(withSecretKey(developing()).secretKeys).toEqual(first);
    const file = join(folder, 'keys', 'secret_key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8').trim()).toBe(first[0]);
    expect(readdirSync(join(folder, 'keys'))).toEqual(['secret_key']);
  });

  test('a read-only file is read', () => {
    const [secret] = withSecretKey(developing()).secretKeys;
    chmodSync(join(folder, 'keys', 'secret_key'), 0o400);
    expect(withSecretKey(developing()).secretKeys).toEqual([secret]);
  });

  test('a configured one is left alone', () => {
    const { config } = parseConfig({ SECRET_KEY: 'mine', KEYS_DIR: join(folder, 'keys') }, noFiles);
    expect(withSecretKey(config)).toBe(config);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('effective settings', () => {
  const shown = (env: Record<string, string>) =>
    new Map(
      effectiveSettings(parseConfig(env, { readFile: () => 'file-secret' })).map((row) => [row.name, row]),
    );

  test('no secret is in them', () => {
    const rows = shown({
      SECRET_KEY: 'hush1',
      ADMIN_PASSWORD_FILE: '/x',
      DATABASE_URL: 'postgresql+psycopg2://me:hush2@h/db?sslpassword=hush3',
      UPSTREAM_ORCID_CLIENT_SECRET: 'hush4',
      SMTP_URL: 'smtp://me:hush5@mail.example.org',
      OAUTH2_CLIENT_SECRET: 'hush6',
    });
    expect(JSON.stringify([...rows.values()])).not.toMatch(/hush|file-secret/);
    expect(rows.get('DATABASE_URL')?.value).toBe(
      'postgresql+psycopg2://me:********@h/db?sslpassword=********',
    );
    expect(rows.get('UPSTREAM_ORCID_CLIENT_SECRET')).toMatchObject({ value: '********' });
  });

  test('a password with an @ in it is hidden whole', () => {
    expect(shown({ DATABASE_URL: 'postgres://me:hu@sh@h/db' }).get('DATABASE_URL')?.value).not.toMatch(
      /hu|sh@/,
    );
  });

  test('values and where they come from', () => {
    const rows = shown({ PORT: '5001', OAUTH2_JWT_EXP: '60', ADMIN_PASSWORD_FILE: '/x' });
    expect(rows.get('PORT')).toMatchObject({ value: '5001', source: 'environment' });
    expect(rows.get('ISSUER')).toMatchObject({ value: 'http://localhost:5001', source: 'default' });
    expect(rows.get('SIGN_UP')).toMatchObject({ value: 'open', source: 'default' });
    expect(rows.get('ID_TOKEN_TTL')?.source).toBe('OAUTH2_JWT_EXP (environment)');
    expect(rows.get('ADMIN_PASSWORD')?.source).toBe('ADMIN_PASSWORD_FILE (file)');
    expect(rows.get('VIEWS_DIR')).not.toHaveProperty('value');
  });
});
