/**
 * Every page and what it needs. A view model holds only texts, lists and booleans that are already
 * true: templates in `views/` look nothing up and decide nothing but whether to show a part.
 */
import type { FieldFault, WayOn } from '../errors/errors.js';

/** Hidden fields of a form besides the CSRF token, which every form carries by itself. */
export type HiddenFields = Readonly<Record<string, string>>;

interface FormModel {
  /** Where the form posts to. */
  readonly action: string;
  readonly hidden?: HiddenFields;
  /** What was refused; `field` is the control's name, or '' for the form as a whole. */
  readonly faults?: readonly FieldFault[];
}

/** The application a page is shown for. Every text is untrusted and escaped by the template. */
export interface ClientCard {
  readonly name: string;
  /** Its home page, http(s) only; the route leaves out anything else. */
  readonly uri?: string;
}

export interface HomeModel {
  readonly issuer: string;
  readonly account?: { readonly name: string; readonly username: string; readonly roles: readonly string[] };
  /** The signed-in account's own clients. */
  readonly clients: readonly { readonly name: string; readonly clientId: string; readonly href: string }[];
  /** Left out where this account may not make clients. */
  readonly createClientHref?: string;
  readonly signUpHref?: string;
  /** The sign-in box for somebody not signed in: `POST /` works as `/login`. */
  readonly signIn?: LoginModel;
  readonly links: readonly { readonly label: string; readonly href: string }[];
  /** One sentence about what just happened. */
  readonly notice?: string;
}

/** Fields: `username`, `password`. */
export interface LoginModel extends FormModel {
  readonly username?: string;
  readonly client?: ClientCard;
  readonly signUpHref?: string;
  /** Where to post for ending a pending request: the way back for somebody who does not want to sign in. */
  readonly cancelAction?: string;
  /** Other ways to sign in. */
  readonly upstreams?: readonly { readonly label: string; readonly href: string }[];
  readonly notice?: string;
}

/** Fields: `username`, `password`, `invite` where asked. */
export interface SignupModel extends FormModel {
  readonly username?: string;
  readonly minimumLength: number;
  readonly askInvite?: boolean;
  readonly invite?: string;
  readonly loginHref: string;
}

/** Fields: `new_password`, and `password` where the current one is asked for. */
export interface SetPasswordModel extends FormModel {
  readonly username: string;
  readonly minimumLength: number;
  readonly reason: string;
  readonly askCurrent?: boolean;
}

/** Buttons: `decision=allow`, `decision=deny`. */
export interface ConsentModel extends FormModel {
  readonly client: ClientCard;
  /** The host the browser is sent back to, or the scheme of a native application. */
  readonly redirectHost: string;
  readonly account: { readonly name: string; readonly switchHref?: string };
  /** `scopeText(name)` of `scope-texts.ts` makes them. */
  readonly scopes: readonly { readonly name: string; readonly text: string; readonly isNew?: boolean }[];
  /** Protected APIs (RFC 8707) asked for beside the scopes. */
  readonly resources?: readonly { readonly name: string; readonly scopes: readonly string[] }[];
  /** Single claims asked for by name. */
  readonly claims?: readonly string[];
}

/** The seven original fields and the PKCE box, under their original names, as they were typed. */
export interface ClientFields {
  readonly client_name: string;
  readonly client_uri: string;
  readonly scope: string;
  readonly redirect_uri: string;
  readonly grant_type: string;
  readonly response_type: string;
  readonly token_endpoint_auth_method: string;
  readonly require_pkce: boolean;
}

export interface CreateClientModel extends FormModel {
  readonly values: ClientFields;
  readonly authMethods: readonly { readonly value: string; readonly label: string }[];
  readonly cancelHref: string;
}

export interface ClientModel {
  readonly client: ClientCard;
  readonly clientId: string;
  /** Only on the answer that made it. */
  readonly newSecret?: string;
  readonly notice?: string;
  readonly rows: readonly { readonly label: string; readonly values: readonly string[] }[];
  /** Ready command lines. */
  readonly snippets?: readonly { readonly title: string; readonly text: string }[];
  /** Left out for clients without a secret; `text` says what becomes of the old one. */
  readonly rotate?: { readonly action: string; readonly text: string };
  readonly deleteAction?: string;
}

/** Buttons: `logout=yes`, or none of that name to stay. Serves oidc-provider's confirmation too (hidden `xsrf`). */
export interface LogoutModel extends FormModel {
  readonly accountName?: string;
  readonly client?: ClientCard;
  readonly stayHref?: string;
}

export interface SignedOutModel {
  readonly client?: ClientCard;
  readonly continueHref?: string;
  readonly loginHref: string;
}

/** Field: `user_code`; hidden: the library's `xsrf`. */
export interface DeviceInputModel extends FormModel {
  readonly userCode?: string;
}

/** Buttons: `confirm=yes`, `abort=yes`; hidden: the library's `xsrf` and `user_code`. */
export interface DeviceConfirmModel extends FormModel {
  readonly client: ClientCard;
  readonly userCode: string;
  readonly device?: { readonly ip?: string; readonly userAgent?: string };
}

export interface DeviceDoneModel {
  readonly client?: ClientCard;
  readonly allowed: boolean;
}

/** The `form_post` answer: carries codes and tokens, so it holds no CSRF token and nothing else. */
export interface FormPostModel {
  readonly action: string;
  readonly fields: readonly { readonly name: string; readonly value: string }[];
}

export interface ErrorModel {
  readonly title: string;
  readonly message: string;
  /** What a developer needs, in small print. */
  readonly help?: string;
  readonly code: string;
  readonly requestId: string;
  readonly faults: readonly FieldFault[];
  readonly waysOn: readonly WayOn[];
}

export interface AccountModel {
  readonly username: string;
  readonly rows: readonly { readonly label: string; readonly values: readonly string[] }[];
  readonly links: readonly { readonly label: string; readonly href: string }[];
  readonly notice?: string;
}

export interface ViewModels {
  readonly home: HomeModel;
  readonly login: LoginModel;
  readonly signup: SignupModel;
  readonly 'set-password': SetPasswordModel;
  readonly consent: ConsentModel;
  readonly 'create-client': CreateClientModel;
  readonly client: ClientModel;
  readonly logout: LogoutModel;
  readonly 'signed-out': SignedOutModel;
  readonly 'device-input': DeviceInputModel;
  readonly 'device-confirm': DeviceConfirmModel;
  readonly 'device-done': DeviceDoneModel;
  readonly 'form-post': FormPostModel;
  readonly error: ErrorModel;
  readonly account: AccountModel;
}

export type ViewName = keyof ViewModels;

/** What the layout needs to know of a view. */
export interface ViewFrame {
  readonly title: string;
  /** `card`: one task in the middle; `page`: a page to read. */
  readonly shape: 'card' | 'page';
  /**
   * Whether the page can be a step of a sign-in that another site opened in a popup. Such a page must keep
   * its opener; the others are cut off from it (Cross-Origin-Opener-Policy).
   */
  readonly popup: boolean;
}

export const VIEW_FRAMES: Readonly<Record<ViewName, ViewFrame>> = {
  home: { title: 'Home', shape: 'page', popup: false },
  login: { title: 'Sign in', shape: 'card', popup: true },
  signup: { title: 'Create an account', shape: 'card', popup: true },
  'set-password': { title: 'Choose a new password', shape: 'card', popup: true },
  consent: { title: 'Allow access', shape: 'card', popup: true },
  'create-client': { title: 'Create a client', shape: 'page', popup: false },
  client: { title: 'Client', shape: 'page', popup: false },
  logout: { title: 'Sign out', shape: 'card', popup: true },
  'signed-out': { title: 'Signed out', shape: 'card', popup: true },
  'device-input': { title: 'Connect a device', shape: 'card', popup: false },
  'device-confirm': { title: 'Confirm the device', shape: 'card', popup: false },
  'device-done': { title: 'Device', shape: 'card', popup: false },
  'form-post': { title: 'Continue to the application', shape: 'card', popup: true },
  error: { title: 'Something went wrong', shape: 'card', popup: true },
  account: { title: 'Your account', shape: 'page', popup: false },
};
