import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import net from 'node:net';
import { createOpenSet } from './open-set.js';
import { whenOver } from './when-over.js';

/** The requests being answered, so that stopping can wait for them and for nothing else. */
export interface Traffic {
  readonly handler: RequestListener;
  /**
   * Stops listening at once, lets what is in flight be answered, and closes the connections behind it.
   * Idle connections are kept for `lingerMs`: a request may be on its way there, and closing would lose it;
   * it is answered and told to be the last. After `limitMs` of all this whatever is left is cut. Answers how
   * many connections' requests had to be.
   */
  drain(servers: readonly Server[], limitMs: number, lingerMs?: number): Promise<number>;
}

const SWEEP_MS = 50;

export function createTraffic(handler: RequestListener): Traffic {
  const open = createOpenSet<ServerResponse>();
  const held: [IncomingMessage, ServerResponse][] = [];
  let draining = false;
  let takingIn = false;

  const tracked: RequestListener = (request, response) => {
    whenOver(request, response, open.join(response));
    if (draining) lastOfItsConnection(response);
    if (takingIn) held.push([request, response]);
    else handler(request, response);
  };

  async function drain(servers: readonly Server[], limitMs: number, lingerMs = 0): Promise<number> {
    draining = true;
    const began = performance.now();
    // Nothing new is begun meanwhile: the shorter a turn, the fewer come between the last look and the closing.
    takingIn = true;
    await takeIn(servers);
    const closed = Promise.all(servers.map(closing));
    takingIn = false;
    for (const response of open.all) lastOfItsConnection(response);
    for (const [request, response] of held.splice(0)) {
      if (!request.socket.destroyed) handler(request, response);
    }
    let cut = 0;
    const lingersUntil = performance.now() + lingerMs;
    // Again and again: connections fall idle when what they wait for has been answered.
    const sweep = setInterval(() => {
      // After what has arrived is read: to a busy process a connection looks idle that is not.
      if (performance.now() >= lingersUntil) setImmediate(each, servers, 'closeIdleConnections');
    }, SWEEP_MS);
    const limit = setTimeout(
      () => {
        cut = open.all.length;
        each(servers, 'closeAllConnections');
      },
      limitMs - (performance.now() - began),
    );
    await closed;
    clearInterval(sweep);
    clearTimeout(limit);
    return cut;
  }

  return { handler: tracked, drain };
}

/** A process that is never quiet would listen for ever, and the time is wanted for answers. */
const TAKE_IN_MS = 500;
const QUIET_MS = 1;

/**
 * What the kernel has accepted for us would be reset with the listener: it is taken in first. Node takes one
 * connection a turn, so this goes on while more of them come; and in a turn full of work more come unseen, so the
 * moment to close is after one that was short.
 */
async function takeIn(servers: readonly Server[]): Promise<void> {
  let came = true;
  let quiet = false;
  const note = (): void => {
    came = true;
  };
  for (const server of servers) server.on('connection', note);
  const until = performance.now() + TAKE_IN_MS;
  while ((came || !quiet) && performance.now() < until) {
    came = false;
    await turn();
    const began = performance.now();
    await turn();
    quiet = performance.now() - began < QUIET_MS;
  }
  for (const server of servers) server.off('connection', note);
}

/** Tells the client, and Node, that no further request follows on this connection. */
function lastOfItsConnection(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}

/** Of the event loop, in which sockets are read and accepted. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The `close` of an HTTP server would drop idle connections at once. */
const closing = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    Reflect.apply(net.Server.prototype.close, server, [() => resolve()]);
  });

function each(servers: readonly Server[], action: 'closeIdleConnections' | 'closeAllConnections'): void {
  for (const server of servers) server[action]();
}
