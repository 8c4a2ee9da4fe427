/** Control characters other than tab and line end. */
const CONTROLS = /(?![\t\n])\p{Cc}/gu;

/** A terminal obeys control characters, and some of the text was written by strangers. */
const tame = (text: string): string => text.replace(CONTROLS, '?');

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return tame(/^[^\s"=]+$/.test(text) ? text : typeof value === 'string' ? JSON.stringify(text) : text);
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function stackOf(err: unknown): string {
  if (!isObject(err)) return '';
  const text = typeof err.stack === 'string' ? err.stack : `${String(err.type)}: ${String(err.message)}`;
  return `${tame(text).replace(/^/gm, '    ')}\n${stackOf(err.cause)}`;
}

/** One JSON line of the log as a person reads it: `12:00:01 info  message key=value`. */
export function humanLine(line: string): string {
  const { time, level, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`);
  const head = [String(time).slice(11, 19), String(level).padEnd(5), tame(String(msg ?? '')), ...rest];
  return `${head.join(' ').replaceAll('\n', ' ').trimEnd()}\n${stackOf(err)}`;
}
