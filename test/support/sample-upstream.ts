import type { Upstream } from '../../src/relying-party/upstream.js';

const MAPPING = { scope: 'openid', attributes: [], params: {} };

/** An upstream with nothing but what it must have. */
export const sampleUpstream = (more: Partial<Upstream> = {}): Upstream => ({
  id: 'lab',
  providerName: 'lab',
  protocol: 'oidc',
  title: 'The Lab',
  hide: false,
  linkOnly: false,
  remember: true,
  issuer: 'https://lab.example',
  endpoints: {},
  clientId: 'postern',
  clientSecret: 'our secret there',
  clientAuth: 'client_secret_basic',
  accessTokenMethod: 'POST',
  authorizationScheme: 'Bearer',
  mappings: { dserver: MAPPING, permission: MAPPING, linked: MAPPING },
  precedence: {},
  signUp: { autoConfirm: true, sendRegisterMessage: false },
  autoProvision: true,
  allowedDomains: [],
  allowedRoles: [],
  groupRoles: {},
  tokenClients: [],
  ...more,
});
