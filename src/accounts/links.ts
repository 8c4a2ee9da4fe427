import type { Clock } from '../platform/crypto/clock.js';
import { newId, randomToken, sha256 } from '../platform/crypto/ids.js';
import type { Step } from '../platform/database/database.js';
import { PageError } from '../platform/errors/errors.js';
import type { LinkStore } from '../stores/link-store.js';

/**
 * One-time links in mails. Opening one shows a page with a button; pressing it uses the link up in the same
 * unit that makes the change, so of many at once one wins. Only the hash of a link is kept.
 */
export type LinkPurpose =
  | 'verify_email'
  | 'reset_password'
  | 'change_email'
  | 'undo_email_change'
  | 'undo_link'
  | 'invitation';

export interface LinkDetail {
  /** `reset_password`: names the password it replaces; another one set meanwhile ends the link. */
  readonly passwordSetAt?: number | undefined;
  /** `invitation`: what the new account may do. */
  readonly roles?: readonly string[] | undefined;
  /** `undo_link`: the identity that was connected, and what its upstream is called. */
  readonly identityId?: string | undefined;
  readonly title?: string | undefined;
}

export interface Link {
  readonly id: string;
  readonly purpose: LinkPurpose;
  readonly accountId?: string | undefined;
  /** The address it is about: to be proven, to be restored, or invited. */
  readonly email?: string | undefined;
  readonly detail: LinkDetail;
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly createdBy?: string | undefined;
}

interface NewLink {
  readonly accountId?: string | undefined;
  readonly email?: string | undefined;
  readonly detail?: LinkDetail | undefined;
  readonly createdBy?: string | undefined;
}

export interface IssuedLink {
  readonly link: Link;
  /** What the mail says. */
  readonly url: string;
  /** "30 minutes". */
  readonly validFor: string;
  /** Stores it. */
  readonly step: Step;
}

export interface Links {
  issue(purpose: LinkPurpose, about: NewLink): IssuedLink;
  /** @throws {PageError} 410: unknown, used and expired are one answer */
  require(purpose: LinkPurpose, token: string | undefined): Promise<Link>;
  /** A guard for the unit that makes the change. */
  consumeStep(purpose: LinkPurpose, token: string): Step;
  endStep(accountId: string, purposes: readonly LinkPurpose[], since?: number): Step;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const KINDS: Readonly<
  Record<LinkPurpose, { path: string; lifetime: number; validFor: string; again?: string }>
> = {
  verify_email: { path: '/verify-email', lifetime: DAY, validFor: '24 hours', again: '/account/email' },
  reset_password: {
    path: '/reset-password',
    lifetime: 30 * MINUTE,
    validFor: '30 minutes',
    again: '/forgot-password',
  },
  change_email: { path: '/confirm-email', lifetime: 2 * HOUR, validFor: '2 hours', again: '/account/email' },
  undo_email_change: { path: '/undo-email-change', lifetime: 7 * DAY, validFor: '7 days' },
  undo_link: { path: '/undo-link', lifetime: 30 * DAY, validFor: '30 days' },
  invitation: { path: '/signup', lifetime: 7 * DAY, validFor: '7 days' },
};

export const linkPath = (purpose: LinkPurpose): string => KINDS[purpose].path;

/** The query parameter and form field that carry it. */
export const linkField = (purpose: LinkPurpose): string => (purpose === 'invitation' ? 'invite' : 'token');

/** The one answer to a link that is good for nothing. */
export function linkEnded(purpose: LinkPurpose): PageError {
  const { again } = KINDS[purpose];
  return new PageError(
    410,
    'link_ended',
    'This link does not work any more',
    again
      ? 'It has expired, was used already, or was cut short by the mail program. You can ask for a new one.'
      : 'It has expired, was used already, or was cut short by the mail program.',
    {
      waysOn: [
        ...(again ? [{ label: 'Ask for a new one', href: again }] : []),
        { label: 'Sign in', href: '/login' },
      ],
    },
  );
}

export function createLinks(deps: { store: LinkStore; issuer: string; clock: Clock }): Links {
  const { store, issuer, clock } = deps;
  return {
    issue(purpose, about) {
      const { path, lifetime, validFor } = KINDS[purpose];
      const token = randomToken(32);
      const now = clock.now();
      const link: Link = {
        id: newId(),
        purpose,
        ...about,
        detail: about.detail ?? {},
        createdAt: now,
        expiresAt: now + lifetime,
      };
      return {
        link,
        url: `${issuer}${path}?${linkField(purpose)}=${token}`,
        validFor,
        step: store.insertStep({ ...link, key: sha256(token) }),
      };
    },
    async require(purpose, token) {
      const link = token ? await store.findLive(sha256(token), purpose, clock.now()) : undefined;
      if (link === undefined) throw linkEnded(purpose);
      return link;
    },
    consumeStep: (purpose, token) => store.consumeStep(sha256(token), purpose, clock.now()),
    endStep: store.endStep,
  };
}
