/** Places in a path that hold a secret: who knows the rest of the address holds the pending request. */
const SECRET_PLACES: readonly RegExp[] = [
  /^(\/interaction\/)[^/]+/,
  /^(\/oauth\/authorize\/)[^/]+/,
  /^(\/oauth\/device\/)[^/]+/,
];

/** The length of 32 bytes in base64url: nothing of ours that long in a path is a mere name. */
const BEARER_LENGTH = 43;

/** An address without query and fragment, and with the secrets in its path cut. */
export function safePath(address: string): string {
  const [, origin = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/[^/?#]*)?(.*)$/is.exec(address) ?? [];
  const path = rest.split(/[?#]/, 1)[0] ?? '';
  const known = SECRET_PLACES.reduce((clean, place) => clean.replace(place, '$1…'), path);
  const cut = known
    .split('/')
    .map((part) => (part.length >= BEARER_LENGTH ? '…' : part))
    .join('/');
  return origin + cut;
}
