import { type FieldFault, InvalidInput } from '../platform/errors/errors.js';
import { type ClientOptions, type ClientRecord, RESPONSE_TYPES, type SubmittedMetadata } from './client.js';
import { normalResponseType } from './complete-metadata.js';

/** The seven fields of the originals' form, as text; lists hold one value per line. */
export interface ClientForm {
  readonly client_name: string;
  readonly client_uri: string;
  readonly scope: string;
  readonly redirect_uri: string;
  readonly grant_type: string;
  readonly response_type: string;
  readonly token_endpoint_auth_method: string;
  /** The box beside them: sent as any value when ticked. */
  readonly require_pkce: boolean;
  /** *More settings*. */
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

/** What a new form starts with: the code flow, and who has signed in. */
export const EMPTY_FORM: ClientForm = {
  client_name: '',
  client_uri: '',
  scope: 'openid profile',
  redirect_uri: '',
  grant_type: 'authorization_code',
  response_type: 'code',
  token_endpoint_auth_method: 'client_secret_basic',
  require_pkce: false,
  post_logout_redirect_uri: '',
  jwks: '',
  jwks_uri: '',
  id_token_signed_response_alg: '',
  allowed_origins: '',
  logo_uri: '',
  contacts: '',
  application_type: '',
  require_nonce: false,
  refresh_only_offline: false,
};

/** The fields that stand folded away. */
export const MORE_FIELDS: readonly (keyof ClientForm)[] = [
  'post_logout_redirect_uri',
  'jwks',
  'jwks_uri',
  'id_token_signed_response_alg',
  'allowed_origins',
  'logo_uri',
  'contacts',
  'application_type',
  'require_nonce',
  'refresh_only_offline',
];

const FORM_FIELDS: Readonly<Record<string, string>> = {
  redirect_uris: 'redirect_uri',
  grant_types: 'grant_type',
  response_types: 'response_type',
  post_logout_redirect_uris: 'post_logout_redirect_uri',
};

/** Grants that send the browser to the authorization endpoint: only with these a response type means something. */
const WITH_BROWSER = new Set(['authorization_code', 'implicit']);

/** Reads a posted form. Fields it does not know are not looked at. */
export function readClientForm(body: Readonly<Record<string, unknown>>): ClientForm {
  const text = (field: string): string => {
    const value = body[field];
    return typeof value === 'string' ? value : Array.isArray(value) ? value.filter(isText).join('\n') : '';
  };
  return {
    client_name: text('client_name').trim(),
    client_uri: text('client_uri').trim(),
    scope: text('scope'),
    redirect_uri: text('redirect_uri'),
    grant_type: text('grant_type'),
    response_type: text('response_type'),
    token_endpoint_auth_method: text('token_endpoint_auth_method').trim(),
    require_pkce: text('require_pkce') !== '',
    post_logout_redirect_uri: text('post_logout_redirect_uri'),
    jwks: text('jwks').trim(),
    jwks_uri: text('jwks_uri').trim(),
    id_token_signed_response_alg: text('id_token_signed_response_alg').trim(),
    allowed_origins: text('allowed_origins'),
    logo_uri: text('logo_uri').trim(),
    contacts: text('contacts'),
    application_type: text('application_type').trim(),
    require_nonce: text('require_nonce') !== '',
    refresh_only_offline: text('refresh_only_offline') !== '',
  };
}

const isText = (value: unknown): value is string => typeof value === 'string';

const linesOf = (text: string): string[] =>
  text
    .split(/\r\n|\r|\n/)
    .map((value) => value.trim())
    .filter((value) => value !== '');

/** The members of RFC 7591 that the form has a field for. */
const MEMBERS = [
  ...['client_name', 'client_uri', 'scope', 'token_endpoint_auth_method', 'redirect_uris', 'grant_types'],
  ...['response_types', 'post_logout_redirect_uris', 'jwks', 'jwks_uri', 'id_token_signed_response_alg'],
  ...['logo_uri', 'contacts', 'application_type'],
];

/**
 * The metadata a form stands for; an empty field counts as not said.
 * @param former members the form has no field for are taken over from here
 * @throws {InvalidInput} at `jwks`, where that is no JSON
 */
export function formMetadata(form: ClientForm, former: SubmittedMetadata = {}): SubmittedMetadata {
  const grantTypes = linesOf(form.grant_type);
  const texts = {
    client_name: form.client_name,
    client_uri: form.client_uri,
    scope: form.scope.split(/\s+/).filter(Boolean).join(' '),
    token_endpoint_auth_method: form.token_endpoint_auth_method,
    jwks_uri: form.jwks_uri,
    id_token_signed_response_alg: form.id_token_signed_response_alg,
    logo_uri: form.logo_uri,
    application_type: form.application_type,
  };
  const lists = {
    post_logout_redirect_uris: linesOf(form.post_logout_redirect_uri),
    contacts: linesOf(form.contacts),
  };
  return {
    ...Object.fromEntries(Object.entries(former).filter(([name]) => !MEMBERS.includes(name))),
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== '')),
    ...Object.fromEntries(Object.entries(lists).filter(([, values]) => values.length > 0)),
    ...(form.jwks === '' ? {} : { jwks: keySet(form.jwks) }),
    redirect_uris: linesOf(form.redirect_uri),
    grant_types: grantTypes,
    ...responseTypes(linesOf(form.response_type), grantTypes),
  };
}

/** A JWK Set, or the one key that would stand in it. */
function keySet(text: string): NonNullable<SubmittedMetadata['jwks']> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Told as any other text: the parser would quote what may be a private key.
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    const message = 'This is no JSON key set. It must look like {"keys":[{"kty":"EC",…}]}.';
    throw new InvalidInput([{ field: 'jwks', message }]);
  }
  const set = 'keys' in parsed ? parsed : { keys: [parsed] };
  return set as NonNullable<SubmittedMetadata['jwks']>;
}

/** What the form says beyond metadata. */
export function formOptions(form: ClientForm): ClientOptions {
  const allowedOrigins = linesOf(form.allowed_origins);
  return {
    ...(form.require_nonce ? { requireNonce: true } : {}),
    ...(form.refresh_only_offline ? { refreshOnlyOffline: true } : {}),
    ...(allowedOrigins.length > 0 ? { allowedOrigins } : {}),
  };
}

/** The form an existing client is edited with. */
export function formOf({ metadata, requirePkce, options }: ClientRecord): ClientForm {
  const lines = (values: readonly string[] = []) => values.join('\n');
  return {
    client_name: metadata.client_name ?? '',
    client_uri: metadata.client_uri ?? '',
    scope: metadata.scope ?? '',
    redirect_uri: lines(metadata.redirect_uris),
    grant_type: lines(metadata.grant_types),
    response_type: lines(metadata.response_types),
    token_endpoint_auth_method: metadata.token_endpoint_auth_method,
    require_pkce: requirePkce,
    post_logout_redirect_uri: lines(metadata.post_logout_redirect_uris),
    jwks: metadata.jwks === undefined ? '' : JSON.stringify(metadata.jwks, null, 2),
    jwks_uri: metadata.jwks_uri ?? '',
    id_token_signed_response_alg: metadata.id_token_signed_response_alg ?? '',
    allowed_origins: lines(options.allowedOrigins),
    logo_uri: metadata.logo_uri ?? '',
    contacts: lines(metadata.contacts),
    application_type: metadata.application_type,
    require_nonce: options.requireNonce ?? false,
    refresh_only_offline: options.refreshOnlyOffline ?? false,
  };
}

/** What a field says of another value than the typed one; keys are too long to be quoted. */
const savedText = (value: string | boolean): string => {
  if (typeof value === 'boolean') return value ? 'ticked' : 'not ticked';
  return value === '' ? 'nothing' : `“${value.split(/\r\n|\r|\n/).join(', ')}”`;
};

/** Where a typed form differs from the saved one, field by field. */
export function differences(typed: ClientForm, saved: ClientForm): FieldFault[] {
  const plain = (value: string | boolean) => (typeof value === 'string' ? linesOf(value).join('\n') : value);
  return (Object.keys(saved) as (keyof ClientForm)[])
    .filter((field) => plain(typed[field]) !== plain(saved[field]))
    .map((field) => ({
      field,
      message: `Saved now: ${field === 'jwks' && saved.jwks !== '' ? 'another key set' : savedText(saved[field])}.`,
    }));
}

/**
 * The form comes with `code` filled in, and the originals let it stand beside grants that never use it
 * (password, client_credentials). It means nothing there, so it is not registered.
 */
function responseTypes(lines: readonly string[], grantTypes: readonly string[]): SubmittedMetadata {
  if (lines.length === 0) return {};
  const normal = lines.map(normalResponseType);
  const spelt = normal.every((type) => type === 'token' || RESPONSE_TYPES.includes(type));
  const unused =
    grantTypes.length > 0 && !grantTypes.some((grant) => /[,;\s]/.test(grant) || WITH_BROWSER.has(grant));
  return { response_types: spelt && unused ? [] : normal };
}

/** Faults of metadata, named after the form's fields. */
export const formFaults = (faults: readonly FieldFault[]): FieldFault[] =>
  faults.map((fault) => ({ field: FORM_FIELDS[fault.field] ?? fault.field, message: fault.message }));
