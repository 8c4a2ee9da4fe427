/**
 * Listens to everything the tests send and receive, and keeps what opens something for whoever has it:
 * cookies, codes, tokens, request URIs, secrets, passwords, form tokens, addresses of pending interactions.
 */

export interface Wire {
  /** Every bearer value so far, with where it was seen. */
  readonly seen: ReadonlyMap<string, string>;
  /** A value that never went over the wire. */
  add(where: string, value: string): void;
  stop(): void;
}

const MEMBERS = new Set([
  ...[
    'code',
    'access_token',
    'refresh_token',
    'id_token',
    'token',
    'request_uri',
    'device_code',
    'user_code',
  ],
  ...[
    'client_secret',
    'client_assertion',
    'code_verifier',
    'password',
    'new_password',
    'ticket',
    'xsrf',
    'csrf',
  ],
  ...['_csrf', 'csrf_token'],
]);
/** Shorter ones could stand in a row by chance. */
const LEAST = 8;

export function listen(): Wire {
  const seen = new Map<string, string>();
  const realFetch = globalThis.fetch;

  function keep(where: string, value: string | null | undefined): void {
    if (!value || value.length < LEAST) return;
    seen.set(value, where);
    // A URN is public; what opens something is behind it. A user code is typed without its dash too.
    const bare = value.replace('urn:ietf:params:oauth:request_uri:', '');
    if (bare !== value) seen.set(bare, where);
    if (where.endsWith('user_code')) seen.set(value.replaceAll('-', ''), where);
  }

  function keepMembers(where: string, members: Iterable<[string, unknown]>): void {
    for (const [name, value] of members) {
      if (MEMBERS.has(name) && typeof value === 'string') keep(`${where} ${name}`, value);
    }
  }

  function keepAddress(where: string, address: string): void {
    const { pathname, search, hash } = new URL(address, 'http://x');
    keepMembers(where, new URLSearchParams(search));
    keepMembers(where, new URLSearchParams(hash.slice(1)));
    keep(`${where} uid`, /^\/(?:interaction|oauth\/authorize|oauth\/device)\/([^/]+)/.exec(pathname)?.[1]);
  }

  function keepRequest(url: string, init: RequestInit): void {
    keepAddress('request', url);
    const headers = new Headers(init.headers);
    const [scheme, credentials = ''] = (headers.get('authorization') ?? '').split(' ');
    if (scheme === 'Basic') {
      keep('request basic secret', decodeURIComponent(atob(credentials).split(':')[1] ?? ''));
      keep('request basic', credentials);
    }
    keep('request dpop', headers.get('dpop'));
    if (typeof init.body === 'string') keepMembers('request', new URLSearchParams(init.body));
  }

  function keepAnswer(headers: Headers, text: string): void {
    for (const line of headers.getSetCookie()) {
      const pair = line.split(';')[0] ?? '';
      const cut = pair.indexOf('=');
      keep(`cookie ${pair.slice(0, cut)}`, pair.slice(cut + 1));
    }
    const location = headers.get('location');
    if (location) keepAddress('redirect', location);
    if (text.startsWith('{')) keepMembers('answer', Object.entries(JSON.parse(text)));
    for (const [input] of text.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
      const [, name = ''] = /name="([^"]*)"/.exec(input) ?? [];
      const [, value = ''] = /value="([^"]*)"/.exec(input) ?? [];
      // `next` and the like are no secrets.
      if (MEMBERS.has(name) || /csrf|xsrf|ticket/.test(name)) keep(`form ${name}`, value);
    }
  }

  globalThis.fetch = async (input, init = {}) => {
    keepRequest(String(input), init);
    const response = await realFetch(input, init);
    keepAnswer(response.headers, await response.clone().text());
    return response;
  };

  return {
    seen,
    add: keep,
    stop() {
      globalThis.fetch = realFetch;
    },
  };
}
