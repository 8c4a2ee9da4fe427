import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A function of a module of the operator's; what it answers is not trusted to have any shape. */
export type Hook = (...args: unknown[]) => unknown;

export interface ExtensionModule {
  readonly name: string;
  /** By the first of these names that it exports, itself or in its default export. */
  find(...names: readonly string[]): Hook | undefined;
}

export interface Modules {
  /** Loaded at its first use and kept. `undefined`: missing or broken, which is logged once. */
  load(name: string): Promise<ExtensionModule | undefined>;
}

export interface ModuleLog {
  warn(fields: object, message: string): void;
}

const ENDINGS = ['.mjs', '.js', '/index.mjs', '/index.js'];

/** ES modules of the operator's in `EXTENSIONS_DIR`, by names that `config` has checked to be no paths. */
export function createModules(deps: {
  readonly folder: string | undefined;
  readonly log: ModuleLog;
}): Modules {
  const { folder, log } = deps;
  const loaded = new Map<string, Promise<ExtensionModule | undefined>>();

  async function load(name: string): Promise<ExtensionModule | undefined> {
    if (folder === undefined) {
      log.warn({ extension: name }, 'EXTENSIONS_DIR is not set: the extension cannot be found');
      return undefined;
    }
    const path = ENDINGS.map((ending) => join(folder, `${name}${ending}`)).find((one) => existsSync(one));
    if (path === undefined) {
      log.warn({ extension: name }, 'there is no such extension in EXTENSIONS_DIR');
      return undefined;
    }
    try {
      const exported: unknown = await import(pathToFileURL(path).href);
      return { name, find: (...names) => hookOf(exported, names) };
    } catch (err) {
      log.warn({ err, extension: name }, 'an extension cannot be loaded');
      return undefined;
    }
  }

  return {
    load(name) {
      const known = loaded.get(name) ?? load(name);
      loaded.set(name, known);
      return known;
    },
  };
}

function hookOf(exported: unknown, names: readonly string[]): Hook | undefined {
  for (const place of [exported, memberOf(exported, 'default')]) {
    for (const name of names) {
      const member = memberOf(place, name);
      if (isHook(member)) return member;
    }
  }
  return undefined;
}

const isHook = (value: unknown): value is Hook => typeof value === 'function';

const memberOf = (value: unknown, name: string): unknown =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && name in value
    ? (value as Record<string, unknown>)[name]
    : undefined;
