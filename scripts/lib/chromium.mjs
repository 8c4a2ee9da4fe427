/** Chromium for the page tests: CHROMIUM, or from PATH, or installed from Debian where that is allowed. */
import { spawnSync } from 'node:child_process';
import { findCommand } from './environment.mjs';
import { OneLine, tell } from './one-line.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const COMMAND = 'apt-get update && apt-get install -y --no-install-recommends chromium';

const onPath = () => NAMES.map((name) => findCommand(name)).find((file) => file !== undefined);

export function ensureChromium() {
  const found = process.env.CHROMIUM || onPath() || installed();
  if (found) return found;
  throw new OneLine(`The page tests need Chromium. Run: ${COMMAND}   (or set CHROMIUM to its path)`);
}

function installed() {
  if (process.getuid?.() !== 0 || findCommand('apt-get') === undefined) return undefined;
  tell(`Installing Chromium for the page tests: ${COMMAND}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stdout, stderr } = spawnSync('sh', ['-c', COMMAND], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) tell(`${stdout}${stderr}`.trimEnd().split('\n').slice(-15).join('\n'));
  return onPath();
}
