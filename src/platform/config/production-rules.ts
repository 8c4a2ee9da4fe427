/**
 * What may pass on a developer's own machine but not where others reach the server. Every rule is one line
 * that names the setting and the way out. What needs the machine is refused elsewhere: unreadable keys in
 * `named-keys.ts`, a newer schema by the migrations.
 */
import type { Config } from './config.js';
import type { SettingFault } from './config-fault.js';
import type { SettingSource } from './sources.js';

const SHORTEST_SECRET = 32;
const FEWEST_CHARACTERS = 8;

/** Values that stand in public sources and tutorials, compared without case, `-` and `_`. */
const KNOWN_SECRETS: ReadonlySet<string> = new Set(
  [
    'you-will-never-guess',
    'secret',
    'secret-key',
    'my-secret',
    'super-secret',
    'super-secret-key',
    'top-secret',
    'your-secret-key',
    'change-me',
    'change-this',
    'please-change-me',
    'password',
    'default',
    'dev',
    'development',
    'test',
    'insecure',
    'postern',
    '',
  ].map(plain),
);

function plain(secret: string): string {
  return secret.toLowerCase().replaceAll(/[-_\s]/g, '');
}

/** Published values made long enough by repeating them are no better. */
function isKnown(secret: string): boolean {
  const text = plain(secret);
  return [...KNOWN_SECRETS].some(
    (known) => text === known || (known !== '' && text.replaceAll(known, '') === ''),
  );
}

const MAKE_ONE = 'make one with: openssl rand -base64 32';

function secretProblem(secret: string): string | undefined {
  if (isKnown(secret)) return 'is a value everybody knows';
  if (secret.length < SHORTEST_SECRET) return `is shorter than ${SHORTEST_SECRET} characters`;
  if (new Set(secret).size < FEWEST_CHARACTERS) return 'repeats too few characters to be random';
  return undefined;
}

function secretFault(secrets: readonly string[]): string | undefined {
  if (secrets.length === 0) return `is missing; ${MAKE_ONE}`;
  for (const [index, secret] of secrets.entries()) {
    const problem = secretProblem(secret);
    // Later ones still open what they once sealed, so a known one would let anybody forge.
    if (problem) return `${secrets.length > 1 ? `secret ${index + 1} ` : ''}${problem}; ${MAKE_ONE}`;
  }
  return undefined;
}

/** A secret that everybody knows is told in development too: what is tried there is copied. */
export const secretAdvice = ({ production, secretKeys }: Config): string[] =>
  !production && secretKeys.some(isKnown)
    ? [`SECRET_KEY is a value everybody knows, and is refused in production; ${MAKE_ONE}.`]
    : [];

/** The rules that are broken; none in development. */
export function productionFaults(
  config: Config,
  sources: ReadonlyMap<string, SettingSource>,
): SettingFault[] {
  if (!config.production) return [];
  const faults: SettingFault[] = [];
  const refuse = (setting: string, message: string | undefined) => {
    if (message === undefined) return;
    faults.push({ setting, variable: sources.get(setting)?.variable ?? setting, message });
  };
  const { hostname } = new URL(config.issuer);
  if (!config.issuer.startsWith('https:')) {
    refuse(
      'ISSUER',
      `${config.issuer} is not https; set it to the https:// address people use, like https://${
        config.loopback ? 'id.example.org' : hostname
      }`,
    );
  }
  if (config.database.file === ':memory:') {
    refuse('DATABASE_URL', 'keeps everything in memory only; name a file or a PostgreSQL database');
  }
  refuse('SECRET_KEY', secretFault(config.secretKeys));
  return faults;
}
