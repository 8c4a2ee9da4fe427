/** Infrastructures of research, as Invenio asked them (table 4.7). */
import { discovered, keycloak, linkedOnly, MAILED, map, type Preset, speaking } from './preset.js';
import type { Mapping } from './upstream.js';

const openaireMapping = (scope: string): Mapping =>
  speaking(scope, map(['sub', 'user_id'], ['name', 'display_name'], ['email', 'email']), {
    extra: map(['sub', 'id']),
  });

const OPENAIRE_SCOPE = 'openid profile email orcid';

export const openaire: Preset = {
  ...discovered('OpenAIRE', 'https://aai.openaire.eu/oidc/', linkedOnly(openaireMapping(OPENAIRE_SCOPE))),
  endpoints: {
    authorization: 'https://aai.openaire.eu/oidc/authorize',
    token: 'https://aai.openaire.eu/oidc/token',
    userinfo: 'https://aai.openaire.eu/oidc/userinfo',
  },
  signUp: MAILED,
};

export const openaireSandbox: Preset = {
  ...keycloak('OpenAIRE sandbox', 'https://beta.aai.openaire.eu', 'openaire'),
  mappings: linkedOnly(openaireMapping(`${OPENAIRE_SCOPE} eduperson_entitlement`)),
  signUp: MAILED,
};

export function eosc(title: string, host: string): Preset {
  const origin = `https://${host}`;
  const extra = map(
    ['sub', 'sub'],
    ['name', 'full_name'],
    ['given_name', 'given_name'],
    ['family_name', 'family_name'],
    ['email', 'email'],
    ['eunode_projects', 'eunode_projects'],
    ['entitlements', 'entitlements'],
  );
  return {
    ...discovered(
      title,
      origin,
      linkedOnly(
        speaking(
          'openid profile email entitlements',
          map(['sub', 'user_id'], ['email', 'email'], ['name', 'display_name']),
          { extra },
        ),
      ),
    ),
    endpoints: {
      authorization: `${origin}/OIDC/authorization`,
      token: `${origin}/OIDC/token`,
      userinfo: `${origin}/OIDC/userinfo`,
    },
    precedence: { email: false },
    signUp: MAILED,
  };
}

export const CERN = 'https://auth.cern.ch/auth/realms/cern';

export const cernOpenid: Preset = {
  ...discovered(
    'CERN',
    CERN,
    linkedOnly(
      speaking(
        '',
        map(
          ['cern_upn', 'user_id'],
          ['email', 'email'],
          ['preferred_username', 'username'],
          ['name', 'display_name'],
        ),
        {
          extra: map(['cern_upn', 'external_id'], ['cern_roles', 'roles'], ['cern_person_id', 'person_id']),
        },
      ),
    ),
  ),
  endpoints: {
    authorization: `${CERN}/protocol/openid-connect/auth`,
    token: `${CERN}/protocol/openid-connect/token`,
    userinfo: `${CERN}/protocol/openid-connect/userinfo`,
  },
  rolesClaim: 'cern_roles',
  allowedRoles: ['cern_user'],
  logoutUrl: `${CERN}/protocol/openid-connect/logout`,
};
