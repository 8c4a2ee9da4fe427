import type { LogStream } from './logger.js';

/** What a stream of Node's tells beside; a file or a test's list tells nothing and is never full. */
export interface SinkStream extends LogStream {
  /** Bytes that wait to be taken. */
  readonly writableLength?: number;
  once?(event: 'drain', listener: () => void): unknown;
}

/** The log's way out. Where its reader stands still, lines are dropped and counted instead of kept for ever. */
export interface LogSink extends LogStream {
  /** Lines since the start. */
  dropped(): number;
  /** Hands on what was written; milliseconds later that is done anyway. */
  flush(): void;
  /** Told how many lines are missing, once the reader has caught up. */
  onCaughtUp(listener: (dropped: number) => void): void;
}

/** Some thousands of lines: a reader that pauses for seconds misses nothing. */
const MOST_WAITING = 1024 * 1024;
/** Characters handed on at once, before their time. */
const BATCH = 32 * 1024;
const KEPT_BACK_MS = 5;

/**
 * A pipe's writes do not block, so what nobody reads piles up in memory; requests must neither wait for a
 * log collector nor die of it. The lines of some milliseconds are written together: a write costs as much as three.
 */
export function createLogSink(stream: SinkStream, mostWaiting = MOST_WAITING): LogSink {
  let total = 0;
  let untold = 0;
  let batch = '';
  let scheduled = false;
  let listener = (_dropped: number): void => {};

  function flush(): void {
    const lines = batch;
    batch = '';
    if (lines !== '') stream.write(lines);
  }

  function keep(line: string): void {
    batch += line;
    if (batch.length >= BATCH) flush();
    else if (!scheduled) {
      scheduled = true;
      setTimeout(onTime, KEPT_BACK_MS);
    }
  }

  function onTime(): void {
    scheduled = false;
    flush();
  }

  /** A file, or a test's list, takes at once whatever it is given. */
  const waiting = (): number =>
    stream.writableLength === undefined ? 0 : stream.writableLength + batch.length;

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
      if (untold === 1) {
        stream.once?.('drain', caughtUp);
        flush();
      }
      return false;
    },
    dropped: () => total,
    flush,
    onCaughtUp(told) {
      listener = told;
    },
  };
}
