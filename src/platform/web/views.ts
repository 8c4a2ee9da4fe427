/**
 * Every page and what it needs. A view model holds only texts, lists and booleans that are already
 * true: templates in `views/` look nothing up and decide nothing but whether to show a part.
 */
import type { FieldFault, WayOn } from '../errors/errors.js';
import type { AccountViews } from './account-views.js';
import type { AdminViews } from './admin-views.js';
import type { DserverViews } from './dserver-views.js';
import type { MailViews } from './mail-views.js';
import type { UpstreamLink, UpstreamViews } from './upstream-views.js';
import type { PermissionViews } from './permission-views.js';

/** Hidden fields of a form besides the CSRF token, which every form carries by itself. */
export type HiddenFields = Readonly<Record<string, string>>;

export interface FormModel {
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
  /** Left out where this account, or nobody without being an administrator, may make clients. */
  readonly createClientHref?: string;
  /** The built-in demo, where there is one. */
  readonly tryHref?: string;
  readonly status: {
    readonly database: boolean;
    /** The keys that sign, by algorithm and id. */
    readonly signingKeys: readonly { readonly alg: string; readonly kid: string }[];
  };
  readonly signUpHref?: string;
  /** The sign-in box for somebody not signed in: `POST /` works as `/login`. */
  readonly signIn?: LoginModel;
  readonly links: readonly { readonly label: string; readonly href: string }[];
  /** What the upstream of this session says about the person, under its title. */
  readonly upstream?: {
    readonly title: string;
    readonly claims: readonly { readonly name: string; readonly value: string }[];
  };
  /** One sentence about what just happened. */
  readonly notice?: string;
}

/** Fields: `username`, `password`. */
export interface LoginModel extends FormModel {
  readonly username?: string;
  readonly client?: ClientCard;
  readonly signUpHref?: string;
  /** Left out where no mail can be sent. */
  readonly forgotHref?: string;
  /** Where to post for ending a pending request: the way back for somebody who does not want to sign in. */
  readonly cancelAction?: string;
  /** Other ways to sign in. */
  readonly upstreams?: readonly UpstreamLink[];
  readonly notice?: string;
}

/** Fields: `username`, `password`, and `email` where mails can be sent. */
export interface SignupModel extends FormModel {
  readonly username?: string;
  readonly minimumLength: number;
  readonly askEmail?: boolean;
  readonly email?: string;
  /** The address an invitation was mailed to: it becomes the account's. */
  readonly invited?: string;
  readonly upstreams?: readonly UpstreamLink[];
  readonly loginHref: string;
}

/** Field: `new_password`. */
export interface SetPasswordModel extends FormModel {
  readonly username: string;
  readonly minimumLength: number;
  readonly reason: string;
  /** A good password to take over, with the button `use_suggestion`; see `suggest-password.ts`. */
  readonly suggestion?: string;
}

/** What one permission would give away, in words and with the values it holds now. */
export interface ConsentItem {
  readonly name: string;
  readonly text: string;
  readonly values: readonly string[];
  readonly isNew: boolean;
  /** Has a box, named `scope:<name>`; ticked unless the person unticked it. */
  readonly optional: boolean;
}

/** Buttons: `decision=allow`, `decision=deny`; boxes `scope:<name>` of the optional scopes. */
export interface ConsentModel extends FormModel {
  readonly client: ClientCard;
  /** Who answers for the client: "Registered by … on …". */
  readonly registered: string;
  /** Registered by a person who is no administrator: nobody has looked at it. */
  readonly selfRegistered: boolean;
  /** Why the question is asked now. */
  readonly reason: string;
  /** The host the browser is sent back to, or the scheme of a native application. */
  readonly redirectHost: string;
  /** `switchAction`: where to post for signing in as somebody else, within this request. */
  readonly account: { readonly name: string; readonly switchAction: string };
  /** `scopeText(name)` of `scope-texts.ts` makes them. */
  readonly scopes: readonly ConsentItem[];
  /** Protected APIs (RFC 8707) asked for beside the scopes. */
  readonly resources?: readonly { readonly name: string; readonly scopes: readonly string[] }[];
  /** Single claims asked for by name. */
  readonly claims?: readonly { readonly name: string; readonly values: readonly string[] }[];
}

/** The seven original fields and the PKCE box, under their original names, and *More settings*; as typed. */
export interface ClientFields {
  readonly client_name: string;
  readonly client_uri: string;
  readonly scope: string;
  readonly redirect_uri: string;
  readonly grant_type: string;
  readonly response_type: string;
  readonly token_endpoint_auth_method: string;
  readonly require_pkce: boolean;
  readonly post_logout_redirect_uri: string;
  readonly jwks: string;
  readonly jwks_uri: string;
  readonly id_token_signed_response_alg: string;
  readonly allowed_origins: string;
  readonly logo_uri: string;
  readonly contacts: string;
  readonly application_type: string;
  readonly require_nonce: boolean;
  readonly refresh_only_offline: boolean;
}

interface Choice {
  readonly value: string;
  readonly label: string;
}

/** Serves the edit page as well. */
export interface CreateClientModel extends FormModel {
  readonly heading: string;
  readonly lead: string;
  readonly submitLabel: string;
  /** Whether *More settings* stand open: something in them is said, or refused. */
  readonly moreOpen: boolean;
  /** Where the page's script has what is typed judged. */
  readonly checkAction: string;
  /** `fields` is what the page's script fills in, as JSON. */
  readonly presets: readonly {
    readonly id: string;
    readonly label: string;
    readonly text: string;
    readonly current: boolean;
    readonly fields: string;
  }[];
  readonly values: ClientFields;
  readonly authMethods: readonly Choice[];
  readonly idTokenAlgs: readonly Choice[];
  readonly applicationTypes: readonly Choice[];
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
  readonly editHref: string;
  readonly deleteHref: string;
  /** Left out where there is no code flow to run. */
  readonly testAction?: string;
  /** Left out for clients without a secret. Field: `keep_days`. */
  readonly rotate?: { readonly action: string; readonly text: string };
  /** The live ones. `endAction`, left out for the only one, is posted `secret_id`. */
  readonly secrets: readonly { readonly id: string; readonly text: string; readonly endAction?: string }[];
  /** Fields: `redirect_uri`, `days`; the remove action is posted `lease_id`. Left out without a redirect. */
  readonly leases?: FormModel & {
    readonly removeAction: string;
    readonly items: readonly { readonly id: string; readonly redirectUri: string; readonly until: string }[];
    readonly redirectUri: string;
    readonly days: string;
    readonly maxDays: number;
  };
}

export interface ClientDeleteModel extends FormModel {
  readonly client: ClientCard;
  readonly consequences: readonly string[];
  readonly stayHref: string;
}

/** What came back from a client's own code flow. */
export interface ClientTestModel {
  readonly client: ClientCard;
  readonly clientHref: string;
  readonly passed: boolean;
  readonly message: string;
  readonly rows: readonly { readonly label: string; readonly values: readonly string[] }[];
  readonly claims: readonly ExplainedClaim[];
  readonly testAction: string;
}

/** Buttons: `logout=yes`, or none of that name to stay. Serves oidc-provider's confirmation too (hidden `xsrf`). */
export interface LogoutModel extends FormModel {
  readonly accountName?: string;
  readonly client?: ClientCard;
  readonly stayHref?: string;
}

export interface SignedOutModel {
  readonly notice?: string;
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

/** One member of a token and what it means. */
export interface ExplainedClaim {
  readonly name: string;
  readonly value: string;
  /** The same for people, where the value is a number of seconds. */
  readonly readable?: string;
  readonly meaning: string;
}

export interface CommandLine {
  readonly title: string;
  readonly text: string;
  readonly command: string;
}

/** The end of "Try the flow". Shows tokens: only ever to the person they are about. */
export interface DemoModel {
  readonly againHref: string;
  readonly idToken: string;
  readonly header: readonly ExplainedClaim[];
  readonly claims: readonly ExplainedClaim[];
  readonly accessToken: string;
  readonly scope: string;
  readonly minutes: number;
  readonly commands: readonly CommandLine[];
}

export interface ViewModels
  extends AccountViews,
    AdminViews,
    DserverViews,
    MailViews,
    UpstreamViews,
    PermissionViews {
  readonly home: HomeModel;
  readonly login: LoginModel;
  readonly signup: SignupModel;
  readonly 'set-password': SetPasswordModel;
  readonly consent: ConsentModel;
  readonly 'create-client': CreateClientModel;
  readonly client: ClientModel;
  readonly 'client-delete': ClientDeleteModel;
  readonly 'client-test': ClientTestModel;
  readonly logout: LogoutModel;
  readonly 'signed-out': SignedOutModel;
  readonly 'device-input': DeviceInputModel;
  readonly 'device-confirm': DeviceConfirmModel;
  readonly 'device-done': DeviceDoneModel;
  readonly 'form-post': FormPostModel;
  readonly error: ErrorModel;
  readonly demo: DemoModel;
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
  'client-delete': { title: 'Delete the client', shape: 'card', popup: false },
  'client-test': { title: 'Test of the client', shape: 'page', popup: false },
  logout: { title: 'Sign out', shape: 'card', popup: true },
  'signed-out': { title: 'Signed out', shape: 'card', popup: true },
  'device-input': { title: 'Connect a device', shape: 'card', popup: false },
  'device-confirm': { title: 'Confirm the device', shape: 'card', popup: false },
  'device-done': { title: 'Device', shape: 'card', popup: false },
  'form-post': { title: 'Continue to the application', shape: 'card', popup: true },
  error: { title: 'Something went wrong', shape: 'card', popup: true },
  demo: { title: 'The flow worked', shape: 'page', popup: false },
  admin: { title: 'Administration', shape: 'page', popup: false },
  'admin-list': { title: 'Administration', shape: 'page', popup: false },
  account: { title: 'Your account', shape: 'page', popup: false },
  'forgot-password': { title: 'Forgot your password?', shape: 'card', popup: false },
  confirm: { title: 'Please confirm', shape: 'card', popup: false },
  told: { title: 'Done', shape: 'card', popup: false },
  email: { title: 'Your e-mail address', shape: 'card', popup: false },
  'account-profile': { title: 'Your profile', shape: 'card', popup: false },
  'account-password': { title: 'Change your password', shape: 'card', popup: false },
  'account-sessions': { title: 'Where you are signed in', shape: 'page', popup: false },
  'account-applications': { title: 'Connected applications', shape: 'page', popup: false },
  'account-delete': { title: 'Delete your account', shape: 'card', popup: false },
  'admin-services': { title: 'Services and permissions', shape: 'page', popup: false },
  'keep-account': { title: 'Keep your account?', shape: 'card', popup: true },
  'upstream-signup': { title: 'Complete your account', shape: 'card', popup: true },
  'link-desk': { title: 'You have an account here', shape: 'card', popup: true },
  'linked-accounts': { title: 'Linked accounts', shape: 'page', popup: false },
  disconnect: { title: 'Disconnect the account', shape: 'card', popup: false },
  connect: { title: 'Connect an account', shape: 'card', popup: true },
  onward: { title: 'On to sign in', shape: 'card', popup: true },
  'post-message': { title: 'Back to the application', shape: 'card', popup: true },
  'choose-sign-in': { title: 'Sign in', shape: 'card', popup: true },
  'account-api-keys': { title: 'API keys', shape: 'page', popup: false },
};
