import { strangerFault, usernameFault } from '../accounts/usernames.js';
import type { UpstreamIdentity } from './connector.js';

/**
 * User names for an account that an upstream brings, the best first. What an upstream says is a wish: only
 * plain letters and digits are taken over, so that no name can be mistaken for another person's; reserved
 * ones and those that name somebody elsewhere (an ORCID iD, an address) are passed over.
 */
export function suggestUsernames(identity: UpstreamIdentity): string[] {
  const { username, displayName, givenName, familyName } = identity;
  const said = [
    username,
    displayName,
    [givenName, familyName].filter((part) => part !== undefined).join(' '),
    // Only a proven address says anything about who this is.
    identity.emailVerified ? identity.email : undefined,
  ];
  const names = said.flatMap((text) => (text === undefined ? [] : plainName(text)));
  return [...new Set(names)].filter(
    (name) => usernameFault(name) === undefined && strangerFault(name) === undefined,
  );
}

const LONGEST = 32;
const SHORTEST = 2;

/** Of an address, what stands before the `@`. */
function plainName(text: string): string[] {
  const name = (text.split('@')[0] ?? '')
    .slice(0, 500)
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/([._-])[._-]+/g, '$1')
    .slice(0, LONGEST)
    .replace(/^[._-]+|[._-]+$/g, '');
  return name.length >= SHORTEST ? [name] : [];
}

/** The wish itself, then with a number, then with letters until it is free. */
export function* variants(name: string | undefined, random: () => string): Generator<string> {
  if (name !== undefined) {
    yield name;
    for (let number = 1; number <= 20; number += 1) yield `${name}${number}`;
  }
  for (;;) yield `${name ?? 'user'}-${random()}`;
}
