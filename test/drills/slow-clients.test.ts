/** R22: sockets that drip headers and bodies, a byte at a time. Others do not notice, and the dripping ends. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newPlace, type Place } from '../support/command-line.js';
import { measured, percentile, SHORT, size, until } from '../support/figures.js';
import { closedLoad, requestBytes } from '../support/open-load.js';
import { type Program, startProgram } from '../support/program.js';

const SOCKETS = size(200, 2000, 2000);
const OTHERS_MS = size(3_000, 15_000, 60_000);
const CUT_WITHIN_MS = 90_000;

let place: Place;
let program: Program;

beforeAll(async () => {
  place = newPlace();
  program = await startProgram(place.folder, { ...place.env, RATE_LIMITS: 'off', LOG_LEVEL: 'warn' });
  await program.until(/Stop: Ctrl-C/);
});

afterAll(async () => {
  await program?.stop();
  place?.remove();
});

interface Dripper {
  readonly socket: Socket;
  /** Milliseconds from its first byte to the server hanging up. */
  readonly cut: Promise<number>;
  isCut(): boolean;
}

/** Every other one has all of its headers at once, and a body that takes its time. */
function drip(port: number, host: string, slowBody: boolean): Dripper {
  const socket = connect(port, '127.0.0.1');
  const head = `POST /oauth/token HTTP/1.1\r\nHost: ${host}\r\n`;
  const form = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 50000\r\n\r\n';
  const began = performance.now();
  socket.write(slowBody ? head + form : head);
  const timer = setInterval(() => socket.write(slowBody ? 'a' : 'X'), 1_000);
  let over = false;
  const cut = new Promise<number>((resolve) => {
    socket.on('error', () => {}).resume();
    socket.once('close', () => {
      clearInterval(timer);
      over = true;
      resolve(performance.now() - began);
    });
  });
  return { socket, cut, isCut: () => over };
}

test(
  `R22: ${SOCKETS} dripping sockets`,
  async () => {
    const { port, issuer } = program;
    const { host } = new URL(issuer);
    const page = requestBytes(host, '/login', { headers: { Accept: 'text/html' } });
    await closedLoad(port, page, 4, 500);
    const calm = await closedLoad(port, page, 4, OTHERS_MS / 2);
    const drippers = Array.from({ length: SOCKETS }, (_, index) => drip(port, host, index % 2 === 0));
    const others = await closedLoad(port, page, 4, OTHERS_MS);
    // Somebody who is turned away while 2,000 sockets come at once has not been served in time.
    const [without, beside] = [calm, others].map((shots) =>
      percentile(
        shots.map(({ status, milliseconds }) => (status === 200 ? milliseconds : Number.POSITIVE_INFINITY)),
        0.95,
      ),
    ) as [number, number];
    const away = others.filter(({ status }) => status === 503).length;
    expect(others.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    expect(beside).toBeLessThan(1_000);

    let end = `${drippers.filter(({ isCut }) => !isCut()).length} of them not cut yet`;
    if (!SHORT) {
      await until('all are cut', () => drippers.every(({ isCut }) => isCut()), CUT_WITHIN_MS);
      const after = await Promise.all(drippers.map(({ cut }) => cut));
      end = `all cut after ${Math.round(Math.min(...after) / 1000)} to ${Math.round(Math.max(...after) / 1000)} s`;
      expect(Math.max(...after)).toBeLessThan(CUT_WITHIN_MS);
    }
    for (const { socket } of drippers) socket.destroy();
    measured(
      'R22',
      `beside ${SOCKETS} dripping sockets ${others.length} pages, ${away} of them 503, p95 ${Math.round(beside)} ms (${Math.round(without)} ms ` +
        `without); ${end}`,
    );
  },
  CUT_WITHIN_MS + OTHERS_MS * 2 + 60_000,
);
