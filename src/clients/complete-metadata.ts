import type { ClientMetadata, SubmittedMetadata } from './client.js';
import { isCustomScheme, isLoopbackHttp, isLoopbackHttps } from './redirect-uris.js';

/** Words sorted and single, as the library compares response types. */
export const normalResponseType = (value: string): string =>
  [...new Set(value.trim().split(/\s+/))].sort().join(' ');

const wordsOf = (responseTypes: readonly string[]): Set<string> =>
  new Set(responseTypes.flatMap((type) => type.split(' ')));

const unique = (values: readonly string[]): string[] => [...new Set(values)];

/**
 * Fills in what was not said (RFC 7591 §2), where the one determines the other: grant types from
 * response types and the other way round. It judges nothing.
 */
export function completeMetadata(submitted: SubmittedMetadata, resourceServer = false): ClientMetadata {
  const responseTypes = submitted.response_types?.map(normalResponseType);
  const grantTypes = submitted.grant_types ?? impliedGrants(responseTypes, resourceServer);
  const complete = {
    ...submitted,
    ...(submitted.client_name === undefined ? {} : { client_name: submitted.client_name.trim() }),
    redirect_uris: unique(submitted.redirect_uris ?? []),
    grant_types: withHybrid(unique(grantTypes), responseTypes ?? []),
    response_types: unique(responseTypes ?? (grantTypes.includes('authorization_code') ? ['code'] : [])),
    token_endpoint_auth_method: submitted.token_endpoint_auth_method ?? 'client_secret_basic',
  };
  return { ...complete, application_type: submitted.application_type ?? inferType(complete) };
}

function impliedGrants(responseTypes: readonly string[] | undefined, resourceServer: boolean): string[] {
  // A resource server that only introspects asks for no tokens.
  if (responseTypes === undefined) return resourceServer ? [] : ['authorization_code'];
  const words = wordsOf(responseTypes);
  const grants = words.has('code') ? ['authorization_code'] : [];
  return words.has('token') || words.has('id_token') ? [...grants, 'implicit'] : grants;
}

/** A hybrid response type carries the implicit grant in itself; nobody has to know that to register. */
function withHybrid(grantTypes: string[], responseTypes: readonly string[]): string[] {
  const hybrid = responseTypes.some((type) => type.startsWith('code '));
  return hybrid && !grantTypes.includes('implicit') ? [...grantTypes, 'implicit'] : grantTypes;
}

/**
 * RFC 8252: a custom scheme, or a public client listening on loopback, is a native app. With a secret
 * http://localhost is a web application under development, except with tokens in the front channel,
 * where the library takes loopback http from native clients only.
 */
function inferType(metadata: Omit<ClientMetadata, 'application_type'>): 'web' | 'native' {
  const uris = metadata.redirect_uris;
  if (uris.some(isCustomScheme)) return 'native';
  if (uris.some(isLoopbackHttps) || !uris.some(isLoopbackHttp)) return 'web';
  const isPublic = metadata.token_endpoint_auth_method === 'none';
  return isPublic || metadata.grant_types.includes('implicit') ? 'native' : 'web';
}
