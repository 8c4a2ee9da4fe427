import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { renderSettingsTable } from '../support/render-settings.js';
import { createBrowser } from '../support/browser.js';
import { freePort } from '../support/free-port.js';

const readme = readFileSync('README.md', 'utf8');

/** The shell blocks marked as the tour, one after the other. */
const tour = [...readme.matchAll(/<!-- tour -->\n```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);

/** Resolves with what has been printed once it matches. */
function printed(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    const listen = (chunk: Buffer) => {
      text += chunk.toString();
      const found = pattern.exec(text);
      if (found) resolve(found);
    };
    child.stdout?.on('data', listen);
    child.once('exit', (code) => reject(new Error(`ended with ${code} before ${pattern}: ${text}`)));
  });
}

let folder: string;
let port: number;
let server: ChildProcess;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-readme-'));
  port = await freePort();
  env = {
    ...process.env,
    NODE_ENV: '',
    NODE_OPTIONS: '',
    PORT: String(port),
    DATABASE_URL: `sqlite:${join(folder, 'postern.sqlite')}`,
    KEYS_DIR: join(folder, 'keys'),
  };
  server = spawn('node', ['scripts/start.mjs'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  await printed(server, /is ready/);
}, 240_000);

afterAll(async () => {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

/** What ada does in her browser with the address the tour prints. */
async function codeFor(url: string): Promise<string> {
  const { origin } = new URL(url);
  const browser = createBrowser();
  const login = await browser.follow(await browser.get(url), origin);
  const signedIn = await browser.submit(login, '/login', {
    username: 'ada',
    password: 'correct horse battery',
  });
  const consent = await browser.follow(signedIn, origin);
  const done = await browser.follow(await browser.submit(consent, '/consent', { decision: 'allow' }), origin);
  return new URL(done.location ?? '').searchParams.get('code') ?? '';
}

describe('README', () => {
  test('the tour works line by line', async () => {
    expect(tour.length).toBeGreaterThanOrEqual(5);
    const script = tour.join('\necho "--"\n').replaceAll(':5000', `:${port}`);
    const shell = spawn('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let output = '';
    let faults = '';
    shell.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    shell.stderr.on('data', (chunk: Buffer) => {
      faults += chunk.toString();
    });
    const ended = new Promise<number | null>((resolve) => shell.once('exit', resolve));
    const [url = ''] = await printed(shell, /http:\/\/\S+\/oauth\/authorize\?\S+/);
    shell.stdin.end(`${await codeFor(url)}\n`);
    expect({ code: await ended, faults: faults.replace('code: ', '') }).toEqual({ code: 0, faults: '' });

    const parts = output.split('--\n');
    expect(parts[1]).toMatch(/"id":"[^"]+","username":"ada"/);
    expect(parts[2]).toMatch(/"sub":"[^"]+".*"preferred_username":"ada"/);
    expect(parts[3]).toMatch(/"active":true.*"scope":"openid profile offline_access"/);
    expect(parts[4]).toMatch(/"access_token":"[^"]+".*"user_code":"[^"]+".*"error":"authorization_pending"/s);
    expect(parts[5]).toContain("email: 'ada@example.org'");
  }, 180_000);

  test('the settings are the ones there are', () => {
    expect(readme).toContain(renderSettingsTable().trim());
  });

  test('the two commands are npm start and npm test', () => {
    expect(readme).toMatch(/```console\nnpm start.*\nnpm test/);
  });
});
