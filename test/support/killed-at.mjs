/**
 * Loaded into the program before anything else (`node --import`): once it has said what `KILLED_AFTER` says, on
 * standard error, the first statement it has run for either database is its last. Nothing of this stands in the program
 * itself: it is laid around the two drivers.
 */
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';

let told = false;

const { write } = process.stderr;
process.stderr.write = function writeWatched(text, ...rest) {
  if (String(text).includes(process.env.KILLED_AFTER)) told = true;
  return write.call(this, text, ...rest);
};

function die() {
  if (told) process.kill(process.pid, 'SIGKILL');
}

const { prepare } = BetterSqlite3.prototype;
BetterSqlite3.prototype.prepare = function prepareWatched(text) {
  const statement = prepare.call(this, text);
  for (const method of ['run', 'all', 'get']) {
    const original = statement[method];
    statement[method] = function wrapped(...args) {
      const result = original.apply(this, args);
      die();
      return result;
    };
  }
  return statement;
};

const { query } = pg.Client.prototype;
pg.Client.prototype.query = function queryWatched(...args) {
  const last = args.at(-1);
  if (typeof last === 'function') {
    args[args.length - 1] = (...answer) => {
      die();
      return last(...answer);
    };
    return query.apply(this, args);
  }
  const result = query.apply(this, args);
  if (typeof result?.then !== 'function') return result;
  return result.then((value) => {
    die();
    return value;
  });
};
