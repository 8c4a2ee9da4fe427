/** The presets against the tables of the seed systems: 1.6 (dserver), 2.4 (permission service), 4.7 (Invenio). */
import { describe, expect, test } from '@jest/globals';
import { PresetFault } from '../../../src/relying-party/preset.js';
import { examplePlace, findPreset, PRESET_NAMES } from '../../../src/relying-party/presets.js';
import type { Dialect } from '../../../src/relying-party/upstream.js';

const preset = (name: string) => {
  const found = findPreset(name, examplePlace(name));
  if (found === undefined) throw new Error(`no preset ${name}`);
  return found;
};
const asked = (name: string, dialect: Dialect) => {
  const { scope, attributes, usernameField } = preset(name).mappings[dialect];
  return [scope, attributes.map(([claim, attribute]) => `${claim}->${attribute}`).join(', '), usernameField];
};
const where = (name: string) => {
  const { authorization, token, userinfo } = preset(name).endpoints;
  return [authorization, token, userinfo];
};

describe('table 1.6, the dserver plugin (row 33)', () => {
  test.each([
    [
      'orcid',
      ['https://orcid.org/oauth/authorize', 'https://orcid.org/oauth/token', undefined],
      ['/authenticate', 'orcid->user_id, name->display_name', 'user_id'],
    ],
    [
      'orcid_sandbox',
      ['https://sandbox.orcid.org/oauth/authorize', 'https://sandbox.orcid.org/oauth/token', undefined],
      ['/authenticate', 'orcid->user_id, name->display_name', 'user_id'],
    ],
    [
      'github',
      [
        'https://github.com/login/oauth/authorize',
        'https://github.com/login/oauth/access_token',
        'https://api.github.com/user',
      ],
      ['read:user user:email', 'id->user_id, login->username, email->email, name->display_name', 'username'],
    ],
    [
      'google',
      [
        'https://accounts.google.com/o/oauth2/v2/auth',
        'https://oauth2.googleapis.com/token',
        'https://openidconnect.googleapis.com/v1/userinfo',
      ],
      [
        'openid email profile',
        'sub->user_id, email->email, name->display_name, given_name->given_name, family_name->surname',
        'email',
      ],
    ],
  ])('%s', (name, addresses, mapping) => {
    expect(where(name)).toEqual(addresses);
    const [scope = '', ...rest] = asked(name, 'dserver');
    expect(scope.split(' ').sort()).toEqual(String(mapping[0]).split(' ').sort());
    expect(rest).toEqual(mapping.slice(1));
  });

  test('a name in any case; an unknown one is none', () => {
    expect(findPreset('ORCID')).toBe(findPreset('orcid'));
    expect(findPreset('GitHub')?.title).toBe('GitHub');
    for (const name of ['unknown', '', 'toString', '__proto__']) expect(findPreset(name)).toBeUndefined();
  });
});

describe('table 2.4, the permission service', () => {
  test('google: replaced addresses, the same questions', () => {
    expect(asked('google', 'permission').slice(0, 2)).toEqual([
      'email profile',
      'sub->id, name->name, email->email, email->username, picture->avatar_url',
    ]);
    expect(preset('google').mappings.permission.attributes).toContainEqual(['email', 'username', 'local']);
  });

  test('github', () => {
    expect(asked('github', 'permission').slice(0, 2)).toEqual([
      'user:email',
      'id->id, name->name, email->email, login->username, avatar_url->avatar_url',
    ]);
    expect(preset('github').endpoints.emails).toBe('https://api.github.com/user/emails');
  });
});

describe('table 4.7, Invenio (row 104)', () => {
  test.each([
    [
      'github',
      'user,user:email',
      'id->user_id, email->email, login->username, name->display_name',
      ['login', 'id'],
    ],
    ['orcid', '/authenticate', 'orcid->user_id, name->display_name', ['orcid', 'full_name']],
    [
      'globus',
      'openid email profile',
      'sub->user_id, email->email, preferred_username->username, name->display_name',
      ['login', 'id'],
    ],
    [
      'keycloak',
      'openid',
      'sub->user_id, email->email, preferred_username->username, name->display_name',
      ['keycloak_id'],
    ],
    ['openaire', 'openid profile email orcid', 'sub->user_id, name->display_name, email->email', ['id']],
    [
      'openaire_sandbox',
      'openid profile email orcid eduperson_entitlement',
      'sub->user_id, name->display_name, email->email',
      ['id'],
    ],
    [
      'eosc',
      'openid profile email entitlements',
      'sub->user_id, email->email, name->display_name',
      ['sub', 'full_name', 'given_name', 'family_name', 'email', 'eunode_projects', 'entitlements'],
    ],
    [
      'cern_openid',
      '',
      'cern_upn->user_id, email->email, preferred_username->username, name->display_name',
      ['external_id', 'roles', 'person_id'],
    ],
  ])('%s', (name, scope, attributes, extra) => {
    expect(asked(name, 'linked').slice(0, 2)).toEqual([scope, attributes]);
    expect(preset(name).mappings.linked.extra?.map(([, kept]) => kept)).toEqual(extra);
  });

  test.each([
    [
      'globus',
      [
        'https://auth.globus.org/v2/oauth2/authorize',
        'https://auth.globus.org/v2/oauth2/token',
        'https://auth.globus.org/v2/oauth2/userinfo',
      ],
    ],
    [
      'keycloak',
      ['auth', 'token', 'userinfo'].map(
        (end) => `https://keycloak.example.org/realms/main/protocol/openid-connect/${end}`,
      ),
    ],
    ['openaire', ['authorize', 'token', 'userinfo'].map((end) => `https://aai.openaire.eu/oidc/${end}`)],
    [
      'openaire_sandbox',
      ['auth', 'token', 'userinfo'].map(
        (end) => `https://beta.aai.openaire.eu/realms/openaire/protocol/openid-connect/${end}`,
      ),
    ],
    ...(
      [
        ['eosc', 'proxy.aai.open-science-cloud.ec.europa.eu'],
        ['eosc_testing', 'proxy.testing.eosc-federation.eu'],
        ['eosc_staging', 'proxy.staging.eosc-federation.eu'],
      ] as const
    ).map(([name, host]): [string, string[]] => [
      name,
      ['authorization', 'token', 'userinfo'].map((end) => `https://${host}/OIDC/${end}`),
    ]),
    [
      'cern_openid',
      ['auth', 'token', 'userinfo'].map(
        (end) => `https://auth.cern.ch/auth/realms/cern/protocol/openid-connect/${end}`,
      ),
    ],
  ])('%s: addresses', (name, addresses) => {
    expect(where(name)).toEqual(addresses);
  });

  test('ORCID asks for its sign-in form, gives no address, and sends a mail; member variants differ in the API', () => {
    for (const [name, api] of [
      ['orcid', 'https://pub.orcid.org/v3.0/'],
      ['orcid_member', 'https://api.orcid.org/v3.0/'],
      ['orcid_sandbox', 'https://pub.sandbox.orcid.org/v3.0/'],
      ['orcid_sandbox_member', 'https://api.sandbox.orcid.org/v3.0/'],
    ] as const) {
      expect(preset(name)).toMatchObject({
        precedence: { email: false },
        signUp: { autoConfirm: false, sendRegisterMessage: true },
        endpoints: { api },
      });
      expect(preset(name).mappings.linked.params).toEqual({ show_login: 'true' });
    }
    expect(preset('eosc').precedence).toEqual({ email: false });
    expect(preset('github').icon).toBe('fa-github');
  });

  test('CERN: roles and sign-out', () => {
    expect(preset('cern_openid')).toMatchObject({
      rolesClaim: 'cern_roles',
      allowedRoles: ['cern_user'],
      logoutUrl: 'https://auth.cern.ch/auth/realms/cern/protocol/openid-connect/logout',
    });
  });

  test('its own names of the same work too', () => {
    expect(findPreset('openaire_aai')).toBe(findPreset('openaire'));
    expect(findPreset('eosc_aai')).toBe(findPreset('eosc'));
  });
});

describe('row 34: upstreams that many people run', () => {
  test('keycloak: a realm of an old one stands below /auth', () => {
    const old = findPreset('keycloak', { baseUrl: 'https://kc.example/auth/', realm: 'a b' });
    expect(old).toMatchObject({
      issuer: 'https://kc.example/auth/realms/a%20b',
      metadataUrl: 'https://kc.example/auth/realms/a%20b/.well-known/openid-configuration',
    });
  });

  test('entra: one directory, never all of them', () => {
    expect(preset('entra').issuer).toBe(
      'https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0',
    );
    for (const tenant of ['common', 'organizations', 'contoso.onmicrosoft.com', '../x']) {
      expect(() => findPreset('entra', { tenant })).toThrow(PresetFault);
    }
  });

  test('gitlab: the public one unless another is named', () => {
    expect(preset('gitlab').metadataUrl).toBe('https://gitlab.com/.well-known/openid-configuration');
    expect(findPreset('gitlab', { baseUrl: 'https://git.uni.example/' })?.issuer).toBe(
      'https://git.uni.example',
    );
  });

  test.each([
    ['keycloak', {}, 'needs base_url'],
    ['keycloak', { baseUrl: 'https://kc.example' }, 'needs realm'],
    ['entra', {}, 'needs tenant'],
    ['github', { tenant: 'x' }, 'has no use for tenant'],
    ['gitlab', { realm: 'x' }, 'has no use for realm'],
  ])('%s %j %s', (name, given, message) => {
    expect(() => findPreset(name, given)).toThrow(message);
  });
});

test('every preset has three dialects, https addresses, and for OpenID Connect a discovery document of its issuer', () => {
  expect(PRESET_NAMES).toHaveLength(16);
  for (const name of PRESET_NAMES) {
    const { protocol, issuer, metadataUrl, endpoints, mappings } = preset(name);
    for (const url of [issuer, ...Object.values(endpoints)])
      expect(new URL(url ?? '').protocol).toBe('https:');
    expect(mappings.dserver.usernameField).toBeDefined();
    expect(Object.keys(mappings).sort()).toEqual(['dserver', 'linked', 'permission']);
    if (protocol === 'oidc') {
      expect(metadataUrl).toBe(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    } else expect(endpoints.token).toBeDefined();
  }
});
