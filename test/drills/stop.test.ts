/** R09: SIGTERM to the real program while people wait for their answers. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { measured, since, until } from '../support/figures.js';
import { freePort } from '../support/free-port.js';
import type { Program } from '../support/program.js';
import { createSite, type Site } from '../support/site.js';

const IN_FLIGHT = 50;
const IDLE = 20;

let site: Site;
let program: Program;

beforeAll(async () => {
  site = await createSite();
  program = await site.start();
}, 90_000);

afterAll(async () => {
  await program?.stop();
  site?.place.remove();
});

/** A connection by hand: what it got so far, and whether the other side has ended it. */
async function open(): Promise<{ socket: Socket; said(): string; ended: Promise<unknown> }> {
  const socket = connect(program.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return { socket, said: () => text, ended: once(socket, 'close') };
}

const request = (body: string) => {
  const { clientId, secret } = site.clients.machine;
  const basic = Buffer.from(`${clientId}:${secret}`).toString('base64');
  return [
    body ? 'POST /oauth/token HTTP/1.1' : 'GET /livez HTTP/1.1',
    `Host: localhost:${program.port}`,
    `Authorization: Basic ${basic}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
};

test(`R09: ${IN_FLIGHT} requests in flight are answered, ${IDLE} idle connections end, the exit code is 0`, async () => {
  const idle = await Promise.all(Array.from({ length: IDLE }, open));
  for (const { socket } of idle) socket.write(request(''));
  await until('idle', () => idle.every(({ said }) => said().includes('200 OK')), 30_000);

  // A write lock of another process keeps them in flight for as long as we like.
  const other = new BetterSqlite3(site.file);
  other.exec('BEGIN IMMEDIATE');
  const busy = await Promise.all(Array.from({ length: IN_FLIGHT }, open));
  for (const { socket } of busy) socket.write(request('grant_type=client_credentials'));
  // Sent before this one on connections the server has accepted before this one's answer.
  const probe = await fetch(`http://127.0.0.1:${program.port}/livez`);
  expect(probe.status).toBe(200);

  const began = performance.now();
  program.child.kill('SIGTERM');
  await program.until(/"stopping"/);
  const refused = await until(
    'the listener is closed',
    () =>
      new Promise<boolean>((resolve) => {
        const late = connect(program.port, '127.0.0.1');
        late.once('connect', () => {
          late.destroy();
          resolve(false);
        });
        late.once('error', () => resolve(true));
      }),
    2_000,
  );
  expect(busy.filter(({ said }) => said() !== '')).toEqual([]);
  other.exec('ROLLBACK');
  other.close();
  const code = await program.ended;
  const took = since(began);
  await Promise.all([...busy, ...idle].map(({ ended }) => ended));

  const answered = busy.filter(({ said }) => /^HTTP\/1.1 200 OK[\s\S]*"access_token"[^}]*}$/.test(said()));
  measured(
    'R09',
    `${answered.length} of ${IN_FLIGHT} in flight answered, ${IDLE} idle ended, listener closed after ${refused} ms, exit ${code} after ${took} ms`,
  );
  expect(answered).toHaveLength(IN_FLIGHT);
  expect(code).toBe(0);
  expect(took).toBeLessThan(10_000);
}, 120_000);

test('R09: what still holds the process when everything is closed does not keep it', async () => {
  // In place of a request elsewhere, or a mail server, that never answers.
  const holder = '--import=data:text/javascript,setInterval(String,60_000)';
  const holding = await site.start({ NODE_OPTIONS: holder }, await freePort());
  holding.child.kill('SIGTERM');
  const took = await until('it has ended', () => holding.child.exitCode !== null, 10_000).finally(() =>
    holding.child.kill('SIGKILL'),
  );
  measured('R09', `held by something: exit ${holding.child.exitCode} after ${took} ms`);
  expect(await holding.ended).toBe(0);
}, 120_000);
