import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigFault } from '../platform/config/config-fault.js';
import type { GuardedFetch } from '../platform/net/guarded-fetch.js';

/** What a handler can do. */
export interface HandlerTools {
  /** The access token of whoever is concerned, refreshed where it must be. */
  accessToken(): Promise<string>;
  /** Ten seconds, a megabyte, no redirects, no private addresses: as all requests of this server. */
  readonly fetch: GuardedFetch;
}

export type HandlerFunction = (data: unknown, tools: HandlerTools) => unknown;

/** Every function a file may export, by the name it is logged under. */
const HANDLER_NAMES = [
  'authorized',
  'disconnect',
  'groups',
  'signup.info',
  'signup.setup',
  'signup.view',
  'accountInfoReceived',
  'setupReceived',
  'setupCommitted',
] as const;

export type HandlerName = (typeof HANDLER_NAMES)[number];

export type HandlerModule = Readonly<Partial<Record<HandlerName, HandlerFunction>>>;

const fault = (message: string): ConfigFault =>
  new ConfigFault([{ setting: 'HANDLERS_DIR', variable: 'HANDLERS_DIR', message }]);

const isFunction = (value: unknown): value is HandlerFunction => typeof value === 'function';

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : 'it threw something that is no error';

/** The file's exports as one flat list, `signup` taken apart. */
function flatten(exports: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(exports).flatMap(([name, value]): [string, unknown][] =>
    name === 'signup' && typeof value === 'object' && value !== null
      ? Object.entries(value).map(([part, inner]) => [`signup.${part}`, inner])
      : [[name, value]],
  );
}

function check(file: string, exports: Readonly<Record<string, unknown>>): HandlerModule {
  const parts = flatten(exports);
  const known: readonly string[] = HANDLER_NAMES;
  // A slip in a name would leave a check undone that its author counts on.
  const strange = parts.find(([name]) => !known.includes(name));
  if (strange) throw fault(`${file} exports ${strange[0]}; handlers are ${known.join(', ')}`);
  const wrong = parts.find(([, value]) => !isFunction(value));
  if (wrong) throw fault(`${file}: ${wrong[0]} is not a function`);
  return Object.fromEntries(parts) as HandlerModule;
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw fault(
      `the folder ${folder} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`,
    );
  }
}

/**
 * Loads `<upstream id>.mjs` of each upstream from the folder. Names come from the folder's own list and the
 * settings alone, so that nothing outside of it is ever loaded; files of nobody are left alone and told of.
 * @throws {ConfigFault} for a folder that cannot be read, a file that cannot be loaded or exports what nobody calls
 */
export async function loadHandlerModules(
  dir: string | undefined,
  upstreamIds: readonly string[],
  warn: (line: string) => void,
): Promise<ReadonlyMap<string, HandlerModule>> {
  const modules = new Map<string, HandlerModule>();
  if (dir === undefined) return modules;
  const folder = resolve(dir);
  for (const file of listFiles(folder)) {
    const id = file.replace(/\.mjs$/, '');
    if (id === file) continue;
    if (!upstreamIds.includes(id)) {
      warn(`HANDLERS_DIR: ${file} is not loaded: no upstream is called ${JSON.stringify(id)}.`);
      continue;
    }
    let exports: Readonly<Record<string, unknown>>;
    try {
      exports = await import(pathToFileURL(join(folder, file)).href);
    } catch (error) {
      throw fault(`${file} cannot be loaded: ${reasonOf(error)}`);
    }
    modules.set(id, check(file, exports));
  }
  return modules;
}
