/** R19: an upstream that does not answer is its own users' trouble alone. The long form is `drills/outage.drill.ts`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createBrowser, type Page } from '../support/browser.js';
import { signIn } from '../support/flow.js';
import { loginThrough, startWorld, type World } from '../support/login-world.js';

const LOGINS = 100;

let world: World;

beforeAll(async () => {
  world = await startWorld({ upstreams: { slow: {}, failing: {}, cutting: {}, fine: {} } });
  await world.server.createAccount();
});
afterAll(() => world.close());

/** Logins as far as the callback, which is left to be called. No code is looked at: the token endpoint is out. */
const callbacksAt = (id: string, count = LOGINS): Promise<(() => Promise<Page>)[]> =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const browser = createBrowser();
      const begun = await browser.get(world.server.url(`/oauth/login/${id}/`));
      const sent = new URL(begun.location ?? '').searchParams;
      const callback = new URL(sent.get('redirect_uri') ?? '');
      const answer = {
        code: 'a-code',
        state: sent.get('state') ?? '',
        iss: world.upstreams[id]?.issuer ?? '',
      };
      callback.search = String(new URLSearchParams(answer));
      return () => browser.get(callback.href);
    }),
  );

async function othersGoOn(): Promise<void> {
  const [through] = await Promise.all([
    loginThrough(world, '/oauth/login/fine/'),
    signIn(world.server, createBrowser()),
  ]);
  expect(through.location).toContain('/account/settings/linkedaccounts/');
}

function expectPage({ status, text }: Page, id: string): void {
  expect([status, text]).toEqual([
    502,
    expect.stringContaining(`The ${id} server does not answer at the moment. Please try again later.`),
  ]);
  expect(text).toContain('/login?local=1');
}

async function expectOpenCircuit(id: string): Promise<void> {
  const there = world.upstreams[id];
  const asked = there?.count('POST /token');
  const [callback] = await callbacksAt(id, 1);
  expectPage((await callback?.()) as Page, id);
  expect(there?.count('POST /token')).toBe(asked);
}

test(`R19: others sign in while ${LOGINS} logins wait for an upstream that stalls`, async () => {
  const there = world.upstreams.slow;
  const callbacks = await callbacksAt('slow');
  const held: ServerResponse[] = [];
  if (there) there.wrong = { answer: { '/token': (_req, res) => held.push(res) } };
  let over = 0;
  const waiting = callbacks.map((call) => call().finally(() => (over += 1)));
  while (held.length < LOGINS) await new Promise((resolve) => setTimeout(resolve, 10));
  await othersGoOn();
  // Not one of them was given up, or let go, to make room.
  expect([over, held.length]).toEqual([0, LOGINS]);
  for (const res of held) res.writeHead(503).end();
  for (const page of await Promise.all(waiting)) expectPage(page, 'slow');
  await expectOpenCircuit('slow');
});

test.each<[string, string, (req: IncomingMessage, res: ServerResponse) => void]>([
  ['failing', 'answers 500', (_req, res) => res.writeHead(500).end('<h1>Oops</h1>')],
  ['cutting', 'resets the line', (req) => req.socket.resetAndDestroy()],
])(`R19: ${LOGINS} logins through one that is %s: it %s`, async (id, _what, answer) => {
  const callbacks = await callbacksAt(id);
  const there = world.upstreams[id];
  if (there) there.wrong = { answer: { '/token': answer } };
  const [pages] = await Promise.all([Promise.all(callbacks.map((call) => call())), othersGoOn()]);
  for (const page of pages) expectPage(page, id);
  await expectOpenCircuit(id);
});
