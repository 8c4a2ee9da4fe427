import type BetterSqlite3 from 'better-sqlite3';

/**
 * One read transaction for all reads of a turn of the event loop. Alone, each read takes and gives back the
 * file's lock, eight times the cost of the read itself. Who asks in a turn had begun before the turn's first
 * read, so nobody sees less than they might have seen anyway.
 */
export interface TurnSnapshot {
  /** Before each read. */
  begin(): void;
  /** Before anything is written, and before the handle is closed. */
  end(): void;
}

export function createTurnSnapshot(handle: BetterSqlite3.Database): TurnSnapshot {
  const begin = handle.prepare('BEGIN');
  const commit = handle.prepare('COMMIT');
  let open = false;

  function end(): void {
    if (!open) return;
    open = false;
    // A fault may have ended it already.
    if (handle.inTransaction) commit.run();
  }

  return {
    begin() {
      // Inside a unit, reads belong to it.
      if (open || handle.inTransaction) return;
      begin.run();
      open = true;
      setImmediate(end);
    },
    end,
  };
}
