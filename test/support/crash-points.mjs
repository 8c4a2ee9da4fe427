/**
 * Loaded into the program before anything else (`node --import`): lets a drill end it, as by a power cut, at a named
 * point of one request. Nothing of this stands in the program itself: it is laid around the two database drivers
 * and Node's HTTP server.
 *
 * `GET /__crash/record` and `GET /__crash/<point>` arm it for the next request; `GET /__crash` tells what was
 * recorded. A point is `before:N` or `after:N`, the N-th write of that request, or `reply`.
 */
import http from 'node:http';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';

let armed;
let target = false;
let recorded = [];

const named = (text) => {
  const [verb, ...rest] = text.replace(/\s+/g, ' ').trim().split(' ');
  const table = /(?:into|update|from) ["`]?(\w+)/i.exec(text)?.[1];
  return [verb.toLowerCase(), table ?? rest[0]?.toLowerCase()].filter(Boolean).join(' ');
};

function crash(point) {
  if (target && armed === point) process.abort();
}

/** Answers what is to be called when the write is done. */
function write(text) {
  if (!target) return () => {};
  const at = recorded.push(named(text)) - 1;
  crash(`before:${at}`);
  return () => crash(`after:${at}`);
}

function around(object, method, text) {
  const original = object[method];
  object[method] = function wrapped(...args) {
    const done = write(text);
    const result = original.apply(this, args);
    done();
    return result;
  };
}

const { prepare } = BetterSqlite3.prototype;
let writing = false;
BetterSqlite3.prototype.prepare = function prepareWatched(text) {
  const statement = prepare.call(this, text);
  if (/^\s*(BEGIN IMMEDIATE|COMMIT)/i.test(text)) {
    const { run } = statement;
    statement.run = function wrapped(...args) {
      // The reads of a turn end with a COMMIT too.
      const own = /^\s*BEGIN/i.test(text) || writing;
      writing = own && !/^\s*COMMIT/i.test(text);
      const done = own ? write(text) : () => {};
      const result = run.apply(this, args);
      done();
      return result;
    };
  } else if (!statement.readonly) {
    for (const method of ['run', 'all', 'get']) around(statement, method, text);
  }
  return statement;
};

const { query } = pg.Client.prototype;
pg.Client.prototype.query = function queryWatched(config, ...rest) {
  const text = typeof config === 'string' ? config : (config?.text ?? '');
  if (!/^\s*(BEGIN|COMMIT|INSERT|UPDATE|DELETE|WITH)/i.test(text)) return query.call(this, config, ...rest);
  const done = write(text);
  const result = query.call(this, config, ...rest);
  return typeof result?.then !== 'function'
    ? result
    : result.then((value) => {
        done();
        return value;
      });
};

const { emit } = http.Server.prototype;
http.Server.prototype.emit = function emitWatched(event, ...args) {
  const [request, response] = args;
  if (event !== 'request') return emit.call(this, event, ...args);
  const [, control] = /^\/__crash\/?(.*)$/.exec(request.url) ?? [];
  if (control !== undefined) {
    response.end(JSON.stringify(recorded));
    if (control !== '') {
      armed = control;
      recorded = [];
    }
    return true;
  }
  if (armed !== undefined && !target) {
    target = true;
    const { end } = response;
    response.end = function endWatched(...args) {
      crash('reply');
      target = false;
      armed = undefined;
      return end.apply(this, args);
    };
  }
  return emit.call(this, event, ...args);
};
