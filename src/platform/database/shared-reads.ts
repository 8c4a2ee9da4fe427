/**
 * Reads of one thing that are asked for in one turn of the event loop are sent as one. A query costs this
 * process more than all else a small request does, and several requests of one client come at once. Nobody
 * gets an older answer than they would have got: the query is sent after all of them asked.
 */
export function shareReads<Key, Answer>(read: (key: Key) => Promise<Answer>): (key: Key) => Promise<Answer> {
  // A map for each turn: one that is emptied and filled again and again would never be cleared away.
  let turn: Map<string, Promise<Answer>> | undefined;

  function begin(): Map<string, Promise<Answer>> {
    setImmediate(() => {
      turn = undefined;
    });
    return new Map();
  }

  function send(key: Key): Promise<Answer> {
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        read(key).then(resolve, reject);
      });
    });
  }

  return (key) => {
    turn ??= begin();
    const name = typeof key === 'string' ? key : JSON.stringify(key);
    const asked = turn.get(name) ?? send(key);
    turn.set(name, asked);
    return asked;
  };
}
