import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { type ParsedConfig, parseConfig } from './config.js';
import { ConfigFault } from './config-fault.js';
import { errorCode } from './error-code.js';
import type { Environment } from './sources.js';

const readFile = (path: string): string => readFileSync(path, 'utf8');

function readDotEnv(file: string): Environment {
  try {
    return parseEnv(readFile(file));
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return {};
    const message = `cannot be read (${code ?? 'unreadable'}); make it readable or move it away`;
    throw new ConfigFault([{ setting: '.env', variable: file, message }]);
  }
}

/**
 * The real environment wins over `.env`, unless its value is empty, which counts as unset.
 * `overrides` are settings given on the command line: they win over both, in whatever form those were.
 */
export function loadConfig(
  folder = process.cwd(),
  environment: Environment = process.env,
  overrides: Environment = {},
): ParsedConfig {
  const dotEnv: Record<string, string | undefined> = { ...readDotEnv(join(folder, '.env')) };
  const env: Record<string, string | undefined> = { ...environment, ...overrides };
  for (const name of Object.keys(overrides)) {
    delete env[`${name}_FILE`];
    delete dotEnv[`${name}_FILE`];
  }
  const fromDotEnv = new Set<string>();
  for (const [name, value] of Object.entries(dotEnv)) {
    if (env[name]?.trim()) continue;
    env[name] = value;
    fromDotEnv.add(name);
  }
  return parseConfig(env, { readFile, fromDotEnv });
}
