/**
 * What an operator adds to sign-ins through one upstream: an ES module `HANDLERS_DIR/<upstream id>.mjs`.
 * `HandlerModule` is what such a file may export; `Handlers` is how the login calls it, upstream by upstream,
 * whether there is a file or not. Handlers get plain, frozen data, and what they can do in `tools`.
 */
import type { UpstreamIdentity, UpstreamTokens } from './connector.js';
import type { Purpose } from './relying-party.js';
import type { DoorName, Upstream } from './upstream.js';

/** A login of which it is known who came back. One object per login, whatever is asked of it later. */
export interface HandlerEvent {
  readonly upstream: Upstream;
  readonly identity: UpstreamIdentity;
  readonly tokens: UpstreamTokens;
  readonly door: DoorName;
  readonly purpose: Purpose;
  /** Once it is known whose identity it is. */
  readonly accountId?: string | undefined;
}

/** JSON that is kept with the identity: the original's `extra_data`. */
export type Extra = Readonly<Record<string, unknown>>;

/** What the sign-up page says and stands filled in with. */
export interface SignUpView {
  readonly notice?: string;
  readonly values?: Readonly<Record<string, string>>;
}

/** A group of the upstream, as its handler told it. */
export interface Group {
  readonly id: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
}

/** In the order of a login. All are harmless for an upstream without a module. */
export interface Handlers {
  /**
   * 1. Once per login, as soon as the upstream has proven who it is and before anybody is looked for: the
   * identity as `signup.info` puts it right. Issuer and subject stay. Fires `account-info-received`.
   * @throws {UpstreamError} `not_allowed` where the handler fails: nobody comes in half checked
   */
  info(event: HandlerEvent): Promise<UpstreamIdentity>;
  /**
   * 2. Right after it: may refuse the login, or say where the browser goes in the end (a path of ours).
   * @throws {UpstreamError} `not_allowed`
   */
  authorized(event: HandlerEvent): Promise<{ readonly returnTo?: string }>;
  /** 3. Each time the sign-up page is shown. */
  view(event: HandlerEvent): Promise<SignUpView>;
  /**
   * 4. Once per identity and account, before the unit that links them: what is to be kept with the link.
   * Fires `setup-received`. A failure is logged, and nothing is kept.
   */
  setup(event: HandlerEvent & { readonly accountId: string }): Promise<Extra>;
  /** 5. Right after that unit. Fires `setup-committed`. */
  committed(event: HandlerEvent & { readonly accountId: string }): Promise<void>;
  /** 6. Each login, after the account is settled: `undefined` without a handler, and where it fails none. */
  groups(event: HandlerEvent): Promise<readonly Group[] | undefined>;
  /** Before a link is taken away; may clean up at the upstream. A failure is logged and stands in no way. */
  disconnect(link: {
    readonly upstream: Upstream;
    readonly accountId: string;
    readonly subject: string;
    readonly extra: Extra;
  }): Promise<void>;
}

/** Each is fired once per login; the two of the setup only where a link is made. */
export type SignalName = 'account-info-received' | 'setup-received' | 'setup-committed';

export type SignalListener = (event: HandlerEvent, extra?: Extra) => void | Promise<void>;

export interface Signals {
  on(name: SignalName, listener: SignalListener): void;
}
