/** What the pages around signing in through others show; see `views.ts`. */
import type { FormModel } from './views.js';

/** A way to sign in through an upstream. */
export interface UpstreamLink {
  readonly label: string;
  readonly href: string;
}

/** Fields: `username`, `email`, `full_name`; hidden: `ticket`. A fixed one is shown and not asked for. */
export interface UpstreamSignupModel extends FormModel {
  /** The upstream's title. */
  readonly title: string;
  /** Who the person is there. */
  readonly person: string;
  readonly fields: readonly {
    readonly name: string;
    readonly label: string;
    readonly hint?: string;
    readonly type: string;
    readonly autocomplete: string;
    readonly required: boolean;
    readonly value: string;
    readonly fixed: boolean;
  }[];
  /** A handler's word. */
  readonly notice?: string;
  readonly leaveHref: string;
}

/** Fields: `username`, `password`; hidden: `ticket`. */
export interface LinkDeskModel extends FormModel {
  readonly title: string;
  readonly person: string;
  readonly email: string;
  /** Masked names of the accounts it may be; left out where the address is not proven. */
  readonly names: readonly string[];
  readonly username?: string;
  readonly forgotHref?: string;
  /** What is connected to that account already proves it as well. */
  readonly upstreams: readonly UpstreamLink[];
  /** Left out where the upstream may make no accounts. */
  readonly separateAction?: string;
  readonly leaveHref: string;
}

export interface LinkedAccountsModel {
  readonly accounts: readonly {
    readonly title: string;
    readonly description?: string;
    readonly linked: boolean;
    /** As whom, and since when. */
    readonly text?: string;
    /** Where to post for connecting it. */
    readonly connectAction?: string;
    readonly disconnectHref?: string;
    readonly disconnectLabel: string;
    /** Why it cannot be disconnected. */
    readonly kept?: string;
  }[];
  readonly notice?: string;
  readonly warning?: string;
}

/** Field: `password`, where the sign-in is not fresh and there is one. */
export interface DisconnectModel extends FormModel {
  readonly title: string;
  readonly username: string;
  readonly askPassword: boolean;
  /** Without a password: a way to sign in again. */
  readonly again?: UpstreamLink;
  readonly stayHref: string;
}

/** As `DisconnectModel`; hidden: what the door was asked with. */
export type ConnectModel = DisconnectModel;

/**
 * The answer to a form that leads upstream: the page goes there by itself. A redirect would be held to the form's
 * `form-action`, wherever else the upstream may lead to.
 */
export interface OnwardModel {
  /** The upstream's title. */
  readonly title: string;
  readonly href: string;
}

/** Answers the window that opened this one. */
export interface PostMessageModel {
  readonly message: string;
  /** JSON. */
  readonly payload: string;
  /** The only origin that gets it. */
  readonly target: string;
  readonly continueHref: string;
}

export interface UpstreamViews {
  readonly 'upstream-signup': UpstreamSignupModel;
  readonly 'link-desk': LinkDeskModel;
  readonly 'linked-accounts': LinkedAccountsModel;
  readonly disconnect: DisconnectModel;
  readonly connect: ConnectModel;
  readonly onward: OnwardModel;
  readonly 'post-message': PostMessageModel;
}
