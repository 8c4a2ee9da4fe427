/** What the pages of dserver's doors show; see `views.ts`. */
import type { FormModel } from './views.js';

export interface ChooseSignInModel {
  readonly upstreams: readonly { readonly label: string; readonly href: string }[];
  /** The form for accounts of this server. */
  readonly localHref: string;
}

/** Fields: `label`, `days`, a box of each permission by its `field`. */
export interface NewApiKeyModel extends FormModel {
  readonly label: string;
  readonly days: string;
  readonly maximumDays: number;
  readonly permissions: readonly { readonly name: string; readonly field: string }[];
}

export interface ApiKeysModel {
  readonly keys: readonly {
    readonly label: string;
    /** The last characters of the key. */
    readonly hint: string;
    readonly permissions: string;
    readonly until: string;
    readonly used: string;
    readonly revokeAction: string;
  }[];
  /** The key that was made just now. */
  readonly secret?: string;
  readonly notice?: string;
  /** Why the account can have none. */
  readonly refused?: string;
  /** Left out where the sign-in was just now. */
  readonly signInHref?: string;
  /** Left out where none can be made now. */
  readonly form?: NewApiKeyModel;
}

export interface DserverViews {
  readonly 'choose-sign-in': ChooseSignInModel;
  readonly 'account-api-keys': ApiKeysModel;
}
