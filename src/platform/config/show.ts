import type { ParsedConfig } from './config.js';
import { type Secrecy, type Setting, settingRows } from './settings.js';
import type { SettingSource } from './sources.js';

/** One line of the `config` verb. No secret is in it. */
export interface EffectiveSetting {
  readonly name: string;
  readonly group: string;
  /** As one would write it; absent where nothing is set and there is no default. */
  readonly value?: string;
  /** `default`, `environment`, `.env`, or the file or old name it was read from. */
  readonly source: string;
}

const HIDDEN = '********';

function masked(text: string, secrecy: Secrecy | undefined): string {
  if (secrecy === undefined) return text;
  if (secrecy === 'whole') return HIDDEN;
  return text
    .replace(/(:\/\/[^:/]*):[^/]*@/, `$1:${HIDDEN}@`)
    .replace(/([?&][^=&]*(?:password|secret|key)[^=&]*=)[^&]*/gi, `$1${HIDDEN}`);
}

function sourceOf(name: string, source: SettingSource): string {
  return source.variable === name ? source.from : `${source.variable} (${source.from})`;
}

/** Defaults that hang on other settings, as they came out. */
function outcomes({ config }: ParsedConfig): Readonly<Record<string, string>> {
  return { ISSUER: config.issuer, SIGN_UP: config.signUp, CLIENT_CREATION: config.clientCreation };
}

function effective(parsed: ParsedConfig, name: string, row: Setting): EffectiveSetting {
  const source = parsed.sources.get(name);
  const shared = { name, group: row.group };
  if (source !== undefined) {
    return { ...shared, value: masked(source.text, row.secret), source: sourceOf(name, source) };
  }
  const value = outcomes(parsed)[name] ?? row.standard;
  return { ...shared, ...(value !== undefined && { value }), source: 'default' };
}

/** Every setting in the order of the table, families by the members that are set. */
export function effectiveSettings(parsed: ParsedConfig): readonly EffectiveSetting[] {
  const rows = settingRows();
  const single = new Set<string>(rows.map(([name]) => name));
  return rows.flatMap(([name, row]) => {
    if (row.family === undefined) return effective(parsed, name, row);
    const members = [...parsed.sources.keys()].filter((set) => !single.has(set) && row.family?.test(set));
    return members.map((member) => effective(parsed, member, row));
  });
}
