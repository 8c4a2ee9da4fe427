import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.js';
import { ConfigFault } from './config-fault.js';
import { errorCode } from './error-code.js';

function readSecret(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Puts a new secret in place whole or not at all: the file is written under another name first, and
 * linking fails where another process was quicker. Its secret is then the one that counts.
 */
function placeSecret(file: string): void {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, `${randomBytes(32).toString('base64url')}\n`, {
    flag: 'wx',
    mode: 0o600,
    flush: true,
  });
  try {
    linkSync(draft, file);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function readOrMake(keysDir: string): string {
  const file = join(keysDir, 'secret_key');
  const fault = (message: string) =>
    new ConfigFault([{ setting: 'KEYS_DIR', variable: 'KEYS_DIR', message }]);
  try {
    if (readSecret(file) === undefined) {
      mkdirSync(keysDir, { recursive: true, mode: 0o700 });
      placeSecret(file);
    }
    const secret = readSecret(file);
    if (secret) return secret;
  } catch (error) {
    throw fault(
      `cannot keep a secret in ${file} (${errorCode(error) ?? 'unreadable'}); make it writable or set SECRET_KEY`,
    );
  }
  throw fault(`${file} is empty; delete it for a new secret or set SECRET_KEY`);
}

/** The configuration with a secret in it. Under the production rules none is ever made. */
export function withSecretKey(config: Config): Config {
  if (config.secretKeys.length > 0) return config;
  if (config.production) throw new TypeError('production configuration without SECRET_KEY');
  return Object.freeze({ ...config, secretKeys: Object.freeze([readOrMake(config.keysDir)]) });
}
