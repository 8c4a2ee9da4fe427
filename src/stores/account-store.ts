import type { Knex } from 'knex';
import type { Account } from '../accounts/account.js';
import type { Database, Step } from '../platform/database/database.js';
import { type MaybeLater, whenThere } from '../platform/database/maybe-later.js';
import { grantSteps } from './role-store.js';

/** A password as it is kept. Times are milliseconds since the epoch. */
export interface StoredPassword {
  /** PHC string. */
  readonly hash: string;
  readonly setAt: number;
  readonly expiresAt?: number | undefined;
  readonly mustChange: boolean;
}

/** What `authenticate` needs; the hash goes nowhere else. */
export interface Credentials {
  readonly account: Account;
  readonly password?: StoredPassword | undefined;
  /** `self`, `cli`, `bootstrap`, or the account that made it. */
  readonly createdBy: string;
  /** Who gave a part of the profile, where that was not whoever made the account. */
  readonly sources: ProfileSources;
  /** Whether the address was proven by a link mailed to it. */
  readonly emailByMail: boolean;
}

/** The parts of a profile that people write themselves. */
export interface Profile {
  readonly displayName: string | undefined;
  readonly givenName: string | undefined;
  readonly familyName: string | undefined;
  readonly locale: string | undefined;
}

/** By part: `self`, `cli`, `upstream:<id>`, or the account id of an administrator. */
export type ProfileSources = Readonly<Partial<Record<keyof Profile, string>>>;

export interface NewAccount {
  readonly account: Omit<Account, 'disabled' | 'mustChangePassword' | 'accessEpoch'>;
  readonly usernameKey: string;
  readonly password?: StoredPassword | undefined;
  readonly createdBy: string;
}

/** Accounts with their roles. `also` are steps of the same unit, such as the audit row. */
export interface AccountStore {
  findById(id: string): MaybeLater<Account | undefined>;
  findByUsernameKey(usernameKey: string): Promise<Account | undefined>;
  findCredentials(of: { id: string } | { usernameKey: string }): Promise<Credentials | undefined>;
  /** In order of `usernameKey`, beginning after `after`. */
  list(page: { readonly after?: string | undefined; readonly limit: number }): Promise<Account[]>;
  /** Those that hold a role, with their passwords: the few administrators. */
  listHolders(role: string): Promise<Credentials[]>;
  /** Enabled ones with a proven address: those of this address, and the one of this name. */
  listRecoverable(
    by: { readonly usernameKey: string; readonly emailKey: string },
    limit: number,
  ): Promise<Credentials[]>;
  /** Disabled ones too. */
  listByProvenEmail(emailKey: string, limit: number): Promise<Account[]>;
  /**
   * `false`: one of the guards held nothing.
   * @throws {UniqueViolation} when the name is taken
   */
  insert(account: NewAccount, also: readonly Step[], guards?: readonly Step[]): Promise<boolean>;
  /** A guard: the account has this very address; it is proven from then on. */
  proveEmailStep(id: string, email: string, at: number): Step;
  /** A guard: the account is there and enabled, and its address is `former`, where that is given. */
  setEmailStep(
    id: string,
    address: { readonly email: string | undefined; readonly verified: boolean; readonly at: number },
    former?: { readonly email: string | undefined },
  ): Step;
  /** What was proven so far, and is no session yet, becomes none. */
  beginAccessEpoch(id: string): Promise<void>;
  /** Begins an epoch too. `false`: the password was set again since `formerSetAt`, or the account is gone. */
  setPassword(
    id: string,
    password: StoredPassword,
    formerSetAt: number | undefined,
    also: readonly Step[],
  ): Promise<boolean>;
  /** `false`: the account changed since `formerUpdatedAt`, or is gone. */
  setProfile(
    id: string,
    change: { readonly profile: Profile; readonly sources: ProfileSources; readonly at: number },
    formerUpdatedAt: number,
    also: readonly Step[],
  ): Promise<boolean>;
  /** `false`: it was so already, or the account is gone. */
  setDisabled(id: string, disabled: boolean, at: number, also: readonly Step[]): Promise<boolean>;
}

interface JoinedRow {
  id: string;
  username: string;
  password_hash: string | null;
  password_set_at: number | string | null;
  password_expires_at: number | string | null;
  must_change_password: number;
  display_name: string | null;
  given_name: string | null;
  family_name: string | null;
  email: string | null;
  email_verified: number;
  picture: string | null;
  locale: string | null;
  disabled_at: number | string | null;
  created_at: number | string;
  updated_at: number | string;
  created_by: string | null;
  profile_sources: string | null;
  email_proven_at: number | string | null;
  delete_at: number | string | null;
  access_epoch: number;
  role: string | null;
}

export function createAccountStore(database: Database): AccountStore {
  const { sql } = database;

  /** One statement for accounts and roles: they are never of two different moments. */
  const joined = (accounts: Knex.QueryBuilder) =>
    sql
      .from(accounts.as('a'))
      .leftJoin('account_roles as r', 'r.account_id', 'a.id')
      .select('a.*', 'r.role')
      .orderBy(['a.username_key', 'r.role']);
  const read = async (accounts: Knex.QueryBuilder): Promise<Credentials[]> =>
    toCredentials(await database.all<JoinedRow>(joined(accounts)));
  const table = () => sql('accounts');
  const nextEpoch = () => sql.raw('access_epoch + 1');
  const byId = database.reader<JoinedRow>(joined(table().where({ id: '' })));
  const byUsernameKey = database.reader<JoinedRow>(joined(table().where({ username_key: '' })));
  const only = (rows: JoinedRow[]): Credentials | undefined => toCredentials(rows)[0];
  const withId = (id: string) => whenThere(byId(id), only);
  const withUsernameKey = (key: string) => whenThere(byUsernameKey(key), only);

  return {
    findById: (id) => whenThere(withId(id), (found) => found?.account),
    findByUsernameKey: async (usernameKey) => (await withUsernameKey(usernameKey))?.account,
    findCredentials: async (of) => ('id' in of ? withId(of.id) : withUsernameKey(of.usernameKey)),
    async list({ after, limit }) {
      const page = table().orderBy('username_key').limit(limit);
      if (after !== undefined) page.where('username_key', '>', after);
      return (await read(page)).map(({ account }) => account);
    },
    listHolders(role) {
      const holders = sql('account_roles').select('account_id').where({ role });
      return read(table().whereIn('id', holders));
    },
    listRecoverable({ usernameKey, emailKey }, limit) {
      const proven = table().whereNotNull('email').where({ email_verified: 1 }).whereNull('disabled_at');
      const named = proven.where((one) =>
        one.where({ username_key: usernameKey }).orWhere({ email_key: emailKey }),
      );
      return read(named.orderBy('id').limit(limit));
    },
    async listByProvenEmail(emailKey, limit) {
      const proven = table().where({ email_key: emailKey, email_verified: 1 }).orderBy('id').limit(limit);
      return (await read(proven)).map(({ account }) => account);
    },
    insert(fresh, also, guards = []) {
      const { id, roles, createdAt: at } = fresh.account;
      return database.write([
        ...guards,
        { query: table().insert(toRow(fresh)) },
        ...roles.flatMap((role) => grantSteps(sql, { accountId: id, role, source: fresh.createdBy, at })),
        ...also,
      ]);
    },
    proveEmailStep: (id, email, at) => ({
      query: table()
        .where({ id, email })
        .whereNull('disabled_at')
        .update({ email_verified: 1, email_proven_at: at, updated_at: at }),
      guard: true,
    }),
    setEmailStep(id, { email, verified, at }, former) {
      const account = table().where({ id }).whereNull('disabled_at');
      if (former?.email !== undefined) account.where({ email: former.email });
      else if (former) account.whereNull('email');
      const row = { email: email ?? null, email_key: email?.toLowerCase() ?? null };
      const query = account.update({
        ...row,
        email_verified: verified ? 1 : 0,
        email_proven_at: verified ? at : null,
        updated_at: at,
      });
      return { query, guard: true };
    },
    async beginAccessEpoch(id) {
      await database.run(table().where({ id }).update({ access_epoch: nextEpoch() }));
    },
    setPassword(id, password, formerSetAt, also) {
      const unchanged = table()
        .where({ id })
        .where({ password_set_at: formerSetAt ?? null });
      const query = unchanged.update({ ...passwordRow(password), access_epoch: nextEpoch() });
      return database.write([{ query, guard: true }, ...also]);
    },
    setProfile(id, { profile, sources, at }, formerUpdatedAt, also) {
      const query = table()
        .where({ id, updated_at: formerUpdatedAt })
        .update({
          display_name: profile.displayName ?? null,
          given_name: profile.givenName ?? null,
          family_name: profile.familyName ?? null,
          locale: profile.locale ?? null,
          profile_sources: JSON.stringify(sources),
          updated_at: at,
        });
      return database.write([{ query, guard: true }, ...also]);
    },
    setDisabled(id, disabled, at, also) {
      const account = table().where({ id });
      const other = disabled ? account.whereNull('disabled_at') : account.whereNotNull('disabled_at');
      const query = other.update({ disabled_at: disabled ? at : null, updated_at: at });
      return database.write([{ query, guard: true }, ...also]);
    },
  };
}

const passwordRow = (password: StoredPassword | undefined) => ({
  password_hash: password?.hash ?? null,
  password_set_at: password?.setAt ?? null,
  password_expires_at: password?.expiresAt ?? null,
  must_change_password: password?.mustChange ? 1 : 0,
});

const toRow = ({ account, usernameKey, password, createdBy }: NewAccount) => ({
  id: account.id,
  username: account.username,
  username_key: usernameKey,
  ...passwordRow(password),
  display_name: account.displayName ?? null,
  given_name: account.givenName ?? null,
  family_name: account.familyName ?? null,
  email: account.email ?? null,
  email_key: account.email?.toLowerCase() ?? null,
  email_verified: account.emailVerified ? 1 : 0,
  picture: account.picture ?? null,
  locale: account.locale ?? null,
  created_at: account.createdAt,
  updated_at: account.updatedAt,
  created_by: createdBy,
});

function toCredentials(rows: readonly JoinedRow[]): Credentials[] {
  const roles = new Map<string, string[]>();
  const found: Credentials[] = [];
  for (const row of rows) {
    let own = roles.get(row.id);
    if (own === undefined) {
      own = [];
      roles.set(row.id, own);
      found.push({
        account: toAccount(row, own),
        password: toPassword(row),
        createdBy: row.created_by ?? '',
        sources: row.profile_sources === null ? {} : (JSON.parse(row.profile_sources) as ProfileSources),
        emailByMail: row.email_proven_at !== null,
      });
    }
    if (row.role !== null) own.push(row.role);
  }
  return found;
}

const toAccount = (row: JoinedRow, roles: readonly string[]): Account => ({
  id: row.id,
  username: row.username,
  displayName: row.display_name ?? undefined,
  givenName: row.given_name ?? undefined,
  familyName: row.family_name ?? undefined,
  email: row.email ?? undefined,
  emailVerified: row.email_verified === 1,
  picture: row.picture ?? undefined,
  locale: row.locale ?? undefined,
  disabled: row.disabled_at !== null,
  mustChangePassword: row.must_change_password === 1,
  roles,
  createdAt: Number(row.created_at),
  updatedAt: Number(row.updated_at),
  deleteAt: row.delete_at === null ? undefined : Number(row.delete_at),
  accessEpoch: row.access_epoch,
});

const toPassword = (row: JoinedRow): StoredPassword | undefined =>
  row.password_hash === null
    ? undefined
    : {
        hash: row.password_hash,
        setAt: Number(row.password_set_at),
        expiresAt: row.password_expires_at === null ? undefined : Number(row.password_expires_at),
        mustChange: row.must_change_password === 1,
      };
