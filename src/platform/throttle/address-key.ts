import { isIPv6 } from 'node:net';

/** What counts as one address: of IPv6 the /64 network, which one customer has all to himself. */
export function addressKey(ip: string): string {
  const plain = ip.split('%')[0] ?? ip;
  if (!isIPv6(plain)) return plain;
  // The URL parser writes every form of an IPv6 address in one way, ::ffff:1.2.3.4 included.
  const written = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(written);
  if (mapped) return dotted(Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16));
  const [head = '', tail] = written.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = !tail ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

const dotted = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join('.');
