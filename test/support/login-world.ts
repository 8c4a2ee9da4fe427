/** Postern beside upstreams it signs people in through: real OpenID providers on ports of their own. */
import { type Browser, createBrowser, formOf, type Page } from './browser.js';
import { freePort } from './free-port.js';
import { startServer, type TestServer } from './server.js';
import { type OidcUpstream, type Person, startOidcUpstream } from './upstreams.js';

export interface World {
  readonly server: TestServer;
  readonly upstreams: Readonly<Record<string, OidcUpstream>>;
  /** Other processes may serve with it. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export const ADA: Person = {
  sub: 'ada-there',
  name: 'Ada Lovelace',
  preferred_username: 'ada',
  email: 'ada@there.example',
  email_verified: true,
};

export interface WorldOptions {
  readonly env?: Record<string, string>;
  /** Name → further options of the upstream, as `UPSTREAM_<NAME>_<OPTION>`. */
  readonly upstreams?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly person?: Person;
}

export async function startWorld({
  env = {},
  upstreams: named = { other: {} },
  person = ADA,
}: WorldOptions = {}): Promise<World> {
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  const upstreams: Record<string, OidcUpstream> = {};
  const settings: Record<string, string> = {};
  for (const [id, options] of Object.entries(named)) {
    const upstream = await startOidcUpstream({
      redirectUris: [
        `${issuer}/oauth/authorized/${id}/`,
        `${issuer}/api/oauth/authorized/${id}/`,
        `${issuer}/auth/callback/${id}`,
        `${issuer}/auth/oauth_callback/${id}`,
        `${issuer}/login/authorize`,
      ],
      person,
    });
    upstreams[id] = upstream;
    const own = {
      ISSUER: upstream.issuer,
      CLIENT_ID: upstream.clientId,
      CLIENT_SECRET: upstream.clientSecret,
      TITLE: `The ${id} server`,
      ...options,
    };
    for (const [option, value] of Object.entries(own))
      settings[`UPSTREAM_${id.toUpperCase()}_${option}`] = value;
  }
  const all = { ...settings, ...env };
  const server = await startServer(all, port);
  return {
    server,
    upstreams,
    env: { ISSUER: issuer, ...all },
    async close() {
      await server.close();
      for (const one of Object.values(upstreams)) await one.close();
    },
  };
}

/** Where the answer leads: by a redirect, or by the page that follows a form. */
const onwardOf = ({ location, headers }: Page): string | undefined =>
  location ?? /^0; url=(.+)$/.exec(headers.get('refresh') ?? '')?.[1];

/** Goes through the upstream and back: ends with the callback's address, not yet visited. */
export async function upstreamOf(browser: Browser, begun: Page, issuer: string): Promise<string> {
  const address = onwardOf(begun);
  if (address === undefined) throw new Error(`did not begin: ${begun.status} ${begun.text.slice(0, 400)}`);
  const there = new URL(address).origin;
  let page = await browser.get(address);
  for (let hops = 0; page.location?.startsWith(there) && hops < 8; hops += 1) {
    page = await browser.get(page.location);
  }
  if (!page.location?.startsWith(issuer))
    throw new Error(`stranded at ${page.url}: ${page.text.slice(0, 400)}`);
  return page.location;
}

/** A whole login by a door of ours: the first answer after the callback. */
export async function loginThrough(
  { server }: World,
  path: string,
  browser: Browser = createBrowser(),
  headers: Record<string, string> = {},
): Promise<Page & { readonly browser: Browser; readonly callback: string }> {
  const begun = await browser.get(server.url(path), headers);
  const callback = await upstreamOf(browser, begun, server.issuer);
  return { ...(await browser.get(callback)), browser, callback };
}

/** What a browser says of a link that stands on a page of ours. */
export const FOLLOWED = { 'sec-fetch-site': 'same-origin' };

/** The same by a link, at an open session that has nothing of this upstream: our page asks first. */
export async function connectThrough(
  { server }: World,
  path: string,
  browser: Browser,
): Promise<Page & { readonly callback: string }> {
  const asked = await browser.get(server.url(path), FOLLOWED);
  const { action, fields } = formOf(asked, new URL(asked.url).pathname);
  const callback = await upstreamOf(browser, await browser.post(action, fields), server.issuer);
  return { ...(await browser.get(callback)), callback };
}
