import type { FieldFault } from '../platform/errors/errors.js';
import type { ClientMetadata } from './client.js';
import { keyFaults } from './client-keys.js';
import { grantFaults } from './grant-rules.js';
import { INVISIBLE, quoted } from './quoted.js';
import { redirectUriFault, webAddressFault } from './redirect-uris.js';
import type { ServerRules } from './server-rules.js';

const ADDRESSES = ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'] as const;
const NAME_LENGTH = 100;
/** RFC 6749 §3.3 */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
/** As the library's. */
const EMAIL = /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*$/;

const fault = (field: string, message: string): FieldFault => ({ field, message });

/** All that is wrong with a client's metadata, field by field; empty when it can be registered. */
export function metadataFaults(
  metadata: ClientMetadata,
  rules: ServerRules,
  { resourceServer = false }: { resourceServer?: boolean } = {},
): FieldFault[] {
  return [
    ...nameFaults(metadata.client_name),
    ...ADDRESSES.flatMap((field) => {
      const value = metadata[field];
      const wrong = value === undefined ? undefined : webAddressFault(value);
      return wrong === undefined ? [] : [fault(field, wrong)];
    }),
    ...(metadata.contacts ?? []).flatMap((contact) =>
      EMAIL.test(contact) ? [] : [fault('contacts', `${quoted(contact)} is not an e-mail address.`)],
    ),
    ...scopeFaults(metadata.scope),
    ...redirectFaults(metadata),
    ...grantFaults(metadata, rules, resourceServer),
    ...keyFaults(metadata, rules.loopbackIssuer),
    ...idTokenFaults(metadata.id_token_signed_response_alg, rules),
    ...proofFaults(metadata),
    ...(resourceServer ? resourceServerFaults(metadata) : []),
  ];
}

/** The consent page shows the name: it must be what it looks like. */
function nameFaults(name: string | undefined): FieldFault[] {
  if (name === undefined) return [];
  if (name === '') return [fault('client_name', 'The name is empty.')];
  if (INVISIBLE.test(name))
    return [fault('client_name', 'The name holds invisible or direction-changing characters.')];
  if ([...name].length > NAME_LENGTH)
    return [fault('client_name', `The name is longer than ${NAME_LENGTH} characters.`)];
  return [];
}

/** Any well-formed one: resource servers have scopes of their own. */
function scopeFaults(scope: string | undefined): FieldFault[] {
  if (scope === undefined || scope === '') return [];
  const names = scope.split(' ');
  if (names.some((name) => !SCOPE_TOKEN.test(name))) {
    return [fault('scope', 'Write scope names separated by single spaces, without quotes or backslashes.')];
  }
  // RFC 6749 section 3.3 allows it; nobody has ever meant it.
  if (scope.includes(',')) return [fault('scope', 'Separate scopes by spaces, not by commas.')];
  return [];
}

function redirectFaults(metadata: ClientMetadata): FieldFault[] {
  const { application_type: type, response_types: responseTypes } = metadata;
  const missing = responseTypes.length > 0 && metadata.redirect_uris.length === 0;
  return [
    ...(missing
      ? [fault('redirect_uris', 'This client needs a redirect URI: the address it gets answers at.')]
      : []),
    ...(['redirect_uris', 'post_logout_redirect_uris'] as const).flatMap((field) =>
      (metadata[field] ?? []).flatMap((uri) => {
        const wrong = redirectUriFault(uri, type) ?? implicitWebFault(uri, metadata);
        return wrong === undefined ? [] : [fault(field, wrong)];
      }),
    ),
  ];
}

/** The library takes neither plain http nor localhost from a web client with tokens in the front channel. */
function implicitWebFault(uri: string, metadata: ClientMetadata): string | undefined {
  if (metadata.application_type !== 'web' || !metadata.grant_types.includes('implicit')) return undefined;
  const { protocol, hostname } = new URL(uri);
  return protocol === 'http:' || hostname === 'localhost'
    ? `${quoted(uri)} cannot receive ID Tokens or tokens in the address as a web application: use https and a real host name.`
    : undefined;
}

function idTokenFaults(alg: string | undefined, rules: ServerRules): FieldFault[] {
  if (alg === undefined || rules.idTokenAlgs.includes(alg)) return [];
  return [
    fault(
      'id_token_signed_response_alg',
      `${quoted(alg)} is not offered. Use ${rules.idTokenAlgs.join(', ')}.`,
    ),
  ];
}

function proofFaults(metadata: ClientMetadata): FieldFault[] {
  const inFront = metadata.response_types.some((type) => type.split(' ').includes('token'));
  return metadata.dpop_bound_access_tokens === true && inFront
    ? [fault('dpop_bound_access_tokens', 'DPoP cannot bind tokens that are sent in the address.')]
    : [];
}

const resourceServerFaults = (metadata: ClientMetadata): FieldFault[] =>
  metadata.token_endpoint_auth_method === 'none'
    ? [
        fault(
          'token_endpoint_auth_method',
          'A resource server must authenticate: choose another method than none.',
        ),
      ]
    : [];
