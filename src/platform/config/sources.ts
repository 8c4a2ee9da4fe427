import type { SettingFault } from './config-fault.js';
import { errorCode } from './error-code.js';
import { droppedNames, oldNames, settingRows } from './settings.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a text file; throws where there is none or it may not be read. */
export type ReadFile = (path: string) => string;

/** Where a setting that is set got its text. */
export interface SettingSource {
  /** The variable that was set: the setting itself, its `_FILE` form or an old name. */
  readonly variable: string;
  readonly text: string;
  readonly from: 'environment' | '.env' | 'file';
}

export interface Gathered {
  readonly sources: ReadonlyMap<string, SettingSource>;
  readonly faults: readonly SettingFault[];
  readonly warnings: readonly string[];
}

interface Gathering {
  readonly env: Environment;
  readonly readFile: ReadFile;
  readonly fromDotEnv: ReadonlySet<string>;
  readonly sources: Map<string, SettingSource>;
  readonly faults: SettingFault[];
  readonly warnings: string[];
}

/** Beginnings that nobody but us uses, so a name with one of them is likely a slip of the pen. */
const OURS = /^(OAUTH2|OAUTHCLIENT|UPSTREAM|DSERVER|DATABASE|BRAND|REFRESH|ACCESS_TOKEN|ID_TOKEN)_/;

const filled = (value: string | undefined): string | undefined => value?.trim() || undefined;

function readNamed(
  to: Gathering,
  setting: string,
  variable: string,
  path: string,
): SettingSource | undefined {
  let text: string | undefined;
  try {
    text = filled(to.readFile(path));
  } catch (error) {
    const message = `cannot read ${path} (${errorCode(error) ?? 'unreadable'}); name a readable file or unset it`;
    to.faults.push({ setting, variable, message });
    return undefined;
  }
  if (text === undefined) to.warnings.push(`${variable} names an empty file, ${path}: ${setting} is unset.`);
  return text === undefined ? undefined : { variable, text, from: 'file' };
}

/** The text of one name, given plainly or as `NAME_FILE`. */
function readName(
  to: Gathering,
  setting: string,
  name: string,
  fileForm: boolean,
): SettingSource | undefined {
  const text = filled(to.env[name]);
  const path = fileForm ? filled(to.env[`${name}_FILE`]) : undefined;
  if (text !== undefined && path !== undefined) {
    to.faults.push({ setting, variable: name, message: `${name} and ${name}_FILE are both set; keep one` });
    return undefined;
  }
  if (path !== undefined) return readNamed(to, setting, `${name}_FILE`, path);
  if (text === undefined) return undefined;
  return { variable: name, text, from: to.fromDotEnv.has(name) ? '.env' : 'environment' };
}

function gatherOne(to: Gathering, name: string, fileForm: boolean): void {
  const source = readName(to, name, name, fileForm);
  if (source === undefined) return;
  to.sources.set(name, source);
}

/** Each member of a family has a file form too; no member's own name ends like one. */
function gatherFamily(to: Gathering, known: ReadonlySet<string>, pattern: RegExp): void {
  const members = Object.keys(to.env).filter((name) => pattern.test(name) && !known.has(name));
  for (const name of new Set(members.map((member) => member.replace(/_FILE$/, '')).sort())) {
    const source = readName(to, name, name, true);
    if (source !== undefined) to.sources.set(name, source);
  }
}

function gatherOldNames(to: Gathering): void {
  for (const [old, setting] of Object.entries(oldNames)) {
    const source = readName(to, setting, old, true);
    if (source === undefined) continue;
    if (to.sources.has(setting)) {
      to.warnings.push(`${source.variable} is ignored because ${setting} is set.`);
      continue;
    }
    to.sources.set(setting, source);
    to.warnings.push(`${source.variable} is an old name; use ${setting}.`);
  }
  for (const [old, reason] of Object.entries(droppedNames)) {
    if (filled(to.env[old])) to.warnings.push(`${old} has no effect: ${reason}.`);
  }
}

function warnOfUnknown(to: Gathering, known: ReadonlySet<string>, families: readonly RegExp[]): void {
  for (const name of Object.keys(to.env).sort()) {
    if (!OURS.test(name) || known.has(name) || !filled(to.env[name])) continue;
    if (families.some((family) => family.test(name))) continue;
    to.warnings.push(`${name} is not a setting of Postern; see .env.example for the names.`);
  }
}

/** Collects the text of every setting that is set; an empty value is as good as none. */
export function gatherTexts(
  env: Environment,
  deps: { readonly readFile: ReadFile; readonly fromDotEnv?: ReadonlySet<string> },
): Gathered {
  const to: Gathering = {
    env,
    readFile: deps.readFile,
    fromDotEnv: deps.fromDotEnv ?? new Set(),
    sources: new Map(),
    faults: [],
    warnings: [],
  };
  const rows = settingRows();
  const singles = rows.filter(([, row]) => row.family === undefined);
  const families = rows.flatMap(([, row]) => row.family ?? []);
  const names = new Set<string>([
    ...singles.map(([name]) => name),
    ...Object.keys(oldNames),
    ...Object.keys(droppedNames),
  ]);
  // `JWT_PUBLIC_KEY_FILE` is a setting of its own, not a form of another one.
  const known = new Set([...names, ...[...names].map((name) => `${name}_FILE`)]);
  for (const [name] of singles) gatherOne(to, name, !names.has(`${name}_FILE`));
  gatherOldNames(to);
  for (const family of families) gatherFamily(to, known, family);
  warnOfUnknown(to, known, families);
  return { sources: to.sources, faults: to.faults, warnings: to.warnings };
}
