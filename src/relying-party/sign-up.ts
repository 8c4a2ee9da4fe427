import type { Account } from '../accounts/account.js';
import type { MailLimits } from '../accounts/mail-limits.js';
import { emailFault, nameFault } from '../accounts/profile-rules.js';
import { usernameTaken } from '../accounts/register.js';
import { cleanUsername, strangerFault, usernameFault, usernameKey } from '../accounts/usernames.js';
import type { RequestInfo } from '../platform/audit/audit.js';
import { type FieldFault, InvalidInput } from '../platform/errors/errors.js';
import type { AccountStore } from '../stores/account-store.js';
import type { Upstreams } from './doors.js';
import { unknownLogin } from './failed-login.js';
import type { Handlers } from './handlers.js';
import type { LoginTransactions, OpenQuestion } from './login-transaction.js';
import { type ProvenLogin, provenLogin } from './proven-login.js';
import { profileOf } from './profile-of.js';
import { addressOf, HOLDERS, type Provision, requireProvision } from './provision.js';
import type { Completed } from './relying-party.js';
import { suggestUsernames } from './suggest-usernames.js';
import { isConfigured } from './upstream.js';

/** The sign-up form of an upstream that does not say enough (ORCID gives no address). */
export interface UpstreamSignUp {
  /** @throws {UpstreamError} `state` where the ticket opens nothing in this browser */
  open(ticket: string, browser: string | undefined): Promise<OpenForm>;
  /**
   * Makes the account, or leads to the link desk where the typed address belongs to an account here.
   * @throws {InvalidInput} at `username`, `email` or `full_name`
   * @throws {TooManyAttempts}
   */
  submit(form: OpenForm, typed: TypedForm, info: RequestInfo): Promise<Completed>;
}

export type FormField = 'username' | 'email' | 'full_name';
export type TypedForm = Readonly<Partial<Record<FormField, string | undefined>>>;

export interface OpenForm {
  readonly ticket: string;
  readonly question: OpenQuestion;
  readonly login: ProvenLogin;
  /** What stands in the fields, and which of them are not the person's to change (precedence mask). */
  readonly fields: Readonly<Record<FormField, { readonly value: string; readonly fixed: boolean }>>;
  readonly notice?: string | undefined;
}

interface Dependencies {
  readonly transactions: LoginTransactions;
  readonly upstreams: Pick<Upstreams, 'find'>;
  readonly handlers: Pick<Handlers, 'view'>;
  readonly accounts: Pick<AccountStore, 'findByUsernameKey' | 'listByProvenEmail'>;
  readonly provision: Pick<Provision, 'create'>;
  readonly limits: MailLimits;
  /** Whether mails can be sent: without any, nobody could confirm an address. */
  readonly mails: boolean;
}

export function createUpstreamSignUp(deps: Dependencies): UpstreamSignUp {
  const { transactions, upstreams, accounts, limits, mails } = deps;

  async function open(ticket: string, browser: string | undefined): Promise<OpenForm> {
    const question = await transactions.findQuestion(ticket, browser);
    if (question?.step !== 'sign_up' || browser === undefined) throw unknownLogin('no such form');
    const upstream = upstreams.find(question.transaction.upstreamId);
    if (upstream === undefined || !isConfigured(upstream)) throw unknownLogin('the upstream is gone');
    const login = provenLogin(upstream, question.transaction, question.proven, browser);
    requireProvision(login);
    const { notice, values } = await deps.handlers.view(login.event);
    return { ticket, question, login, notice, fields: fieldsOf(login, values) };
  }

  /** The address is somebody's already: the same desk as for a proven one, which tells less. */
  async function toDesk(
    { login, question }: OpenForm,
    email: string,
    holders: readonly Account[],
  ): Promise<Completed> {
    const desk = {
      step: 'link_desk',
      transaction: question.transaction,
      proven: question.proven,
      accountIds: holders.map(({ id }) => id),
      email,
      emailProven: false,
    } as const;
    const ticket = await transactions.ask(desk, login.browser);
    return { outcome: 'pending', step: 'link_desk', ticket, transaction: question.transaction };
  }

  return {
    open,
    async submit(form, typed, info) {
      const { login, ticket } = form;
      const { username, email, full_name: fullName } = chosen(form, typed);
      const faults = formFaults({ username, email, fullName }, mails);
      if (faults.length > 0) throw new InvalidInput(faults);
      // Before the mail is counted: who looks for a free name must not run out of mails.
      if (await accounts.findByUsernameKey(usernameKey(username ?? ''))) throw usernameTaken();
      const given = addressOf(login.proven.identity);
      const emailVerified = email !== undefined && email === given.email && given.emailVerified;
      if (email !== undefined && !emailVerified) {
        // The form is no place to try addresses out: either way one is counted, here or by the mail to a new account.
        await limits.check(email, info);
        const holders = await accounts.listByProvenEmail(email.toLowerCase(), HOLDERS);
        if (holders.length > 0) {
          await limits.count(email, info);
          return toDesk(form, email, holders);
        }
      }
      const answer = transactions.answerStep(ticket, login.browser);
      const draft = { username, displayName: fullName, email, emailVerified, answer };
      return deps.provision.create(login, draft, info);
    },
  };
}

/** Invenio's masks: an upstream's address wins, its names are a proposal. */
const MASK: Readonly<Record<FormField, readonly [field: string, wins: boolean]>> = {
  username: ['username', false],
  email: ['email', true],
  full_name: ['display_name', false],
};

function fieldsOf(
  { upstream, proven }: ProvenLogin,
  values: Readonly<Record<string, string>> = {},
): OpenForm['fields'] {
  const { identity } = proven;
  const said: Readonly<Record<FormField, string | undefined>> = {
    username: suggestUsernames(identity)[0],
    email: addressOf(identity).email,
    full_name: profileOf(identity).displayName,
  };
  const field = (name: FormField) => {
    const [masked, wins] = MASK[name];
    return {
      value: said[name] ?? values[name] ?? '',
      fixed: said[name] !== undefined && (upstream.precedence[masked] ?? wins),
    };
  };
  return { username: field('username'), email: field('email'), full_name: field('full_name') };
}

function chosen({ fields }: OpenForm, typed: TypedForm) {
  const of = (name: FormField): string | undefined =>
    (fields[name].fixed ? fields[name].value : (typed[name] ?? '')).trim() || undefined;
  return { username: of('username'), email: of('email'), full_name: of('full_name') };
}

function formFaults(
  given: { username: string | undefined; email: string | undefined; fullName: string | undefined },
  mails: boolean,
): FieldFault[] {
  const username = cleanUsername(given.username ?? '');
  const missing = mails ? 'Write your e-mail address.' : undefined;
  const judged: readonly (readonly [FormField, string | undefined])[] = [
    ['username', usernameFault(username) ?? strangerFault(username)],
    ['email', given.email === undefined ? missing : emailFault(given.email)],
    ['full_name', nameFault(given.fullName)],
  ];
  return judged.flatMap(([field, message]) => (message === undefined ? [] : [{ field, message }]));
}
