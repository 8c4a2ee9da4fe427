import { BlockList, isIP } from 'node:net';

/** Adds `10.0.0.0/8`, `::1` or `192.0.2.7` to a list; false where the text is no such thing. */
function addNetwork(list: BlockList, text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (prefix === undefined) {
    list.addAddress(address, family);
    return true;
  }
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (version === 4 ? 32 : 128)) return false;
  list.addSubnet(address, Number(prefix), family);
  return true;
}

/** True for an address or a CIDR network that `toBlockList` accepts. */
export const isNetwork = (text: string): boolean => addNetwork(new BlockList(), text);

/** The networks of a checked setting as a list that answers `check(address, family)`. */
export function toBlockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    if (!addNetwork(list, network)) throw new TypeError(`not an address or network: ${network}`);
  }
  return list;
}
