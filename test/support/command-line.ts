/** Runs command lines: in this process with streams of its own, or as the program somebody would start. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runCli } from '../../src/cli/cli.js';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output, which must be exactly one JSON document. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was printed.
  json(): any;
}

export interface Given {
  readonly stdin?: string;
  /** A person at a terminal: what is typed, answer by answer, as the questions come. */
  readonly typed?: readonly string[];
  readonly env?: Record<string, string>;
  /** `spawn` alone: sends SIGTERM once it has said this, on standard output or standard error. */
  readonly stopAt?: RegExp;
}

export interface Place {
  readonly folder: string;
  readonly env: Record<string, string>;
  run(args: string, given?: Given): Promise<Ran>;
  spawn(args: string, given?: Given): Promise<Ran>;
  remove(): void;
}

const ran = (code: number, stdout: string, stderr: string): Ran => ({
  code,
  stdout,
  stderr,
  json: () => JSON.parse(stdout),
});

const wordsOf = (args: string): string[] => args.split(' ').filter(Boolean);

function typist(answers: readonly string[]) {
  const waiting = [...answers];
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  /** A question was asked. */
  const answer = (text: string): void => {
    if (text.endsWith(': ')) setImmediate(() => stdin.write(`${waiting.shift() ?? ''}\r`));
  };
  return { stdin, answer };
}

async function inProcess(args: string, folder: string, { stdin = '', typed, env = {} }: Given): Promise<Ran> {
  const person = typed && typist(typed);
  const told = { stdout: '', stderr: '' };
  const terminal = {
    stdin: person?.stdin ?? Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]),
    stdout: {
      write(text: string) {
        told.stdout += text;
      },
    },
    stderr: {
      write(text: string) {
        told.stderr += text;
        person?.answer(text);
      },
    },
  };
  const code = await runCli(wordsOf(args), { terminal, env, folder });
  return ran(code, told.stdout, told.stderr);
}

const inRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

let compiled: Promise<void> | undefined;

/** `npm test` has compiled everything; where this file is run alone the front door sees to it, once. */
export function ensureCompiled(): Promise<void> {
  compiled ??= new Promise((resolve, reject) => {
    const door = spawn(process.execPath, [inRoot('scripts/cli.mjs'), '--version'], { stdio: 'ignore' });
    door.once('close', (code) => (code === 0 ? resolve() : reject(new Error('the sources do not compile'))));
  });
  return compiled;
}

/** The real entry, compiled. */
async function realProgram(
  args: string,
  folder: string,
  { stdin = '', env = {}, stopAt }: Given,
): Promise<Ran> {
  await ensureCompiled();
  const hush = new URL('../../scripts/lib/hush-runtime-notice.mjs', import.meta.url).href;
  const child = spawn(process.execPath, ['--import', hush, inRoot('dist/src/main.js'), ...wordsOf(args)], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
  });
  const told = { stdout: '', stderr: '' };
  const look = (text: string) => {
    if (!child.killed && stopAt?.test(text)) child.kill('SIGTERM');
  };
  child.stdout.on('data', (chunk) => {
    told.stdout += chunk;
    look(told.stdout);
  });
  child.stderr.on('data', (chunk) => {
    told.stderr += chunk;
    look(told.stderr);
  });
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(ran(code ?? -1, told.stdout, told.stderr)));
  });
}

/** A folder of its own, with the settings that keep everything inside it. */
export function newPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'postern-cli-'));
  const env = {
    DATABASE_URL: `sqlite:${join(folder, 'data', 'postern.sqlite')}`,
    KEYS_DIR: join(folder, 'keys'),
  };
  const with_ = (given: Given = {}): Given => ({ ...given, env: { ...env, ...given.env } });
  return {
    folder,
    env,
    run: (args, given) => inProcess(args, folder, with_(given)),
    spawn: (args, given) => realProgram(args, folder, with_(given)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
