/** A real nginx or Caddy with the README's own words for it. For drills: they come from apt. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export type ProxyKind = 'nginx' | 'caddy';

export interface RunningProxy {
  close(): Promise<void>;
}

const README = new URL('../../README.md', import.meta.url);

/** The snippet of the README, with ports of ours in place of its own. */
function snippet(kind: ProxyKind, ports: { proxy: number; postern: string; dserver: string }): string {
  const text = new RegExp(`\`\`\`${kind}\n([\\s\\S]*?)\`\`\``).exec(readFileSync(README, 'utf8'))?.[1];
  if (text === undefined) throw new Error(`the README has no snippet for ${kind}`);
  const here =
    kind === 'nginx'
      ? text.replace('server_name lookup.example.org;', `listen 127.0.0.1:${ports.proxy};`)
      : text.replace('lookup.example.org {', `http://localhost:${ports.proxy} {\nbind 127.0.0.1`);
  return here.replaceAll('127.0.0.1:5001', ports.postern).replaceAll('127.0.0.1:5000', ports.dserver);
}

const around: Readonly<Record<ProxyKind, (text: string, folder: string) => string>> = {
  nginx: (text, folder) => `pid ${folder}/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ${text}
}
`,
  caddy: (text) => `{\n  admin off\n  auto_https off\n}\n${text}`,
};

const COMMANDS: Readonly<Record<ProxyKind, (file: string, folder: string) => string[]>> = {
  nginx: (file, folder) => ['-p', folder, '-c', file, '-e', 'stderr', '-g', 'daemon off;'],
  caddy: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
};

/**
 * @param addresses without a scheme: where Postern and dserver listen
 * @throws where there is none to be run
 */
export async function startProxy(
  kind: ProxyKind,
  port: number,
  addresses: { readonly postern: string; readonly dserver: string },
): Promise<RunningProxy> {
  const found = spawnSync(kind, [kind === 'nginx' ? '-v' : 'version']);
  if (found.status !== 0) throw new Error(`This drill needs ${kind}: apt-get install -y ${kind}`);
  const folder = mkdtempSync(join(tmpdir(), `postern-${kind}-`));
  mkdirSync(join(folder, 'home'));
  const file = join(folder, 'config');
  writeFileSync(file, around[kind](snippet(kind, { proxy: port, ...addresses }), folder));
  const child = spawn(kind, COMMANDS[kind](file, folder), {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: join(folder, 'home') },
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const answers = () =>
    fetch(`http://localhost:${port}/`).then(
      () => true,
      () => false,
    );
  while (!(await answers())) {
    if (child.exitCode !== null) throw new Error(`${kind} ended with ${child.exitCode}: ${said}`);
    await delay(50);
  }
  return {
    async close() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
