/**
 * Reads of one thing that are asked for in one turn of the event loop are sent as one. A query costs this
 * process more than all else a small request does, and several requests of one client come at once. Nobody
 * gets an older answer than they would have got: the query is sent after all of them asked.
 */
export function shareReads<Key, Answer>(read: (key: Key) => Promise<Answer>): (key: Key) => Promise<Answer> {
  const asked = new Map<string, Promise<Answer>>();

  function send(name: string, key: Key): Promise<Answer> {
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        asked.delete(name);
        read(key).then(resolve, reject);
      });
    });
  }

  return (key) => {
    const name = typeof key === 'string' ? key : JSON.stringify(key);
    const pending = asked.get(name) ?? send(name, key);
    asked.set(name, pending);
    return pending;
  };
}
