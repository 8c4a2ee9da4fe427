/** What is to follow where a browser session ends that began with a sign-in through an upstream. */
export interface UpstreamGoodbye {
  readonly upstreamId: string;
  /** Its title. */
  readonly title: string;
  /** Where to send the browser, so that its session there ends too; absent where the upstream has no such place. */
  readonly address?: string;
  /** One sentence for the page without `address`. */
  readonly text: string;
}

/** For `/logout`, `/oauth/logout` and `/auth/logout`. */
export interface UpstreamSignOut {
  /**
   * Call it before the session ends, with its uid; `undefined` where no upstream was asked.
   * @param returnTo absolute address of ours that the upstream may send the browser back to
   * @param style `return`: a plain `logoutUrl` is given `?redirect_uri=<returnTo>`, as the OIDC demo does
   *   (`/logout`, row 109); `plain`: it is used as it stands (`/oauth/logout`, row 102). Never throws for what
   *   the upstream does: signing out here comes first.
   */
  before(
    sessionUid: string,
    returnTo: string,
    style: 'return' | 'plain',
  ): Promise<UpstreamGoodbye | undefined>;
  /** Call it once the session has ended: its row goes, and the roles that hung on it. */
  after(accountId: string, sessionUid: string): Promise<void>;
}
