/** The compiled program as somebody would run it, with its process at hand: signals, output, exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureCompiled } from './command-line.js';
import { freePort } from './free-port.js';

const inRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Characters of its output: hours of it fit into no string. */
const KEPT = 16 * 1024 * 1024;

export interface Program {
  readonly child: ChildProcess;
  readonly port: number;
  readonly issuer: string;
  /** Standard output and error so far, or the last of it. */
  said(): string;
  /** Resolves when what it said has this; rejects when it ends before. */
  until(pattern: RegExp): Promise<void>;
  /** Its exit code, or -1 after a signal. */
  readonly ended: Promise<number>;
  /** Ends it, by force where need be. */
  stop(): Promise<number>;
}

/**
 * @param folder where it finds and leaves everything
 * @param entry what node is to run; the program of these sources unless told otherwise
 */
export async function startProgram(
  folder: string,
  env: Record<string, string> = {},
  port?: number,
  entry: readonly string[] = [inRoot('dist/src/main.js')],
): Promise<Program> {
  await ensureCompiled();
  const chosen = port ?? (await freePort());
  const issuer = env.ISSUER ?? `http://localhost:${chosen}`;
  const hush = new URL('../../scripts/lib/hush-runtime-notice.mjs', import.meta.url).href;
  const child = spawn(process.execPath, ['--import', hush, ...entry, 'serve'], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, PORT: String(chosen), ISSUER: issuer, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      text += chunk;
      if (text.length > 2 * KEPT) text = text.slice(-KEPT);
      for (const look of watchers) look();
    });
  }
  const ended = new Promise<number>((resolve) => {
    child.once('close', (code) => resolve(code ?? -1));
  });
  const program: Program = {
    child,
    port: chosen,
    issuer,
    said: () => text,
    ended,
    async until(pattern) {
      const seen = new Promise<void>((resolve) => {
        const look = () => {
          if (!pattern.test(text)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      });
      const over = ended.then((code) => {
        throw new Error(`it ended with ${code} and had said:\n${text}`);
      });
      over.catch(() => {});
      await Promise.race([seen, over]);
    },
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
      const code = await ended;
      clearTimeout(late);
      return code;
    },
  };
  return program;
}
