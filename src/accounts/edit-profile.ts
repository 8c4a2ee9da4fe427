import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { type FieldFault, InvalidInput, PosternError } from '../platform/errors/errors.js';
import type { AccountStore, Credentials, Profile, ProfileSources } from '../stores/account-store.js';
import { nameFault } from './profile-rules.js';

/** The parts a person writes, as typed. */
export type TypedProfile = Readonly<Record<keyof Profile, string>>;

/** @throws {InvalidInput} field by field; nothing is saved */
export type EditProfile = (accountId: string, typed: TypedProfile, info: RequestInfo) => Promise<void>;

interface Dependencies {
  readonly store: Pick<AccountStore, 'findCredentials' | 'setProfile'>;
  readonly audit: Audit;
  readonly clock: Clock;
}

const PARTS = ['displayName', 'givenName', 'familyName', 'locale'] as const;

export function createEditProfile({ store, audit, clock }: Dependencies): EditProfile {
  return async (accountId, typed, info) => {
    const profile = checked(typed);
    const found = await store.findCredentials({ id: accountId });
    if (found === undefined) throw new PosternError(404, 'not_found', 'There is no such account.');
    const { account } = found;
    const changed = PARTS.filter((part) => profile[part] !== account[part]);
    if (changed.length === 0) return;
    const sources: ProfileSources = {
      ...found.sources,
      ...Object.fromEntries(changed.map((part) => [part, 'self'])),
    };
    const at = Math.max(clock.now(), account.updatedAt + 1);
    const step = audit.step({
      event: 'account.profile_changed',
      outcome: 'success',
      accountId,
      actorId: accountId,
      ...info,
      detail: { fields: changed },
    });
    if (await store.setProfile(accountId, { profile, sources, at }, account.updatedAt, [step])) return;
    throw new PosternError(409, 'conflict', 'The account was changed elsewhere meanwhile. Please try again.');
  };
}

function checked(typed: TypedProfile): Profile {
  const profile = Object.fromEntries(PARTS.map((part) => [part, typed[part].trim() || undefined]));
  const faults: FieldFault[] = PARTS.flatMap((part) => {
    const message = part === 'locale' ? localeFault(profile.locale) : nameFault(profile[part]);
    return message === undefined ? [] : [{ field: part, message }];
  });
  if (faults.length > 0) throw new InvalidInput(faults);
  return { ...(profile as unknown as Profile), locale: canonicalLocale(profile.locale) };
}

/** BCP 47, as the `locale` claim has it (OIDC Core §5.1). */
function canonicalLocale(locale: string | undefined): string | undefined {
  return locale === undefined ? undefined : Intl.getCanonicalLocales(locale)[0];
}

function localeFault(locale: string | undefined): string | undefined {
  try {
    if ((locale?.length ?? 0) <= 35) canonicalLocale(locale);
    else return 'This is not a language tag.';
  } catch {
    return 'Write a language tag such as “en” or “de-AT”.';
  }
  return undefined;
}

/** Where a part of the profile came from, in words. */
export function sourceText(of: Credentials, part: keyof Profile | 'email'): string {
  const { account, createdBy, sources } = of;
  if (part === 'email' && of.emailByMail) return 'verified by mail';
  const source = (part === 'email' ? undefined : sources[part]) ?? createdBy;
  const by = byWhom(source, account.id);
  return part === 'email' && !account.emailVerified ? `${by}, not verified` : by;
}

function byWhom(source: string, accountId: string): string {
  if (source === 'self' || source === accountId) return 'typed by you';
  return source.startsWith('upstream:') ? 'from a linked account' : 'set by an administrator';
}
