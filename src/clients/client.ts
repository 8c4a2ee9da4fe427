/**
 * The folder `clients` owns what registered with this server: clients (RFC 7591 metadata, secrets) and
 * the resources they ask tokens for. It knows no HTTP, no SQL and nothing of oidc-provider; what the
 * library itself thinks of a client arrives as the function `judge` from the container.
 * This file holds the words: the types and the values a client may name.
 */
import { z } from 'zod';
import { type FieldFault, InvalidInput } from '../platform/errors/errors.js';

export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

export const GRANT_TYPES: readonly string[] = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'password',
  'implicit',
  DEVICE_CODE,
];

/** In the library's normal form: words sorted. Bare `token` cannot be offered. */
export const RESPONSE_TYPES: readonly string[] = [
  'code',
  'id_token',
  'id_token token',
  'code id_token',
  'code token',
  'code id_token token',
];

export const AUTH_METHODS: readonly string[] = [
  'client_secret_basic',
  'client_secret_post',
  'client_secret_jwt',
  'private_key_jwt',
  'none',
];

const words = (maxItems: number) => z.array(z.string().max(2000)).max(maxItems);
const line = z.string().max(2000);

const metadataSchema = z.object({
  client_name: z.string().max(400),
  client_uri: line,
  logo_uri: line,
  policy_uri: line,
  tos_uri: line,
  contacts: words(10),
  redirect_uris: words(50),
  post_logout_redirect_uris: words(50),
  grant_types: words(20),
  response_types: words(20),
  scope: line,
  application_type: z.enum(['web', 'native']),
  token_endpoint_auth_method: line,
  token_endpoint_auth_signing_alg: line,
  jwks: z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(20) }),
  jwks_uri: line,
  id_token_signed_response_alg: line,
  default_max_age: z.int().min(0),
  require_auth_time: z.boolean(),
  dpop_bound_access_tokens: z.boolean(),
  require_pushed_authorization_requests: z.boolean(),
});

const submittedSchema = metadataSchema.partial();

/** RFC 7591 metadata as somebody sent it: every member may be missing, unknown ones are left out. */
export type SubmittedMetadata = z.output<typeof submittedSchema>;

/** RFC 7591 metadata as it is stored: the defaults are filled in. Holds no secret. */
export type ClientMetadata = Omit<SubmittedMetadata, Defaulted> &
  Pick<z.output<typeof metadataSchema>, Defaulted>;
type Defaulted =
  | 'redirect_uris'
  | 'grant_types'
  | 'response_types'
  | 'token_endpoint_auth_method'
  | 'application_type';

/** Lifetimes an administrator set for one client, in seconds. */
export interface ClientTtl {
  readonly code?: number;
  readonly accessToken?: number;
  readonly idToken?: number;
  readonly refreshTokenIdle?: number;
  readonly refreshTokenMax?: number;
}

/** What the owner chose beyond the metadata; no words of RFC 7591, so never among them. */
export interface ClientOptions {
  /** An OpenID Connect code request without a nonce is refused. */
  readonly requireNonce?: boolean;
  /** A refresh token only where `offline_access` was granted. */
  readonly refreshOnlyOffline?: boolean;
  /** Origins whose pages may call the token endpoint beside those of the redirect URIs. */
  readonly allowedOrigins?: readonly string[];
}

/** An exact redirect URI for a while: a preview deployment. */
export interface RedirectLease {
  readonly id: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly createdBy: string;
}

/** One secret as it is kept: `hash` where it is only compared, `sealed` where its text is needed again. */
export interface ClientSecret {
  readonly id: string;
  readonly hash?: string;
  readonly sealed?: string;
  readonly createdAt: number;
  readonly expiresAt?: number;
}

export interface ClientRecord {
  readonly clientId: string;
  readonly ownerId?: string;
  readonly metadata: ClientMetadata;
  /** May introspect tokens of other clients. */
  readonly resourceServer: boolean;
  readonly requirePkce: boolean;
  readonly options: ClientOptions;
  readonly ttl: ClientTtl;
  /** Counts changes, so that a cache can ask for this number alone. */
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
  readonly secrets: readonly ClientSecret[];
}

/** @throws {InvalidInput} when a member has the wrong type */
export function parseMetadata(input: unknown): SubmittedMetadata {
  const parsed = submittedSchema.safeParse(withoutNulls(input));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    (issue): FieldFault => ({
      field: String(issue.path[0] ?? 'metadata'),
      message: issue.path.length === 0 ? 'The client metadata must be a JSON object.' : `${issue.message}.`,
    }),
  );
  throw new InvalidInput(faults);
}

/** RFC 7591 §2: a member whose value is null counts as not sent. */
function withoutNulls(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}
