import type { UpstreamIdentity } from './connector.js';
import { notAllowed } from './failed-login.js';
import type { Purpose } from './relying-party.js';
import { textsAt } from './texts-at.js';
import type { Upstream } from './upstream.js';

/**
 * The operator's rules for who may come in through an upstream, judged at each login.
 * @throws {UpstreamError} `not_allowed`
 */
export function requireWelcome(upstream: Upstream, identity: UpstreamIdentity, purpose: Purpose): void {
  const { id, title } = upstream;
  requirePurpose(upstream, purpose);
  if (!isFromDomain(upstream.allowedDomains, identity)) {
    throw notAllowed(
      `Only people with a confirmed address of certain organisations may come in through ${title}.`,
      `${id}: domain`,
    );
  }
  if (!hasRole(upstream, identity)) {
    throw notAllowed(`Your ${title} account is not among those that may come in here.`, `${id}: role`);
  }
}

/** @throws {UpstreamError} where it is for linking alone */
export function requirePurpose({ id, title, linkOnly }: Upstream, purpose: Purpose): void {
  if (!linkOnly || purpose === 'link') return;
  throw notAllowed(
    `You can only link ${title} if you have already signed in through a different method.`,
    `${id}: link only`,
  );
}

function isFromDomain(domains: readonly string[], { email, emailVerified }: UpstreamIdentity): boolean {
  if (domains.length === 0) return true;
  const domain = email?.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return emailVerified && domain !== undefined && domains.some((one) => one.toLowerCase() === domain);
}

function hasRole({ allowedRoles, rolesClaim }: Upstream, { claims }: UpstreamIdentity): boolean {
  if (allowedRoles.length === 0) return true;
  const held = rolesClaim === undefined ? [] : textsAt(claims, rolesClaim);
  return held.some((role) => allowedRoles.includes(role));
}
