import { canParse } from '../platform/net/can-parse.js';
import type { UpstreamIdentity } from '../relying-party/connector.js';
import type { Upstream } from '../relying-party/upstream.js';
import { identityKey, type WantedName } from './names.js';
import { MintRefused } from './refused.js';

/** As far as a name is concerned; a browser session remembers no more. */
export type NamedIdentity = Pick<
  UpstreamIdentity,
  'issuer' | 'subject' | 'claims' | 'email' | 'emailVerified' | 'displayName' | 'givenName' | 'familyName'
>;

/** After the configured field, in this order. */
const FALLBACKS = ['user_id', 'email', 'username', 'provider_user_id'] as const;

const textOf = (value: unknown): string | undefined => {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : undefined;
};

/** Who the person is at the provider, as the claim `provider_user_id` says it. */
export const providerUserId = ({ claims, subject }: NamedIdentity): string =>
  textOf(claims.sub) ?? textOf(claims.id) ?? textOf(claims.orcid) ?? subject;

/** The attributes by the mapping of dserver's door, whatever door the identity came through. */
function attributesOf({ mappings }: Upstream, identity: NamedIdentity): Record<string, string> {
  const found: Record<string, string> = { provider_user_id: providerUserId(identity) };
  for (const [claim, attribute, part] of mappings.dserver.attributes) {
    const whole = Object.hasOwn(identity.claims, claim) ? textOf(identity.claims[claim]) : undefined;
    const value = part === 'local' ? whole?.replace(/@.*$/s, '') : whole;
    if (value !== undefined) found[attribute] = value;
  }
  return found;
}

const ORCID_ID = /^(\d{4}-?){3}\d{3}[\dXx]$/;
const isOrcid = ({ issuer }: { issuer: string }): boolean =>
  canParse(issuer) && /(^|\.)orcid\.org$/.test(new URL(issuer).hostname);

const isOwnAddress = (name: string, { email, emailVerified }: NamedIdentity): boolean =>
  emailVerified && email?.toLowerCase() === name.toLowerCase();

/** Another upstream calls its people by their addresses. */
const namesByEmail =
  ({ id }: Upstream) =>
  ({ id: other, mappings: { dserver } }: Upstream): boolean =>
    other !== id &&
    dserver.attributes.some(
      ([claim, attribute]) => claim === 'email' && attribute === (dserver.usernameField ?? 'user_id'),
    );

/**
 * What the upstream calls the person, by the configured field. Never numbered and never made up: dserver knows
 * nothing but this name.
 * @throws {MintRefused} where there is none that only this person can have
 */
export function upstreamName(
  upstream: Upstream,
  identity: NamedIdentity,
  others: readonly Upstream[],
): WantedName {
  const attributes = attributesOf(upstream, identity);
  const { usernameField = 'user_id' } = upstream.mappings.dserver;
  const emails = [identity.email, textOf(identity.claims.email), attributes.email];
  const isEmail = (text: string | undefined): boolean =>
    text?.includes('@') === true && emails.some((email) => email?.toLowerCase() === text.toLowerCase());
  /** What stands before the `@` is no more proven than the whole. */
  const isOfEmail = (name: string): boolean =>
    upstream.mappings.dserver.attributes.some(
      ([claim, attribute, part]) =>
        part === 'local' && attributes[attribute] === name && isEmail(textOf(identity.claims[claim])),
    );
  // An address that nobody confirmed is a claim of whoever typed it there.
  const unproven = (name: string): boolean => !identity.emailVerified && (isEmail(name) || isOfEmail(name));
  const chosen = attributes[usernameField];
  if (chosen !== undefined && unproven(chosen)) {
    throw new MintRefused(
      'email_unverified',
      `${upstream.title} does not say that your e-mail address is yours. Confirm it there, then sign in again.`,
    );
  }
  const name =
    chosen ?? FALLBACKS.map((field) => attributes[field]).find((one) => one !== undefined && !unproven(one));
  if (name === undefined) {
    throw new MintRefused('nameless', `${upstream.title} did not say who you are.`);
  }
  // A login of letters one chose oneself can read like somebody's ORCID iD.
  if (ORCID_ID.test(name) && !isOrcid(upstream) && others.some(isOrcid)) {
    throw new MintRefused(
      'name_taken',
      'A name like an ORCID iD is given to whoever signs in through ORCID.',
    );
  }
  if (name.includes('@') && !isOwnAddress(name, identity) && others.some(namesByEmail(upstream))) {
    throw new MintRefused(
      'name_taken',
      'A name like an e-mail address is given to whoever signs in with that address.',
    );
  }
  return { name, source: `upstream:${upstream.id}`, sourceKey: identityKey(identity) };
}

/** A sign-in through it can begin; as `isConfigured` of the relying party, of which we see types alone. */
export const isConfigured = ({ clientId, metadataUrl, endpoints }: Upstream): boolean =>
  clientId !== undefined && (metadataUrl !== undefined || endpoints.authorization !== undefined);
