import type { Audit, RequestInfo } from '../platform/audit/audit.js';
import type { Clock } from '../platform/crypto/clock.js';
import { InvalidInput } from '../platform/errors/errors.js';
import type { Postman } from '../platform/mail/postman.js';
import type { LinkStore } from '../stores/link-store.js';
import { type Link, type Links, linkEnded } from './links.js';
import { emailFault } from './profile-rules.js';
import type { Invited } from './register.js';
import { roleFault } from './role-names.js';

/** Making an account by invitation: a link mailed to one address, good for one account. */
export interface Invitations {
  /**
   * @throws {InvalidInput} at `email` or `roles`
   * @throws {PageError} 503 without a mail server
   */
  invite(
    given: { email: string; roles: readonly string[]; createdBy: string },
    info?: RequestInfo,
  ): Promise<{ readonly link: Link; readonly file?: string }>;
  /** Those not used yet. */
  list(): Promise<Link[]>;
  /** `false`: no such invitation, or it was used. */
  revoke(id: string, by: { actorId: string }, info?: RequestInfo): Promise<boolean>;
  /** What it brings to a sign-up. @throws {PageError} 410 */
  open(token: string): Promise<Invited>;
}

interface Dependencies {
  readonly store: LinkStore;
  readonly links: Links;
  readonly postman: Postman;
  readonly audit: Audit;
  readonly clock: Clock;
}

export function createInvitations({ store, links, postman, audit, clock }: Dependencies): Invitations {
  return {
    async invite({ email: given, roles, createdBy }, info) {
      const email = given.trim();
      const faults = [
        { field: 'email', message: emailFault(email) },
        ...roles.map((role) => ({ field: 'roles', message: roleFault(role) })),
      ].flatMap(({ field, message }) => (message === undefined ? [] : [{ field, message }]));
      if (faults.length > 0) throw new InvalidInput(faults);
      postman.require();
      const detail = { roles: [...new Set(roles)].sort() };
      const { link, url, validFor, step } = links.issue('invitation', { email, createdBy, detail });
      const event = audit.step({
        event: 'invitation.created',
        outcome: 'success',
        actorId: createdBy,
        ...info,
        detail: { invitation: link.id, ...detail },
      });
      await store.write([step, event]);
      try {
        return { link, ...(await postman.send('invitation', email, { link: url, validFor })) };
      } catch (error) {
        // An invitation nobody has is not listed as one.
        await store.write([store.removeStep(link.id, 'invitation')]);
        throw error;
      }
    },
    list: () => store.listLive('invitation', clock.now()),
    revoke(id, { actorId }, info) {
      const event = audit.step({
        event: 'invitation.revoked',
        outcome: 'success',
        actorId,
        ...info,
        detail: { invitation: id },
      });
      return store.write([store.removeStep(id, 'invitation'), event]);
    },
    async open(token) {
      const { id, email, detail } = await links.require('invitation', token);
      if (email === undefined) throw linkEnded('invitation');
      return { id, email, roles: detail.roles ?? [], consume: links.consumeStep('invitation', token) };
    },
  };
}
