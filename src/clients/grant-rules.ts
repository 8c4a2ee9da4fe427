import type { FieldFault } from '../platform/errors/errors.js';
import { AUTH_METHODS, type ClientMetadata, DEVICE_CODE, RESPONSE_TYPES } from './client.js';
import { quoted } from './quoted.js';
import type { ServerRules } from './server-rules.js';

const fault = (field: string, message: string): FieldFault => ({ field, message });
const words = (type: string): string[] => type.split(' ');

/** Faults of grant types, response types and the authentication method, also of one against another. */
export function grantFaults(
  metadata: ClientMetadata,
  rules: ServerRules,
  mayHaveNone: boolean,
): FieldFault[] {
  const spelling = [
    ...metadata.grant_types.flatMap((type) => grantSpelling(type, rules)),
    ...metadata.response_types.flatMap(responseSpelling),
    ...methodSpelling(metadata.token_endpoint_auth_method),
  ];
  const none = metadata.grant_types.length === 0 && !mayHaveNone;
  return [
    ...spelling,
    ...(none ? [fault('grant_types', 'Name at least one grant type, one per line.')] : []),
    // Consequences of a misspelt word would only hide the word.
    ...(spelling.some((one) => one.field === 'grant_types') ? [] : togetherFaults(metadata)),
    ...legacyFaults(metadata, rules),
  ];
}

function grantSpelling(type: string, rules: ServerRules): FieldFault[] {
  if (/[,;\s]/.test(type)) return [fault('grant_types', onePerLine(type, /[,;\s]+/))];
  // The legacy ones exist; whether they are on is said by `legacyFaults`, with the setting's name.
  if (rules.grantTypes.includes(type) || type === 'implicit' || type === 'password') return [];
  return [fault('grant_types', `${quoted(type)} is not offered. Use ${rules.grantTypes.join(', ')}.`)];
}

function responseSpelling(type: string): FieldFault[] {
  if (/[,;]/.test(type)) return [fault('response_types', onePerLine(type, /[,;]\s*/))];
  if (RESPONSE_TYPES.includes(type)) return [];
  const hint = type === 'token' ? '“token” alone is not offered; use “id_token token”.' : undefined;
  return [
    fault('response_types', hint ?? `${quoted(type)} is not offered. Use ${RESPONSE_TYPES.join(' · ')}.`),
  ];
}

const onePerLine = (value: string, separator: RegExp): string =>
  `Write one per line, no commas: ${value.split(separator).filter(Boolean).map(quoted).join(' and ')}.`;

const methodSpelling = (method: string): FieldFault[] =>
  AUTH_METHODS.includes(method)
    ? []
    : [
        fault(
          'token_endpoint_auth_method',
          `${quoted(method)} is not offered. Use ${AUTH_METHODS.join(', ')}.`,
        ),
      ];

function togetherFaults(metadata: ClientMetadata): FieldFault[] {
  const grants = new Set(metadata.grant_types);
  const asked = new Set(metadata.response_types.flatMap(words));
  const faults: FieldFault[] = [];
  if (asked.has('code') && !grants.has('authorization_code')) {
    faults.push(fault('response_types', '“code” needs the grant type authorization_code.'));
  }
  if (grants.has('authorization_code') && !asked.has('code')) {
    faults.push(fault('response_types', 'The grant type authorization_code needs the response type “code”.'));
  }
  if ((asked.has('token') || asked.has('id_token')) && !grants.has('implicit')) {
    faults.push(fault('response_types', 'Response types without “code” need the grant type implicit.'));
  }
  if (grants.has('implicit') && !asked.has('token') && !asked.has('id_token')) {
    faults.push(fault('response_types', 'The grant type implicit needs the response type “id_token token”.'));
  }
  if (grants.has('refresh_token') && ![...grants].some((grant) => REFRESHABLE.has(grant))) {
    faults.push(fault('grant_types', `refresh_token goes with one of ${[...REFRESHABLE].join(', ')}.`));
  }
  // RFC 6749 §4.4: "MUST only be used by confidential clients".
  if (grants.has('client_credentials') && metadata.token_endpoint_auth_method === 'none') {
    faults.push(
      fault('token_endpoint_auth_method', 'client_credentials needs a client that authenticates, not none.'),
    );
  }
  return faults;
}

const REFRESHABLE = new Set(['authorization_code', 'password', DEVICE_CODE]);

/** `LEGACY_FLOWS` and what the implicit grant needs beside it; each missing thing is named. */
function legacyFaults(metadata: ClientMetadata, rules: ServerRules): FieldFault[] {
  const faults: FieldFault[] = [];
  if (metadata.grant_types.includes('password') && !rules.legacyFlows.includes('password')) {
    faults.push(
      fault('grant_types', 'The password grant is switched off here: LEGACY_FLOWS does not name password.'),
    );
  }
  const frontChannel = metadata.response_types.filter((type) => words(type).includes('token'));
  const implicit = frontChannel.some((type) => !words(type).includes('code'));
  const unsaid =
    metadata.grant_types.includes('implicit') && metadata.response_types.every((type) => type === 'code');
  if ((frontChannel.length > 0 || unsaid) && !rules.legacyFlows.includes('implicit')) {
    const field = metadata.grant_types.includes('implicit') ? 'grant_types' : 'response_types';
    faults.push(
      fault(
        field,
        'Access tokens in the address are switched off here: LEGACY_FLOWS does not name implicit.',
      ),
    );
  }
  if ((implicit || unsaid) && metadata.token_endpoint_auth_method !== 'none') {
    faults.push(
      fault('token_endpoint_auth_method', 'The implicit grant needs the authentication method none.'),
    );
  }
  return faults;
}
