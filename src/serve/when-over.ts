import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const OPEN = Symbol('open');
/** On the connection itself: a WeakMap that grows and shrinks all the time keeps the collector busy. */
type Carrier = Socket & { [OPEN]?: (() => void)[] };

function openOf(socket: Carrier): (() => void)[] {
  const known = socket[OPEN];
  if (known !== undefined) return known;
  const open: (() => void)[] = [];
  socket[OPEN] = open;
  socket.on('close', () => {
    for (const over of open.splice(0)) over();
  });
  return open;
}

/**
 * Calls `then` once, when the response has ended or its connection has. Of answers that wait behind an unfinished
 * one on the same connection (pipelining) Node never says that they are closed, should the connection end.
 */
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, then: () => void): void {
  const open = openOf(socket);
  let isOver = false;
  const over = (): void => {
    if (isOver) return;
    isOver = true;
    const at = open.indexOf(over);
    if (at !== -1) open.splice(at, 1);
    then();
  };
  open.push(over);
  response.on('close', over);
}
