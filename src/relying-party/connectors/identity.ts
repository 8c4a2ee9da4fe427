/**
 * From what an upstream said to an `UpstreamIdentity`. Nothing of it is believed beyond who it is: an address is
 * verified only by the JSON value `true`, and names are texts of bounded length that say nothing about
 * rights.
 */
import { canParse } from '../../platform/net/can-parse.js';
import { UpstreamError } from '../../platform/errors/errors.js';
import type { UpstreamIdentity } from '../connector.js';
import type { Mapping, Upstream } from '../upstream.js';
import type { Claims } from './http-body.js';
import { invalid } from './upstream-fetch.js';

/** OIDC Core §2 bounds `sub`; anything longer is no name at all. */
const MAX_NAME = 255;
const MAX_EMAIL = 254;
const MAX_ADDRESS = 2_048;
const MAX_CLAIMS = 128 * 1024;

/** What comes with a token and is no statement about the person. */
const NOT_CLAIMS = new Set([
  ...['access_token', 'refresh_token', 'id_token', 'token_type', 'expires_in', 'scope', 'session_state'],
  ...['oauth_token', 'oauth_token_secret', 'oauth_callback_confirmed', 'refresh_token_expires_in'],
]);

const CONTROL = /\p{Cc}/u;

/** Null never becomes "None", nor an object "[object Object]". */
function nameText(value: unknown): string | undefined {
  // A greater one was rounded when it was read, and is the name of several people.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  return text === '' || text.length > MAX_NAME || CONTROL.test(text) ? undefined : text;
}

/** A name for showing: what breaks lines is gone, and what is too long is cut. */
function shownText(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value
    .slice(0, 4 * MAX_NAME)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return text === '' ? undefined : [...text].slice(0, MAX_NAME).join('');
}

function emailText(value: unknown): string | undefined {
  const text = nameText(value);
  if (text === undefined || text.length > MAX_EMAIL) return undefined;
  const [, local, domain] = /^([^\s<>(),;:"@]+)@([^\s<>(),;:"@]+)$/.exec(text) ?? [];
  return local === undefined || domain === undefined ? undefined : `${local}@${domain.toLowerCase()}`;
}

function webAddress(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_ADDRESS || !canParse(value)) return undefined;
  const url = new URL(value);
  return url.protocol === 'https:' ? url.href : undefined;
}

/**
 * `sub`, else `id`, else `orcid`, else what the upstream's `attribute_map` makes `user_id`, letter by letter; what is there and cannot
 * be a name is no way to the next.
 */
function subjectOf(claims: Claims, { subject = 'sub' }: Mapping): string | undefined {
  const { sub, id, orcid } = claims;
  const said = sub ?? id ?? orcid ?? (Object.hasOwn(claims, subject) ? claims[subject] : undefined);
  return nameText(said) === undefined || String(said).length > MAX_NAME ? undefined : String(said);
}

const localPart = (value: unknown): unknown =>
  typeof value === 'string' ? value.replace(/@.*$/s, '') : value;

function mapped(claims: Claims, pairs: Mapping['attributes']): Record<string, unknown> {
  const present = pairs.filter(([claim]) => Object.hasOwn(claims, claim));
  return Object.fromEntries(
    present.map(([claim, attribute, part]) => [
      attribute,
      part === 'local' ? localPart(claims[claim]) : claims[claim],
    ]),
  );
}

/** Row 37: the attribute that was chosen, else the first there is. */
function usernameOf(attributes: Claims, { usernameField }: Mapping, subject: string): string | undefined {
  if (usernameField === undefined) return nameText(attributes.username);
  const fields = [usernameField, 'user_id', 'email', 'username'];
  const found = fields.map((field) => nameText(attributes[field])).find((text) => text !== undefined);
  return found ?? subject;
}

/** Row 32: an explicit name wins, else what is there of given name and surname. */
function displayNameOf(attributes: Claims, claims: Claims): string | undefined {
  const given = shownText(attributes.given_name);
  const family = shownText(attributes.surname);
  const joined = [given, family].filter((part) => part !== undefined).join(' ');
  return shownText(attributes.display_name) ?? (joined || shownText(claims.name));
}

/** Whether `email` of the attributes is the upstream's own `email`, the only address `email_verified` speaks of. */
const isOwnEmail = (pairs: Mapping['attributes']): boolean =>
  pairs.every(([claim, attribute]) => attribute !== 'email' || claim === 'email');

function checkedClaims(upstream: Upstream, said: Claims): Record<string, unknown> {
  const claims = Object.fromEntries(Object.entries(said).filter(([name]) => !NOT_CLAIMS.has(name)));
  if (JSON.stringify(claims).length > MAX_CLAIMS)
    throw invalid(upstream, 'it says too much about the person');
  return claims;
}

/**
 * @param issuer what vouches for the subject: the `iss` of the ID Token, or the address of the service
 * @param said everything it said, the most trusted last; tokens are left out here
 * @throws {UpstreamError} `nameless` where it names nobody
 */
export function toIdentity(
  upstream: Upstream,
  mapping: Mapping,
  { issuer, said }: { readonly issuer: string; readonly said: Claims },
): UpstreamIdentity {
  const claims = checkedClaims(upstream, said);
  const subject = subjectOf(claims, mapping);
  if (subject === undefined) {
    throw new UpstreamError('nameless', `${upstream.title} did not say who you are.`, {
      detail: `${upstream.id}: no sub, id or orcid, nor what is mapped to user_id`,
    });
  }
  const attributes = mapped(claims, mapping.attributes);
  const email = emailText(attributes.email ?? claims.email);
  return {
    issuer,
    subject,
    attributes,
    email,
    emailVerified: email !== undefined && claims.email_verified === true && isOwnEmail(mapping.attributes),
    username: usernameOf(attributes, mapping, subject),
    displayName: displayNameOf(attributes, claims),
    givenName: shownText(attributes.given_name ?? claims.given_name),
    familyName: shownText(attributes.surname ?? claims.family_name),
    picture: webAddress(attributes.avatar_url ?? attributes.picture ?? claims.picture),
    claims,
    extra: mapped(claims, mapping.extra ?? []),
  };
}
