import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { algFault } from './alg-fault.js';
import type { SettingFault } from './config-fault.js';
import { type FoundKey, readPublicKeys, unreadable } from './public-key.js';
import type { SettingValues } from './settings.js';
import type { ReadFile, SettingSource } from './sources.js';

type KeySetting = 'PRIVATE_KEY' | 'PUBLIC_KEY' | 'JWT_PRIVATE_KEY_FILE' | 'JWT_PUBLIC_KEY_FILE';

/** The private ones first: by them the others are judged. */
const KEY_SETTINGS: readonly KeySetting[] = [
  'PRIVATE_KEY',
  'JWT_PRIVATE_KEY_FILE',
  'PUBLIC_KEY',
  'JWT_PUBLIC_KEY_FILE',
];

const isSecretKey = (setting: KeySetting): boolean => setting.includes('PRIVATE');

/** PEM as it can stand on one line of a `.env`. */
export const inlinePem = (text: string): string => text.replaceAll('\\n', '\n');

/** What one setting holds: a private one the half of its key, a public one every key that stands there. */
interface NamedKeys {
  readonly setting: KeySetting;
  readonly variable: string;
  readonly found: readonly FoundKey[];
  /** How the key at this place is called in a message. */
  readonly nameOf: (index: number) => string;
}

/** Public halves, by which keys are compared. */
function halvesOf(setting: KeySetting, value: string, readFile: ReadFile): FoundKey[] {
  const secret = isSecretKey(setting);
  try {
    const text = setting.endsWith('_FILE') ? readFile(value) : inlinePem(value);
    return secret ? [{ key: createPublicKey(createPrivateKey(text)) }] : readPublicKeys(text);
  } catch {
    return [{ fault: unreadable(secret ? 'private' : 'public') }];
  }
}

function nameKeys(setting: KeySetting, value: string, found: readonly FoundKey[]) {
  const file = setting.endsWith('_FILE') ? JSON.stringify(value) : '';
  return (index: number): string => {
    const place = found.length > 1 ? `key ${index + 1}` : '';
    return [place, file].filter(Boolean).join(' of ');
  };
}

const keysOf = ({ found }: NamedKeys): KeyObject[] => found.flatMap((one) => ('key' in one ? [one.key] : []));

const bytesOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

/** Not by `equals`: where the kinds differ, Node 20 keeps OpenSSL's complaint and the next key that is read fails of it. */
const isAmong = (keys: readonly KeyObject[], key: KeyObject): boolean =>
  keys.some((one) => bytesOf(one).equals(bytesOf(key)));

const said = (...words: string[]): string => words.filter(Boolean).join(' ');

/** What ends the start anywhere. @param first the setting that the others must agree with */
function faultsOf(named: NamedKeys, first: NamedKeys, alg: string): string[] {
  const [keys, known] = [keysOf(named), keysOf(first)];
  if (keys.length > 0 && !keys.some((key) => isAmong(known, key))) {
    return keys.length === 1
      ? [`is not the same key as ${first.variable}; set both to one key or unset one`]
      : [`has no key that is that of ${first.variable}; add its public half or unset one`];
  }
  return named.found.flatMap((one, index) => {
    // What is wrong with a key is told once, where it stands first.
    if ('fault' in one || (named !== first && isAmong(known, one.key))) return [];
    const unfit = algFault(alg, one.key);
    return unfit === undefined ? [] : [said(named.found.length > 1 ? named.nameOf(index) : '', unfit)];
  });
}

/**
 * Looks at the keys that were named. Under the production rules one that cannot be read ends the start:
 * going on with a generated key would hand out tokens that nobody trusts. Different keys always do, and so
 * does one that the algorithm cannot use. Former public keys may stand beside the key's own half, never in its
 * place.
 */
export function judgeNamedKeys(
  values: SettingValues,
  sources: ReadonlyMap<string, SettingSource>,
  readFile: ReadFile,
  production: boolean,
): { faults: SettingFault[]; warnings: string[] } {
  const faults: SettingFault[] = [];
  const warnings: string[] = [];
  const variableOf = (setting: KeySetting): string => sources.get(setting)?.variable ?? setting;
  const complain = (setting: KeySetting, message: string): void => {
    const variable = variableOf(setting);
    if (production) faults.push({ setting, variable, message });
    else warnings.push(`${variable}: ${message}.`);
  };
  const given = KEY_SETTINGS.flatMap((setting): NamedKeys[] => {
    const value = values[setting];
    if (value === undefined) return [];
    const found = halvesOf(setting, value, readFile);
    return [{ setting, variable: variableOf(setting), found, nameOf: nameKeys(setting, value, found) }];
  });
  const first = given.find((named) => keysOf(named).length > 0);
  for (const named of given) {
    const { setting, variable, found, nameOf } = named;
    for (const [index, one] of found.entries()) {
      if ('fault' in one) complain(setting, said(nameOf(index), one.fault));
    }
    if (first === undefined) continue;
    faults.push(
      ...faultsOf(named, first, values.JWT_ALGORITHM).map((message) => ({ setting, variable, message })),
    );
  }
  const [lonely] = given;
  if (lonely !== undefined && first !== undefined && !given.some(({ setting }) => isSecretKey(setting))) {
    complain(lonely.setting, 'names a public key alone; set PRIVATE_KEY or JWT_PRIVATE_KEY_FILE as well');
  }
  return { faults, warnings };
}
