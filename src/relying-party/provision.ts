import type { Account } from '../accounts/account.js';
import { emailFault } from '../accounts/profile-rules.js';
import { type Register, type Registration, usernameTaken } from '../accounts/register.js';
import { usernameKey } from '../accounts/usernames.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { newId, randomLetters } from '../platform/crypto/ids.js';
import { type Step, UniqueViolation } from '../platform/database/database.js';
import { InvalidInput } from '../platform/errors/errors.js';
import type { AccountStore } from '../stores/account-store.js';
import type { FederatedIdentityStore } from '../stores/federated-identity-store.js';
import { type Arrivals, SHUT, type Tie } from './arrivals.js';
import type { UpstreamIdentity } from './connector.js';
import { notAllowed, unknownLogin } from './failed-login.js';
import type { LoginTransactions, OpenQuestion } from './login-transaction.js';
import { profileOf } from './profile-of.js';
import type { ProvenLogin } from './proven-login.js';
import type { Completed } from './relying-party.js';
import { suggestUsernames, variants } from './suggest-usernames.js';
import { textsAt } from './texts-at.js';

/**
 * A first sign-in. Identity is (issuer, subject): nobody is ever matched by a name or an address alone. A
 * proven address that an account here has as well leads to the link desk, missing data to the sign-up form,
 * and everything else to an account of its own, where the upstream may make one.
 */
export interface Provision {
  /** @throws {UpstreamError} `not_allowed` */
  first(login: ProvenLogin, info: RequestInfo): Promise<Completed>;
  /**
   * Makes the account and ties the identity to it in one unit.
   * @throws {InvalidInput} where what the person chose will not do
   */
  create(login: ProvenLogin, draft: Draft, info: RequestInfo): Promise<Completed>;
}

export interface Draft {
  /** What the person chose; otherwise one is made of what the upstream says. */
  readonly username?: string | undefined;
  readonly displayName?: string | undefined;
  readonly email?: string | undefined;
  readonly emailVerified: boolean;
  /** A guard: the question this answers was open until now. */
  readonly answer?: Step | undefined;
}

interface Dependencies {
  readonly register: Register['register'];
  readonly accounts: Pick<AccountStore, 'findByUsernameKey' | 'listByProvenEmail'>;
  readonly identities: Pick<FederatedIdentityStore, 'find'>;
  readonly arrivals: Arrivals;
  readonly transactions: Pick<LoginTransactions, 'ask'>;
  /** Mails the link that proves the address, where mails can be sent. */
  readonly sendVerification: (account: Account, info: RequestInfo) => Promise<void>;
  /** Mails a word of welcome to a proven address, where mails can be sent. */
  readonly sendWelcome: (email: string) => void;
}

export const HOLDERS = 5;

export function createProvision(deps: Dependencies): Provision {
  const { accounts, identities, arrivals } = deps;

  async function ask(
    { proven, transaction, browser }: ProvenLogin,
    about: Pick<OpenQuestion, 'step' | 'accountIds' | 'email'>,
  ): Promise<Completed> {
    const question = { ...about, transaction, proven, emailProven: true };
    const ticket = await deps.transactions.ask(question, browser);
    return { outcome: 'pending', step: about.step, ticket, transaction };
  }

  /** The names to try: the chosen one alone, or what the upstream's lead to. */
  async function* namesFor(login: ProvenLogin, chosen: string | undefined): AsyncGenerator<string> {
    if (chosen !== undefined) return yield chosen;
    const [wish] = suggestUsernames(login.proven.identity);
    for (const name of variants(wish, () => randomLetters(6).toLowerCase())) {
      // A look first, so that a well-liked name does not cost a write for each number.
      if ((await accounts.findByUsernameKey(name)) === undefined) yield name;
    }
  }

  async function make(
    login: ProvenLogin,
    tie: Tie,
    username: string,
    draft: Draft,
    info: RequestInfo,
  ): Promise<Completed> {
    const { upstream, proven } = login;
    const { email, emailVerified, answer } = draft;
    const registration: Registration = {
      ...profileOf(proven.identity),
      ...(draft.displayName === undefined ? {} : { displayName: draft.displayName }),
      id: tie.accountId,
      username,
      email,
      emailVerified,
      createdBy: `upstream:${upstream.id}`,
    };
    const guards = answer && { steps: [answer], taken: () => unknownLogin('answered twice') };
    const account = await deps.register(registration, info, {
      also: tie.steps,
      ...(guards ? { guards } : {}),
    });
    if (email !== undefined) {
      // The mail that asks for a confirmation is a word of welcome, too.
      if (!emailVerified) await deps.sendVerification(account, info);
      else if (upstream.signUp.sendRegisterMessage) deps.sendWelcome(email);
    }
    return arrivals.tied(login, tie, account, { created: true }, info);
  }

  async function create(login: ProvenLogin, draft: Draft, info: RequestInfo): Promise<Completed> {
    // Before handlers hear of an account that is not made then. The index decides all the same.
    if (draft.username !== undefined && (await accounts.findByUsernameKey(usernameKey(draft.username))))
      throw usernameTaken();
    const tie = await arrivals.tie(login, newId(), 'sign_up');
    for await (const username of namesFor(login, draft.username)) {
      try {
        return await make(login, tie, username, draft, info);
      } catch (error) {
        if (isTaken(error) && draft.username === undefined) continue;
        const known = isKnown(error) ? await identities.find(...identityOf(login)) : undefined;
        if (known === undefined) throw error;
        // Another tab was faster: it is the same person.
        return arrivals.known(login, known, info);
      }
    }
    throw new Error('no user name was left');
  }

  return {
    create,
    async first(login, info) {
      const { upstream, transaction, proven } = login;
      const { email, emailVerified } = addressOf(proven.identity);
      const addresses = provenAddresses(login);
      const held = await Promise.all(
        addresses.map((address) => accounts.listByProvenEmail(address.toLowerCase(), HOLDERS)),
      );
      // Whoever was shut out does not come back as somebody new.
      if (held.flat().some(({ disabled }) => disabled))
        throw notAllowed(SHUT, `${upstream.id}: address of a disabled account`);
      const first = held.findIndex((holders) => holders.length > 0);
      if (first >= 0) {
        // Made by this very person in another tab since we looked: both are written together (R06).
        const known = await identities.find(...identityOf(login));
        if (known !== undefined) return arrivals.known(login, known, info);
        const accountIds = (held[first] ?? []).map(({ id }) => id);
        return ask(login, { step: 'link_desk', accountIds, email: addresses[first] });
      }
      requireProvision(login);
      if (email === undefined && asksForAddress(transaction.door)) {
        return ask(login, { step: 'sign_up', accountIds: [] });
      }
      // Where an operator trusts an upstream's word on addresses less, our own mail proves them.
      return create(login, { email, emailVerified: emailVerified && upstream.signUp.autoConfirm }, info);
    },
  };
}

/** @throws {UpstreamError} where the upstream may not make accounts */
export function requireProvision({ upstream }: ProvenLogin): void {
  if (upstream.autoProvision) return;
  throw notAllowed(
    `No account here belongs to your ${upstream.title} account. Sign in as you are used to, then connect it on your account page.`,
    `${upstream.id}: auto-provision is off`,
  );
}

/** dserver and the permission service know people without an address; they never had a form in between. */
const asksForAddress = (door: string): boolean => door !== 'dserver' && door !== 'permission';

const identityOf = ({ proven }: ProvenLogin): [issuer: string, subject: string] => [
  proven.identity.issuer,
  proven.identity.subject,
];

const isTaken = (error: unknown): boolean =>
  error instanceof InvalidInput && error.faults.every(({ field }) => field === 'username');

const isKnown = (error: unknown): boolean =>
  error instanceof UniqueViolation && error.constraint === 'federated_identities_issuer_subject_unique';

/** The address an upstream gives, as far as it can be one. */
export function addressOf({ email, emailVerified }: UpstreamIdentity): {
  email: string | undefined;
  emailVerified: boolean;
} {
  const usable = email !== undefined && emailFault(email) === undefined;
  return { email: usable ? email : undefined, emailVerified: usable && emailVerified === true };
}

const LISTED = 20;

/**
 * What may belong to an account here: the proven address it gives, then the others that it lists as proven. The
 * list is read only where it was asked for: elsewhere a claim of that name may be anybody's.
 */
function provenAddresses({ upstream, proven: { identity } }: ProvenLogin): string[] {
  const { email, emailVerified } = addressOf(identity);
  const listed = upstream.endpoints.emails === undefined ? [] : textsAt(identity.claims, 'verified_emails');
  const others = listed.filter(
    (one) => emailFault(one) === undefined && one.toLowerCase() !== email?.toLowerCase(),
  );
  return [...(email !== undefined && emailVerified ? [email] : []), ...others.slice(0, LISTED)];
}
