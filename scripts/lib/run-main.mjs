/**
 * Becomes the compiled program: same process, so signals, standard input and the exit code need no passing on.
 */
import { pathToFileURL } from 'node:url';
import './hush-runtime-notice.mjs';
import { main } from './paths.mjs';

export async function runMain(args) {
  process.argv = [process.execPath, main, ...args];
  // Workers (WORKERS=2) start the program anew, from these.
  const hush = new URL('./hush-runtime-notice.mjs', import.meta.url).href;
  process.execArgv.push('--import', hush);
  await import(pathToFileURL(main).href);
}
