/**
 * More requests than can be answered: what fits is answered in good time, and the rest are told so at once, before
 * any work. Without this all would wait, and each would be answered when its sender has left.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { PROBES } from '../platform/observe/access-log.js';
import { headersOfEveryAnswer } from '../platform/web/security-headers.js';
import { createWaitingLine, type Kind, type Waiting } from './waiting-line.js';
import { whenOver } from './when-over.js';

export interface GateOptions {
  readonly https: boolean;
  /** Told of each request that is turned away. */
  readonly refused: () => void;
  readonly log: { warn(fields: object, message: string): void };
}

/** Stands in front of everything that costs. */
export interface Gate {
  readonly before: (handler: RequestListener) => RequestListener;
  /** To be told of each new connection. */
  connected(): void;
}

interface Arrived {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly handler: RequestListener;
  readonly kind: Kind;
}
type WaitingRequest = Arrived & Waiting;

/**
 * Requests that have arrived whole and wait for the database, the threads or another server: more than those who
 * sign in (102) and those who wait for an upstream that stalls (256) can hold together.
 */
const MOST_AT_WORK = 400;
/** With so many of a kind and turns that take so long the event loop is what they wait for: one begins in each turn. */
const MANY_AT_WORK = 100;
const LONG_TURN_MS = 30;
const MOST_WAITING = 1000;
/** While somebody waits for so long nobody joins, … */
const FULL_MS = 250;
/** … and who has waited for so long is sent away after all. */
const LATE_MS = 500;
/**
 * So few are no crowd, and nobody of them is sent away: what keeps them is one long turn, such as those in which a
 * process that has just started does everything for the first time.
 */
const FEW_WAITING = 20;
/** How long one turn of the event loop begins requests: a few dozen, which share a commit; … */
const SLICE_MS = 10;
/** … and longer where reading and turning away has taken long: that gets a fifth of the time at most. */
const SHARE = 4;
const LONGEST_SLICE_MS = 100;
/** Where only new ones wait it is half the time and less at once: known ones may come meanwhile. */
const SHORTEST_SLICE_OF_NEW_MS = 5;
const LONGEST_SLICE_OF_NEW_MS = 20;
/** Node takes one connection a turn; so many turns, and so long, begin none of a crowd, so that it is soon inside. */
const EMPTY_TURNS = 32;
const EMPTY_MS = 50;
const SAY_EVERY_MS = 10_000;

export function createGate({ https, refused, log }: GateOptions): Gate {
  const refuse = createRefusal(https);
  const waiting = createWaitingLine<WaitingRequest>();
  // On the connection itself: a WeakMap that grows and shrinks all the time keeps the collector busy.
  const served = Symbol('served');
  type Carrier = IncomingMessage['socket'] & { [served]?: true };
  const kindOf = ({ socket }: IncomingMessage): Kind => ((socket as Carrier)[served] ? 'known' : 'new');
  const atWork: Record<Kind, number> = { known: 0, new: 0 };
  const allAtWork = (): number => atWork.known + atWork.new;
  /** When this turn of the event loop came to us first. */
  let began: number | undefined;
  const entrance = createEntrance();
  /** When the turn before ended, where this one follows without a pause. */
  let turnedAt: number | undefined;
  /** On reading and turning away, since requests were begun. */
  let spent = 0;
  let silentUntil = 0;
  let unsaid = 0;

  function turn(): number {
    const now = performance.now();
    if (began === undefined) {
      began = now;
      setImmediate(endTurn);
    }
    return now;
  }

  function endTurn(): void {
    const now = performance.now();
    spent += now - (began ?? now);
    began = undefined;
    const entering = entrance.turned(now);
    const most = turnedAt !== undefined && now - turnedAt > LONG_TURN_MS ? MANY_AT_WORK : MOST_AT_WORK;
    const end = now + sliceOf(entering);
    // Those who were here before do not wait until a whole crowd is inside.
    const may = (kind: Kind) =>
      (kind === 'known' || !entering) && atWork[kind] < most && allAtWork() < MOST_AT_WORK;
    if (!entering) startNext();
    while (performance.now() < end && startNext(may));
    if (!entering) spent = 0;
    const more = waiting.length > 0 || entering;
    turnedAt = more ? performance.now() : undefined;
    if (more) turn();
  }

  function sliceOf(entering: boolean): number {
    if (entering) return SLICE_MS;
    if (waiting.lengthOf('known') > 0) return between(SLICE_MS, spent * SHARE, LONGEST_SLICE_MS);
    return between(SHORTEST_SLICE_OF_NEW_MS, spent, LONGEST_SLICE_OF_NEW_MS);
  }

  /** `false`: there is none that may begin. */
  function startNext(may?: (kind: Kind) => boolean): boolean {
    const next = waiting.next(may);
    if (next === undefined) return false;
    if (next.response.closed || next.request.socket.destroyed) return true;
    const late = performance.now() - next.since > LATE_MS;
    if (late && waiting.lengthOf(next.kind) >= FEW_WAITING) turnAway(next.request, next.response);
    else start(next);
    return true;
  }

  /** For such a request: the other line may be as long as it likes. */
  function isFull(kind: Kind, now: number): boolean {
    return (
      allAtWork() >= MOST_AT_WORK ||
      waiting.length >= MOST_WAITING ||
      (waiting.lengthOf(kind) >= FEW_WAITING && now - waiting.sinceOf(kind) > FULL_MS)
    );
  }

  function start({ request, response, handler, kind }: Arrived): void {
    const { socket } = request;
    let [counted, over] = [false, false];
    const enter = (): void => {
      counted = !over;
      if (counted) atWork[kind] += 1;
    };
    whenOver(request, response, () => {
      over = true;
      if (counted) atWork[kind] -= 1;
      (socket as Carrier)[served] = true;
    });
    // One whose body drips in keeps nobody else out.
    if (hasBody(request)) request.on('end', enter);
    else enter();
    handler(request, response);
  }

  function turnAway(request: IncomingMessage, response: ServerResponse): void {
    refuse(request, response);
    refused();
    unsaid += 1;
    const now = performance.now();
    if (now < silentUntil) return;
    silentUntil = now + SAY_EVERY_MS;
    log.warn({ refused: unsaid }, 'too many requests at once: some were answered 503');
    unsaid = 0;
  }

  return {
    before: (handler) => (request, response) => {
      // Whoever decides whether this process lives must not take "busy" for "dead".
      if (PROBES.has(request.url ?? '')) return handler(request, response);
      const now = turn();
      const kind = kindOf(request);
      if (isFull(kind, now)) return turnAway(request, response);
      const nobody =
        kind === 'known' ? waiting.lengthOf(kind) === 0 : waiting.length === 0 && !entrance.isOpen();
      const free = nobody && atWork[kind] < MANY_AT_WORK;
      if (free && now - (began ?? now) < SLICE_MS) return start({ request, response, handler, kind });
      waiting.join({ request, response, handler, kind, since: now });
    },
    connected() {
      entrance.came();
      turn();
    },
  };
}

/** While connections keep coming, turns begin none of a crowd, within bounds. */
function createEntrance() {
  let came = false;
  let emptyTurns = 0;
  let since = 0;
  return {
    came() {
      came = true;
    },
    isOpen: () => emptyTurns > 0,
    /** At the end of a turn. `true`: the crowd is still coming in. */
    turned(now: number): boolean {
      if (emptyTurns === 0) since = now;
      const goesOn = came && emptyTurns < EMPTY_TURNS && now - since < EMPTY_MS;
      emptyTurns = goesOn ? emptyTurns + 1 : 0;
      came = false;
      return goesOn;
    },
  };
}

const between = (least: number, value: number, most: number): number =>
  Math.min(Math.max(least, value), most);

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

const JSON_BODY = Buffer.from(
  JSON.stringify({
    error: 'temporarily_unavailable',
    error_description: 'The service is busy for a moment. Please try again.',
  }),
);
const PAGE = Buffer.from(
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>Busy for a moment</title>' +
    '<h1>Busy for a moment</h1><p>Please try again in a few seconds.</p></html>',
);

/** The cheapest answer there is. */
function createRefusal(https: boolean): RequestListener {
  const headOf = (type: string, body: Buffer): string[] => [
    ...headersOfEveryAnswer(https).flat(),
    ...['Content-Type', type, 'Content-Length', String(body.length), 'Cache-Control', 'no-store'],
    ...['Retry-After', '2'],
  ];
  const forPrograms = headOf('application/json; charset=utf-8', JSON_BODY);
  const forPeople = headOf('text/html; charset=utf-8', PAGE);
  return ({ headers }, response) => {
    if (headers.accept?.includes('text/html')) response.writeHead(503, forPeople).end(PAGE);
    else response.writeHead(503, forPrograms).end(JSON_BODY);
  };
}
