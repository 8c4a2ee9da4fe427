import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/**
 * Headers by which a proxy speaks about the client. They are removed from every request whose peer is
 * not in `TRUST_PROXY`, before any code sees them, and reduced to one clean value from those who are.
 */
export interface TrustedProxies {
  /** Cleans the raw request in place; the first thing that happens to it. */
  apply(req: IncomingMessage): void;
  /** The address of the client: the peer, or what the nearest untrusted hop was seen as. */
  clientAddress(req: IncomingMessage): string;
}

const SPOKEN_FOR_CLIENT = [
  /^forwarded$/,
  /^x-forwarded/,
  /^x-original-/,
  /^x-rewrite-/,
  /^(x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-connecting-ip|fastly-client-ip)$/,
  /^client-cert/,
  /^(x-ssl-|ssl-client|x-client-cert|x-arr-clientcert|x-amzn-mtls-|x-tls-client)/,
  /^x-request-id$/,
];

const MOST_HOPS = 50;

/** From where a proxy of one's own comes, rather than somebody who makes the header up. */
const NEAR = ['127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

/**
 * @param list addresses and CIDR ranges, already validated by the settings.
 * @param unnamed told once of a peer nearby that speaks for clients and is not in the list
 */
export function createTrustedProxies(
  list: readonly string[],
  unnamed: (address: string) => void = () => {},
): TrustedProxies {
  const trusted = blockListOf(list);
  // On the request itself: a WeakMap that grows and shrinks with every request keeps the collector busy.
  const own = Symbol('address');
  type Carrier = IncomingMessage & { [own]?: string };
  const peers = new WeakMap<
    IncomingMessage['socket'],
    { readonly address: string; readonly trusted: boolean }
  >();

  const near = blockListOf(NEAR);
  let told = false;

  function note(address: string): void {
    if (told || !isIn(near, address)) return;
    told = true;
    unnamed(address);
  }

  const isTrusted = (address: string): boolean => isIn(trusted, address);

  /** Of the connection, which may carry many requests. */
  function peerOf({ socket }: IncomingMessage) {
    const known = peers.get(socket);
    if (known !== undefined) return known;
    const address = plainAddress(socket.remoteAddress ?? '') ?? '';
    const peer = { address, trusted: list.length > 0 && isTrusted(address) };
    if (address) peers.set(socket, peer);
    return peer;
  }

  function walk(peer: string, forwardedFor: string): string {
    let client = peer;
    // From the right, where the proxies wrote; what stands on the left is anybody's.
    for (const hop of forwardedFor.split(',').slice(-MOST_HOPS).reverse()) {
      const address = plainAddress(hop);
      // An unreadable hop ends the walk: what stands left of it proves nothing.
      if (address === undefined) break;
      client = address;
      if (!isTrusted(address)) break;
    }
    return client;
  }

  return {
    apply(req) {
      const peer = peerOf(req);
      if (peer.trusted) {
        const address = walk(peer.address, headerOf(req, 'x-forwarded-for'));
        (req as Carrier)[own] = address;
        keepCleanForms(req, address);
      } else {
        (req as Carrier)[own] = peer.address;
        if (req.headers['x-forwarded-for'] !== undefined) note(peer.address);
        for (const name of Object.keys(req.headers)) if (isSpokenForClient(name)) delete req.headers[name];
      }
    },
    clientAddress: (req) => (req as Carrier)[own] ?? peerOf(req).address,
  };
}

const isIn = (list: BlockList, address: string): boolean =>
  isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Names of headers that were met; there are few, unless somebody makes them up. */
const met = new Map<string, boolean>();
const MOST_NAMES = 1000;

function isSpokenForClient(name: string): boolean {
  const known = met.get(name);
  if (known !== undefined) return known;
  const verdict = SPOKEN_FOR_CLIENT.some((pattern) => pattern.test(name));
  if (met.size >= MOST_NAMES) met.clear();
  met.set(name, verdict);
  return verdict;
}

/** Leaves one address, one scheme and one host, so that every later reader sees the same. */
function keepCleanForms(req: IncomingMessage, address: string): void {
  const { headers } = req;
  const scheme = headerOf(req, 'x-forwarded-proto').slice(0, 100).split(',')[0]?.trim().toLowerCase();
  const host = headerOf(req, 'x-forwarded-host').split(',').at(-1)?.trim();
  const requestId = headers['x-request-id'];
  for (const name of Object.keys(headers)) {
    if (isSpokenForClient(name) && !/cert|ssl|mtls|tls/.test(name)) delete headers[name];
  }
  headers['x-forwarded-for'] = address;
  if (scheme === 'https' || scheme === 'http') headers['x-forwarded-proto'] = scheme;
  if (host) headers.host = host;
  if (requestId !== undefined) headers['x-request-id'] = requestId;
}

function headerOf(req: IncomingMessage, name: string): string {
  const value = req.headers[name];
  return Array.isArray(value) ? value.join(',') : (value ?? '');
}

/** An address without port, brackets, zone or the IPv4-in-IPv6 prefix of dual-stack sockets. */
function plainAddress(text: string): string | undefined {
  const bare = text.trim().replace(/^"|"$/g, '');
  const inner =
    /^\[([^\]]{2,60})\](?::\d{1,5})?$/.exec(bare)?.[1] ?? /^(\d[\d.]{6,14}):\d{1,5}$/.exec(bare)?.[1] ?? bare;
  const address = inner.replace(/%[\w.-]{1,20}$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(address) === 0 ? undefined : address.toLowerCase();
}

function blockListOf(list: readonly string[]): BlockList {
  const trusted = new BlockList();
  for (const entry of list) {
    const [network = '', bits] = entry.split('/');
    const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) trusted.addAddress(network, family);
    else trusted.addSubnet(network, Number(bits), family);
  }
  return trusted;
}
