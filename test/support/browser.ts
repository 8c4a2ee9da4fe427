/** A browser without a screen: keeps cookies, follows nothing by itself, fills in forms as they are sent. */

interface Cookie {
  readonly value: string;
  readonly path: string;
}

export interface Page {
  readonly status: number;
  readonly url: string;
  readonly headers: Headers;
  readonly text: string;
  /** `Location`, made absolute; undefined without one. */
  readonly location: string | undefined;
}

export interface Browser {
  get(url: string, headers?: Record<string, string>): Promise<Page>;
  post(url: string, form: Record<string, string>, headers?: Record<string, string>): Promise<Page>;
  /** Posts the first form of a page whose action contains `action`, hidden fields included. */
  submit(page: Page, action: string, fields?: Record<string, string>): Promise<Page>;
  /** Follows redirects as long as they stay on `origin`. */
  follow(page: Page, origin: string): Promise<Page>;
  cookie(name: string): string | undefined;
  /** The `Cookie` header it would send there. */
  cookiesFor(url: string): string;
  /** Another browser with the same cookies. */
  copy(): Browser;
}

const decodeHtml = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#34;', '"')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

const attribute = (tag: string, name: string): string | undefined => {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return found === undefined ? undefined : decodeHtml(found);
};

/** Action, hidden fields and ticked boxes of a form. */
export function formOf(page: Page, action: string): { action: string; fields: Record<string, string> } {
  for (const [form] of page.text.matchAll(/<form[\s\S]*?<\/form>/g)) {
    const target = attribute(/<form[^>]*>/.exec(form)?.[0] ?? '', 'action') ?? '';
    if (!target.includes(action)) continue;
    const fields: Record<string, string> = {};
    for (const [input] of form.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
      const name = attribute(input, 'name');
      if (name) fields[name] = attribute(input, 'value') ?? '';
    }
    // A box that stands ticked goes with the form, as browsers do it.
    for (const [input] of form.matchAll(/<input[^>]*type="checkbox"[^>]*\schecked[^>]*>/g)) {
      const name = attribute(input, 'name');
      if (name) fields[name] = attribute(input, 'value') ?? 'on';
    }
    return { action: new URL(target, page.url).href, fields };
  }
  throw new Error(`no form "${action}" on ${page.url} (${page.status}): ${page.text.slice(0, 600)}`);
}

export function createBrowser(jar = new Map<string, Cookie>()): Browser {
  function keep(headers: Headers, url: string): void {
    for (const line of headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const cut = pair.indexOf('=');
      const [name, value] = [pair.slice(0, cut), pair.slice(cut + 1)];
      const path = attributes.find((part) => /^path=/i.test(part))?.slice(5) ?? new URL(url).pathname;
      const expires = attributes.find((part) => /^expires=/i.test(part))?.slice(8);
      const key = `${name}|${path}`;
      if (value === '' || (expires && Date.parse(expires) < Date.now())) jar.delete(key);
      else jar.set(key, { value, path });
    }
  }

  function cookiesFor(url: string): string {
    const { pathname } = new URL(url);
    const fits = (path: string) =>
      pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
    return [...jar]
      .filter(([, { path }]) => fits(path))
      .map(([key, { value }]) => `${key.split('|')[0]}=${value}`)
      .join('; ');
  }

  async function send(url: string, init: RequestInit): Promise<Page> {
    const cookie = cookiesFor(url);
    const headers = { accept: 'text/html,application/xhtml+xml', ...(cookie ? { cookie } : {}) };
    const response = await fetch(url, {
      redirect: 'manual',
      ...init,
      headers: { ...headers, ...(init.headers as Record<string, string>) },
    });
    keep(response.headers, url);
    const location = response.headers.get('location');
    return {
      status: response.status,
      url,
      headers: response.headers,
      text: await response.text(),
      location: location === null ? undefined : new URL(location, url).href,
    };
  }

  const browser: Browser = {
    get: (url, headers = {}) => send(url, { headers }),
    post: (url, form, headers = {}) =>
      send(url, {
        method: 'POST',
        body: new URLSearchParams(form).toString(),
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          origin: new URL(url).origin,
          ...headers,
        },
      }),
    submit(page, action, fields = {}) {
      const form = formOf(page, action);
      return browser.post(form.action, { ...form.fields, ...fields });
    },
    async follow(page, origin) {
      let current = page;
      for (let hops = 0; current.location?.startsWith(origin) && hops < 12; hops += 1) {
        current = await browser.get(current.location);
      }
      return current;
    },
    cookie: (name) => [...jar].find(([key]) => key.startsWith(`${name}|`))?.[1].value,
    cookiesFor,
    copy: () => createBrowser(new Map(jar)),
  };
  return browser;
}
