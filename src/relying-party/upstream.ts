/**
 * The relying party (OIDC Core §1.2): this server as a client of others. An outside server that people sign
 * in through is an *upstream*. `connector.ts` is the one contract of whatever speaks to an upstream,
 * `relying-party.ts` is the login itself, `begin()` and `complete()`, and knows no HTTP; `doors.ts` is its
 * HTTP side. Nothing here knows what a door gives to whoever arrives (a session, a JWT, a link).
 */
export type Protocol = 'oidc' | 'oauth2' | 'oauth1';

/**
 * Where a login begins and how it is answered: `/auth/login`, the permission service, `/oauth/login/<app>/`
 * and its REST twin, the buttons on our own sign-in and sign-up pages, and `/login` → `/login/authorize`.
 */
export type DoorName = 'dserver' | 'permission' | 'linked' | 'rest' | 'page' | 'oidc';

/** The three originals asked the same upstreams for different things: each preset speaks three dialects. */
export type Dialect = 'dserver' | 'permission' | 'linked';

/** `page`, `rest` and `oidc` ask as `linked` does. */
export const dialectOf = (door: DoorName): Dialect =>
  door === 'dserver' || door === 'permission' ? door : 'linked';

/** `local`: only what stands before the `@`. */
export type MappedClaim = readonly [claim: string, attribute: string, part?: 'local'];

export interface Mapping {
  /** Space separated, as sent. */
  readonly scope: string;
  /** Claim of the upstream → attribute of ours, in order; an absent claim is passed over. */
  readonly attributes: readonly MappedClaim[];
  /** The claim that tells people apart, for an upstream that knows neither `sub` nor `id`. */
  readonly subject?: string | undefined;
  /** The attribute that gives the dserver name. */
  readonly usernameField?: string | undefined;
  /** Further parameters of the authorization request. */
  readonly params: Readonly<Record<string, string>>;
  /** What is kept with a linked account (`extra_data` of the original), in the same way. */
  readonly extra?: readonly MappedClaim[] | undefined;
}

export interface UpstreamEndpoints {
  readonly authorization?: string | undefined;
  readonly token?: string | undefined;
  readonly userinfo?: string | undefined;
  /** GitHub: the list of addresses, of which one is verified and primary. */
  readonly emails?: string | undefined;
  /** OAuth 1.0a: temporary credentials (RFC 5849 §2.1). */
  readonly requestToken?: string | undefined;
  readonly endSession?: string | undefined;
  readonly revocation?: string | undefined;
  /** Where its API begins, for handlers. */
  readonly api?: string | undefined;
}

/** One upstream as configured, defaults and preset filled in. */
export interface Upstream {
  /** Names it in addresses and settings: letters, digits, `-` and `_`. */
  readonly id: string;
  /** What dserver's tokens and answers call it: the id, or `OAUTH2_PROVIDER_NAME` letter by letter. */
  readonly providerName: string;
  readonly protocol: Protocol;
  readonly title: string;
  readonly description?: string | undefined;
  readonly icon?: string | undefined;
  /** Not listed, and 404 at the linked-account doors. */
  readonly hide: boolean;
  /** Can be linked to an account, never signed in with. */
  readonly linkOnly: boolean;
  /** `false`: a sign-in through it ends with the browser. */
  readonly remember: boolean;
  /**
   * The space its subjects are unique in: for OIDC the `iss` of its ID Tokens, otherwise the address of the
   * service. An identity is (issuer, subject), so two entries of one service name the same people.
   */
  readonly issuer: string;
  /** The discovery document, where it has one. */
  readonly metadataUrl?: string | undefined;
  readonly endpoints: UpstreamEndpoints;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  readonly clientAuth: 'client_secret_basic' | 'client_secret_post' | 'none';
  readonly accessTokenMethod: 'POST' | 'GET';
  /** `Bearer`; `token` for GitHub's old way. */
  readonly authorizationScheme: string;
  readonly mappings: Readonly<Record<Dialect, Mapping>>;
  /** The `prompt` that has it ask people anew; `login` unless it knows another word. */
  readonly freshPrompt?: string | undefined;
  /** Field of the sign-up form → whether the upstream's value wins over what the person types. */
  readonly precedence: Readonly<Record<string, boolean>>;
  readonly signUp: {
    /** A verified address needs no mail from us. */
    readonly autoConfirm: boolean;
    readonly sendRegisterMessage: boolean;
  };
  /** Whether a first sign-in may make an account at all. */
  readonly autoProvision: boolean;
  /** Only verified addresses of these domains may come in; empty: all. */
  readonly allowedDomains: readonly string[];
  readonly allowedRoles: readonly string[];
  /** The claim that lists roles or groups, and which of them become which roles of ours. */
  readonly rolesClaim?: string | undefined;
  readonly groupRoles: Readonly<Record<string, string>>;
  /** Seconds; otherwise the door's own. */
  readonly stateTtl?: number | undefined;
  readonly logoutUrl?: string | undefined;
  /** Client ids that may fetch the upstream's token of an account at `/api/upstream-token/<app>`. */
  readonly tokenClients: readonly string[];
}

/** Signing in through it can begin: it knows where to send people and as whom it speaks. */
export const isConfigured = ({ clientId, metadataUrl, endpoints }: Upstream): boolean =>
  clientId !== undefined && (metadataUrl !== undefined || endpoints.authorization !== undefined);
