import { nameFault } from '../accounts/profile-rules.js';
import type { UpstreamIdentity } from './connector.js';

const name = (text: string | undefined): string | undefined => {
  const trimmed = text?.trim() || undefined;
  return nameFault(trimmed) === undefined ? trimmed : undefined;
};

/** What of an upstream's word may stand in a profile. */
export const profileOf = (identity: UpstreamIdentity) => ({
  displayName: name(identity.displayName),
  givenName: name(identity.givenName),
  familyName: name(identity.familyName),
  picture:
    identity.picture !== undefined && /^https:\/\/[^\s"<>]{1,2000}$/.test(identity.picture)
      ? identity.picture
      : undefined,
});
