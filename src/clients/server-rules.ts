import { GRANT_TYPES } from './client.js';

/** What this server offers, as far as a client can ask for it. */
export interface ServerRules {
  readonly legacyFlows: readonly ('password' | 'implicit')[];
  /** Those offered: without `password` where `LEGACY_FLOWS` does not name it. */
  readonly grantTypes: readonly string[];
  readonly idTokenAlgs: readonly string[];
  /** A loopback issuer may fetch keys from loopback over http. */
  readonly loopbackIssuer: boolean;
}

/** Everything on but the legacy flows. */
export const DEFAULT_RULES: ServerRules = {
  legacyFlows: [],
  grantTypes: GRANT_TYPES,
  idTokenAlgs: ['RS256', 'PS256', 'ES256', 'EdDSA'],
  loopbackIssuer: false,
};
