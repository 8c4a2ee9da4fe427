/** `npm start`: everything from a fresh clone to a running server. `npm run dev` restarts it on change. */
import { spawn } from 'node:child_process';
import { endWithParent } from './lib/end-with-parent.mjs';
import { enter, prepare } from './lib/front-door.mjs';
import { inRoot, root } from './lib/paths.mjs';
import { runMain } from './lib/run-main.mjs';

const args = process.argv.slice(2);
const dev = args.includes('--dev');
const rest = args.filter((arg) => arg !== '--dev');

await enter(async () => {
  endWithParent();
  await prepare({ build: !dev });
  if (dev) watch();
  else await runMain(['serve', ...rest]);
});

function watch() {
  const tsx = inRoot('node_modules', 'tsx', 'dist', 'cli.mjs');
  const hush = new URL('./lib/hush-runtime-notice.mjs', import.meta.url).href;
  const watched = ['watch', '--clear-screen=false', '--include', 'views/**/*', '--include', '.env'];
  const child = spawn(
    process.execPath,
    [tsx, ...watched, '--import', hush, inRoot('src', 'main.ts'), 'serve', ...rest],
    { cwd: root, stdio: 'inherit' },
  );
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.once('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
}
