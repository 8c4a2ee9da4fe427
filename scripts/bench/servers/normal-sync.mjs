/** Preloaded into Postern for one column of the table: what `synchronous=NORMAL` would save. Not a setting. */
import Database from 'better-sqlite3';

const { pragma } = Database.prototype;

Database.prototype.pragma = function setPragma(text, ...rest) {
  return pragma.call(this, text.replace(/synchronous = FULL/, 'synchronous = NORMAL'), ...rest);
};
