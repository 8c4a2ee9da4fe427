/** A browser with cookies and forms, and no more: it brings a target to where the load begins. */
import { request } from 'node:http';

const MOST_STEPS = 14;

const unescaped = (html) =>
  html.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&#34;', '"').replaceAll('&amp;', '&');

const attribute = (tag, name) => unescaped(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? '');

const isSent = (input) =>
  /type="hidden"/.test(input) || (/type="checkbox"/.test(input) && /\schecked[\s>]/.test(input));

/** One request over a connection of its own. */
export function send({ port, host }, { method = 'GET', path, headers = {}, body }) {
  const all = { host, ...headers };
  if (method !== 'GET') {
    all['content-length'] = Buffer.byteLength(body ?? '');
    all['content-type'] ??= 'application/x-www-form-urlencoded';
  }
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', method, path, headers: all, agent: false }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.once('error', reject);
      answer.once('end', () =>
        resolve({
          status: answer.statusCode,
          headers: answer.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    asked.setTimeout(20_000, () => asked.destroy(new Error(`${path} was not answered`)));
    asked.once('error', reject);
    asked.end(body);
  });
}

/** @param place where the target listens and what it is called: port, host, origin */
export function createVisitor(place) {
  const cookies = new Map();

  function keep({ headers }) {
    for (const line of headers['set-cookie'] ?? []) {
      const [pair] = line.split(';');
      const at = pair.indexOf('=');
      const value = pair.slice(at + 1);
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) cookies.delete(pair.slice(0, at));
      else cookies.set(pair.slice(0, at), value);
    }
  }

  async function visit(what) {
    const headers = {
      accept: 'text/html',
      ...(what.method === 'POST' ? { origin: place.origin } : {}),
      ...(cookies.size > 0 ? { cookie: cookieLine() } : {}),
    };
    const answer = await send(place, { ...what, headers: { ...headers, ...what.headers } });
    keep(answer);
    return answer;
  }

  const cookieLine = () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');

  /** The form whose action ends so, filled in: its hidden fields and what is given. */
  function fill(html, ending, given) {
    for (const [form, action] of html.matchAll(/<form[^>]*action="([^"]*)"[^>]*>[\s\S]*?<\/form>/g)) {
      if (!unescaped(action).split('?')[0].endsWith(ending)) continue;
      // What a browser sends of a form that is left as it is.
      const sent = [...form.matchAll(/<input[^>]*>/g)].map(([input]) => input).filter(isSent);
      const kept = sent.map((input) => [attribute(input, 'name'), attribute(input, 'value')]);
      return {
        path: unescaped(action),
        body: new URLSearchParams([...kept, ...Object.entries(given)]).toString(),
      };
    }
    return undefined;
  }

  return {
    visit,
    fill,
    cookieLine,
    /** Follows redirects and sends forms until the client's address is reached, and answers that address. */
    async walk(path, until, forms = {}) {
      let next = { path };
      for (let step = 0; step < MOST_STEPS; step += 1) {
        const answer = await visit(next);
        const { location } = answer.headers;
        if (location?.startsWith(until)) return new URL(location);
        if (location) {
          const { pathname, search } = new URL(location, place.origin);
          next = { path: pathname + search };
          continue;
        }
        const filled = Object.entries(forms)
          .map(([ending, given]) => fill(answer.text, ending, given))
          .find((form) => form !== undefined);
        if (!filled) throw new Error(`${next.path} ended at ${answer.status}: ${answer.text.slice(0, 400)}`);
        next = { method: 'POST', ...filled };
      }
      throw new Error(`more than ${MOST_STEPS} steps from ${path}`);
    },
  };
}
