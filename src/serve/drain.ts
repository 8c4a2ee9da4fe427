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
    const closed = Promise.all(servers.map(closing));
    // A rehearsal: the engine compiles what it does for the first time, and who comes meanwhile is reset.
    stopListening(net.createServer());
    await takeIn(servers, () => servers.forEach(stopListening));
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
/** A turn with nothing in it takes some microseconds. */
const QUIET_MS = 0.05;

/**
 * What the kernel has accepted for us would be reset with the listener: it is taken in first. Node takes one
 * connection a turn, so this goes on while more of them come. Who comes between the last look and `close` is lost,
 * so it is called within a turn that has had nothing else to do.
 */
function takeIn(servers: readonly Server[], close: () => void): Promise<void> {
  let came = true;
  const note = (): void => {
    came = true;
  };
  for (const server of servers) server.on('connection', note);
  const until = performance.now() + TAKE_IN_MS;
  let began = performance.now();
  return new Promise((resolve) => {
    function look(): void {
      const now = performance.now();
      const quiet = !came && now - began < QUIET_MS;
      if (quiet || now >= until) {
        close();
        for (const server of servers) server.off('connection', note);
        resolve();
        return;
      }
      came = false;
      began = now;
      setImmediate(look);
    }
    setImmediate(look);
  });
}

/** Tells the client, and Node, that no further request follows on this connection. */
function lastOfItsConnection(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}

const closing = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.once('close', () => resolve());
  });

/** The `close` of an HTTP server would drop idle connections at once. */
function stopListening(server: net.Server): void {
  Reflect.apply(net.Server.prototype.close, server, []);
}

function each(servers: readonly Server[], action: 'closeIdleConnections' | 'closeAllConnections'): void {
  for (const server of servers) server[action]();
}
