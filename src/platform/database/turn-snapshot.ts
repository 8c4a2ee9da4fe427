import type BetterSqlite3 from 'better-sqlite3';

/**
 * One read transaction for all reads of a turn of the event loop. Alone, each read takes and gives back the
 * file's lock, eight times the cost of the read itself. Who asks in a turn had begun before the turn's first
 * read, so nobody sees less than they might have seen anyway.
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
  let open = false;
  let number = 0;

  function end(): void {
    if (!open) return;
    open = false;
    // A fault may have ended it already.
    if (handle.inTransaction) commit.run();
  }

  return {
    begin() {
      if (open) return number;
      // Inside a unit, reads belong to it.
      if (handle.inTransaction) return undefined;
      begin.run();
      open = true;
      number += 1;
      setImmediate(end);
      return number;
    },
    end,
  };
}
