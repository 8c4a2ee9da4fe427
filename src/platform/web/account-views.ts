/** What the pages of one's own account show; see `views.ts`. */
import type { FormModel } from './views.js';

export interface AccountModel {
  readonly username: string;
  /** `source`: where the value came from. */
  readonly rows: readonly {
    readonly label: string;
    readonly values: readonly string[];
    readonly source?: string;
  }[];
  readonly links: readonly { readonly label: string; readonly href: string; readonly hint?: string }[];
  readonly notice?: string;
}

/** Fields: `displayName`, `givenName`, `familyName`, `locale`. */
export interface ProfileModel extends FormModel {
  readonly values: Readonly<Record<'displayName' | 'givenName' | 'familyName' | 'locale', string>>;
}

/** Fields: `password`, `new_password`, the box `end_others`. */
export interface ChangePasswordModel extends FormModel {
  readonly username: string;
  readonly minimumLength: number;
  readonly endOthers: boolean;
}

export interface SessionsModel {
  readonly sessions: readonly {
    readonly device: string;
    readonly address: string;
    readonly firstSeen: string;
    readonly lastSeen: string;
    /** The browser that looks at the page; it signs out at `/logout`. */
    readonly current: boolean;
    readonly endAction: string;
  }[];
  /** Left out where there are no others. */
  readonly endOthersAction?: string;
  readonly notice?: string;
}

export interface ApplicationsModel {
  readonly applications: readonly {
    readonly name: string;
    readonly uri?: string;
    readonly since: string;
    readonly lastUsed: string;
    readonly purposes: readonly string[];
    readonly revokeAction: string;
  }[];
  readonly notice?: string;
}

/** Field: `password`. */
export interface DeleteAccountModel extends FormModel {
  readonly username: string;
  readonly graceDays: number;
  /** Applications that are deleted with the account. */
  readonly clients: readonly string[];
  /** Set while a deletion is pending; then the page offers to take it back. */
  readonly pending?: { readonly deleteOn: string; readonly keepAction: string };
  /** Why it cannot be, instead of the form. */
  readonly refused?: string;
}

/** A sign-in to an account that is about to be deleted. Hidden: `ticket`, `keep`. */
export interface KeepAccountModel extends FormModel {
  readonly username: string;
  readonly deleteOn: string;
  readonly leaveHref: string;
}

export interface AccountViews {
  readonly account: AccountModel;
  readonly 'account-profile': ProfileModel;
  readonly 'account-password': ChangePasswordModel;
  readonly 'account-sessions': SessionsModel;
  readonly 'account-applications': ApplicationsModel;
  readonly 'account-delete': DeleteAccountModel;
  readonly 'keep-account': KeepAccountModel;
}
