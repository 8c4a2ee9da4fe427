import { type BlockList, isIP } from 'node:net';
import { toBlockList } from '../config/networks.js';

/** Whether this server may connect to an address. */
export type AddressRule = (address: string) => boolean;

export interface AddressSettings {
  /** Networks an operator opened, as addresses or CIDR ranges (`UPSTREAM_ALLOW_PRIVATE`). */
  readonly allow: readonly string[];
  /** Loopback addresses may be called: the issuer itself is on loopback. */
  readonly loopback: boolean;
}

const LOOPBACK = toBlockList(['127.0.0.0/8', '::1']);

/** No setting opens these: they are not hosts, or they hand out a cloud machine's credentials. */
const NEVER = toBlockList([
  '0.0.0.0/8',
  '224.0.0.0/4',
  '255.255.255.255',
  '169.254.169.254',
  '169.254.170.2',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  '::',
  'ff00::/8',
  'fd00:ec2::254',
  'fd20:ce::254',
]);

/** The IANA IPv4 special-purpose registry: what is not one host on the public internet. */
const SPECIAL_IPV4 = toBlockList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]);

/** Everything public lies in 2000::/3; NAT64, unique local, link-local and multicast do not. */
const PUBLIC_IPV6 = toBlockList(['2000::/3']);
/** Parts of 2000::/3 that are not hosts: Teredo and the like, documentation, 6to4, AS112. */
const SPECIAL_IPV6 = toBlockList([
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '2620:4f:8000::/48',
  '3fff::/20',
]);

const holds = (list: BlockList, address: string): boolean =>
  list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !holds(SPECIAL_IPV4, address);
  return holds(PUBLIC_IPV6, address) && !holds(SPECIAL_IPV6, address);
}

/** An address with a zone (`fe80::1%eth0`) is link-local, whatever follows. */
const isNoHost = (address: string): boolean =>
  isIP(address) === 0 || address.includes('%') || holds(NEVER, address);

/** Only what an operator opened, and loopback where the issuer is there too: never the public internet as such. */
export function createOpenedRule({ allow, loopback }: AddressSettings): AddressRule {
  const opened = toBlockList(allow);
  return (address) =>
    !isNoHost(address) && ((loopback && holds(LOOPBACK, address)) || holds(opened, address));
}

/** A list of IPv4 networks also holds their IPv4-mapped forms (`::ffff:7f00:1`); no other such form is public. */
export function createAddressRule(settings: AddressSettings): AddressRule {
  const isOpened = createOpenedRule(settings);
  return (address) => isOpened(address) || (!isNoHost(address) && isPublic(address));
}
