import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { SettingFault } from './config-fault.js';
import { readPublicKey } from './public-key.js';
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

/** PEM as it can stand on one line of a `.env`. */
export const inlinePem = (text: string): string => text.replaceAll('\\n', '\n');

/** The public half, by which two keys are compared; throws where the text or the file is no key. */
function publicHalf(setting: KeySetting, value: string, readFile: ReadFile): KeyObject {
  const text = setting.endsWith('_FILE') ? readFile(value) : inlinePem(value);
  return isSecretKey(setting) ? createPublicKey(createPrivateKey(text)) : readPublicKey(text);
}

const CURVES: Readonly<Record<string, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};
const RSA_BITS = 2048;

/** What is wrong with signing by this algorithm with this key, or `undefined`. */
export function algFault(alg: string, key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (/^[RP]S/.test(alg)) {
    if (type !== 'rsa') return `is no RSA key, which JWT_ALGORITHM=${alg} needs`;
    const bits = details?.modulusLength ?? 0;
    return bits < RSA_BITS ? `has ${bits} bits; make one of ${RSA_BITS} or more` : undefined;
  }
  const fits = alg === 'EdDSA' ? type === 'ed25519' : type === 'ec' && details?.namedCurve === CURVES[alg];
  return fits ? undefined : `is not of the kind that JWT_ALGORITHM=${alg} needs`;
}

/**
 * Looks at the keys that were named. Under the production rules one that cannot be read ends the start:
 * going on with a generated key would hand out tokens that nobody trusts. Different keys always do, and so
 * does one that the algorithm cannot use.
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
  const variableOf = (setting: KeySetting): string => sources.get(setting)?.variable ?? setting;
  const complain = (setting: KeySetting, message: string): void => {
    const variable = variableOf(setting);
    if (production) faults.push({ setting, variable, message });
    else warnings.push(`${variable}: ${message}.`);
  };
  for (const setting of KEY_SETTINGS) {
    const value = values[setting];
    if (value === undefined) continue;
    const variable = variableOf(setting);
    try {
      const key = publicHalf(setting, value, readFile);
      const unfit = first === undefined ? algFault(values.JWT_ALGORITHM, key) : undefined;
      if (unfit !== undefined) faults.push({ setting, variable, message: unfit });
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
      complain(setting, `${where} a ${kind} key in PEM form; correct it or unset it`);
    }
  }
  const given = KEY_SETTINGS.filter((setting) => values[setting] !== undefined);
  const [lonely] = given;
  if (lonely !== undefined && first !== undefined && !given.some(isSecretKey)) {
    complain(lonely, 'names a public key alone; set PRIVATE_KEY or JWT_PRIVATE_KEY_FILE as well');
  }
  return { faults, warnings };
}
