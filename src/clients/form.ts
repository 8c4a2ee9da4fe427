import type { FieldFault } from '../platform/errors/errors.js';
import { RESPONSE_TYPES, type SubmittedMetadata } from './client.js';
import { normalResponseType } from './complete-metadata.js';

/** The seven fields of the originals' form (seed row 64), as text; lists hold one value per line. */
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
};

const FORM_FIELDS: Readonly<Record<string, string>> = {
  redirect_uris: 'redirect_uri',
  grant_types: 'grant_type',
  response_types: 'response_type',
  // A plain form has no field for these; the choice that asked for them is the method's.
  jwks: 'token_endpoint_auth_method',
  jwks_uri: 'token_endpoint_auth_method',
};

/** Grants that send the browser to the authorization endpoint: only with these a response type means something. */
const WITH_BROWSER = new Set(['authorization_code', 'implicit']);

/** Reads a posted form. Fields it does not know are not looked at (A105). */
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
  };
}

const isText = (value: unknown): value is string => typeof value === 'string';

const linesOf = (text: string): string[] =>
  text
    .split(/\r\n|\r|\n/)
    .map((value) => value.trim())
    .filter((value) => value !== '');

/** The metadata a form stands for; an empty field counts as not said. */
export function formMetadata(form: ClientForm): SubmittedMetadata {
  const scope = form.scope.split(/\s+/).filter(Boolean).join(' ');
  const grantTypes = linesOf(form.grant_type);
  return {
    ...(form.client_name === '' ? {} : { client_name: form.client_name }),
    ...(form.client_uri === '' ? {} : { client_uri: form.client_uri }),
    ...(scope === '' ? {} : { scope }),
    ...(form.token_endpoint_auth_method === ''
      ? {}
      : { token_endpoint_auth_method: form.token_endpoint_auth_method }),
    redirect_uris: linesOf(form.redirect_uri),
    grant_types: grantTypes,
    ...responseTypes(linesOf(form.response_type), grantTypes),
  };
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
