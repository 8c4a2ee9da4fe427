import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { SettingFault } from './config-fault.js';
import type { SettingValues } from './settings.js';
import type { ReadFile, SettingSource } from './sources.js';

type KeySetting = 'PRIVATE_KEY' | 'PUBLIC_KEY' | 'JWT_PRIVATE_KEY_FILE' | 'JWT_PUBLIC_KEY_FILE';

const KEY_SETTINGS: readonly KeySetting[] = [
  'PRIVATE_KEY',
  'PUBLIC_KEY',
  'JWT_PRIVATE_KEY_FILE',
  'JWT_PUBLIC_KEY_FILE',
];

const isSecretKey = (setting: KeySetting): boolean => setting.includes('PRIVATE');

/** The public half, by which two keys are compared; throws where the text or the file is no key. */
function publicHalf(setting: KeySetting, value: string, readFile: ReadFile): KeyObject {
  const pem = setting.endsWith('_FILE') ? readFile(value) : value.replaceAll('\\n', '\n');
  return isSecretKey(setting) ? createPublicKey(createPrivateKey(pem)) : createPublicKey(pem);
}

/**
 * Looks at the keys that were named. Under the production rules one that cannot be read ends the start:
 * going on with a generated key would hand out tokens that nobody trusts. Different keys always do.
 */
export function judgeNamedKeys(
  values: SettingValues,
  sources: ReadonlyMap<string, SettingSource>,
  readFile: ReadFile,
  production: boolean,
): { faults: SettingFault[]; warnings: string[] } {
  const faults: SettingFault[] = [];
  const warnings: string[] = [];
  let first: { variable: string; key: KeyObject } | undefined;
  for (const setting of KEY_SETTINGS) {
    const value = values[setting];
    if (value === undefined) continue;
    const variable = sources.get(setting)?.variable ?? setting;
    try {
      const key = publicHalf(setting, value, readFile);
      first ??= { variable, key };
      if (!first.key.equals(key)) {
        const message = `is not the same key as ${first.variable}; set both to one key or unset one`;
        faults.push({ setting, variable, message });
      }
    } catch {
      const kind = isSecretKey(setting) ? 'private' : 'public';
      const where = setting.endsWith('_FILE')
        ? `${JSON.stringify(value)} cannot be read as`
        : 'cannot be read as';
      const message = `${where} a ${kind} key in PEM form; correct it or unset it`;
      if (production) faults.push({ setting, variable, message });
      else warnings.push(`${variable}: ${message}.`);
    }
  }
  return { faults, warnings };
}
