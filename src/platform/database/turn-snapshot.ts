import { performance } from 'node:perf_hooks';
import type BetterSqlite3 from 'better-sqlite3';

/**
 * One read transaction for all reads of a turn of the event loop. Alone, each read takes and gives back the
 * file's lock, eight times the cost of the read itself. Who asks in a turn had begun before the turn's first
 * read, so nobody sees less than they might have seen anyway.
 *
 * A turn begins where the loop looks for what has arrived, not at the next immediate: else what a timer or an
 * immediate had read would be answered to somebody who came later, and whom another process had told more.
 */
export interface TurnSnapshot {
  /**
   * Before each read. Answers the number of the snapshot: two reads that got the same one see the same rows.
   * `undefined` inside a unit.
   */
  begin(): number | undefined;
  /** Before anything is written, and before the handle is closed. */
  end(): void;
}

export function createTurnSnapshot(handle: BetterSqlite3.Database): TurnSnapshot {
  const begin = handle.prepare('BEGIN');
  const commit = handle.prepare('COMMIT');
  const { nodeTiming } = performance;
  let open = false;
  let number = 0;
  let begunIn = 0;

  function end(): void {
    if (!open) return;
    open = false;
    // A fault may have ended it already.
    if (handle.inTransaction) commit.run();
  }

  return {
    begin() {
      const { loopCount, events } = nodeTiming.uvMetricsInfo;
      // A loop that finds very many events at once looks again before its turn ends.
      const turn = loopCount + events;
      if (open && turn === begunIn) return number;
      end();
      // Inside a unit, reads belong to it.
      if (handle.inTransaction) return undefined;
      begin.run();
      open = true;
      number += 1;
      begunIn = turn;
      setImmediate(end);
      return number;
    },
    end,
  };
}
