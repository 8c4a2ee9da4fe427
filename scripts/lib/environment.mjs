/** What this machine must bring: a Node that works, and a compiler where SQLite has to be compiled. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { OneLine } from './one-line.mjs';

/** The oldest minor version of the majors that have too old ones. 21 ended before it learned what we ask of it. */
const OLDEST = new Map([
  [20, 19],
  [21, Number.POSITIVE_INFINITY],
  [22, 12],
]);

/** @param {string} version as in `process.versions.node` */
export function requireNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major >= 20 && minor >= (OLDEST.get(major) ?? 0)) return;
  throw new OneLine(
    `Postern needs Node 20.19, 22.12 or newer (24 LTS is a good choice); this is Node ${version}.`,
  );
}

/** The Debian packages that compiling SQLite would need and that are not here. */
export function missingBuildTools(path = process.env.PATH ?? '') {
  const tools = { make: 'make', 'g++': 'g++', python3: 'python3' };
  return Object.entries(tools)
    .filter(([command]) => findCommand(command, path) === undefined)
    .map(([, debianPackage]) => debianPackage);
}

export function findCommand(name, path = process.env.PATH ?? '') {
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
