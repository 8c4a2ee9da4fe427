import type { LogStream } from './logger.js';

/** What a stream of Node's tells beside; a test's list tells nothing and is never full. */
export interface SinkStream extends LogStream {
  write(lines: string, taken?: () => void): unknown;
  /** Bytes that wait to be taken. */
  readonly writableLength?: number;
}

/** The log's way out. Where its reader stands still, lines are dropped and counted instead of kept for ever. */
export interface LogSink extends LogStream {
  /** Lines since the start. */
  dropped(): number;
  /** Hands on what was written; milliseconds later that is done anyway. */
  flush(): void;
  /** The process ends now: everything goes, whether it is taken or not. */
  end(): void;
  /** Told how many lines are missing, once the reader has caught up. */
  onCaughtUp(listener: (dropped: number) => void): void;
}

/** Some thousands of lines: a reader that pauses for seconds misses nothing. */
const MOST_WAITING = 1024 * 1024;
/**
 * Bytes handed on at once. A pipe takes so many whole or not at all (`PIPE_BUF`), and one write waits for the other: so
 * the lines of several workers, which share one, do not stand inside one another, however slow its reader is. (A line
 * that is longer by itself may.)
 */
const BATCH = 4096;
const KEPT_BACK_MS = 5;

/**
 * A pipe's writes do not block, so what nobody reads piles up in memory; requests must neither wait for a
 * log collector nor die of it. The lines of some milliseconds are written together: a write costs as much as three.
 */
export function createLogSink(stream: SinkStream, mostWaiting = MOST_WAITING): LogSink {
  let total = 0;
  let untold = 0;
  let batch = '';
  let bytes = 0;
  let scheduled = false;
  /** What waits for the write that is under way. */
  const queue: string[] = [];
  let queued = 0;
  let writing = false;
  const tells = stream.writableLength !== undefined;
  let listener = (_dropped: number): void => {};

  function flush(): void {
    if (batch === '') return;
    queue.push(batch);
    queued += batch.length;
    batch = '';
    bytes = 0;
    next();
  }

  function next(): void {
    const lines = writing ? undefined : queue.shift();
    if (lines === undefined) return;
    queued -= lines.length;
    writing = tells;
    if (tells) stream.write(lines, taken);
    else stream.write(lines);
  }

  function taken(): void {
    writing = false;
    if (queue.length === 0 && untold > 0) caughtUp();
    next();
  }

  function keep(line: string): void {
    const length = Buffer.byteLength(line);
    if (bytes + length > BATCH) flush();
    batch += line;
    bytes += length;
    if (scheduled) return;
    scheduled = true;
    setTimeout(onTime, KEPT_BACK_MS);
  }

  function onTime(): void {
    scheduled = false;
    flush();
  }

  /** A file, or a test's list, takes at once whatever it is given. */
  const waiting = (): number =>
    stream.writableLength === undefined ? 0 : stream.writableLength + queued + batch.length;

  function caughtUp(): void {
    const dropped = untold;
    untold = 0;
    listener(dropped);
  }

  return {
    isTTY: stream.isTTY,
    write(line) {
      if (waiting() < mostWaiting) {
        keep(line);
        return true;
      }
      total += 1;
      untold += 1;
      if (untold === 1) flush();
      return false;
    },
    dropped: () => total,
    flush,
    end() {
      const rest = queue.splice(0).join('') + batch;
      batch = '';
      if (rest !== '') stream.write(rest);
    },
    onCaughtUp(told) {
      listener = told;
    },
  };
}
