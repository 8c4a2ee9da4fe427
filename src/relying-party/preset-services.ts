/** Services of the public internet, each a preset. */
import {
  discovered,
  linkedOnly,
  MAILED,
  map,
  PLUGIN_ATTRIBUTES,
  type Preset,
  PresetFault,
  speaking,
  standard,
  STANDARD_MAPPINGS,
  STANDARD_SCOPE,
} from './preset.js';

export function orcid(title: string, host: string, api: string): Preset {
  const attributes = map(['orcid', 'user_id'], ['name', 'display_name']);
  const asked = speaking('/authenticate', attributes);
  return {
    title,
    protocol: 'oauth2',
    issuer: `https://${host}`,
    endpoints: {
      authorization: `https://${host}/oauth/authorize`,
      token: `https://${host}/oauth/token`,
      api: `https://${api}/v3.0/`,
    },
    mappings: {
      dserver: { ...asked, usernameField: 'user_id' },
      permission: asked,
      linked: {
        ...asked,
        params: { show_login: 'true' },
        extra: map(['orcid', 'orcid'], ['name', 'full_name']),
      },
    },
    precedence: { email: false },
    signUp: MAILED,
  };
}

export const github: Preset = {
  title: 'GitHub',
  protocol: 'oauth2',
  issuer: 'https://github.com',
  endpoints: {
    authorization: 'https://github.com/login/oauth/authorize',
    token: 'https://github.com/login/oauth/access_token',
    userinfo: 'https://api.github.com/user',
    emails: 'https://api.github.com/user/emails',
    api: 'https://api.github.com/',
  },
  icon: 'fa-github',
  mappings: {
    dserver: speaking(
      'read:user user:email',
      map(['id', 'user_id'], ['login', 'username'], ['email', 'email'], ['name', 'display_name']),
      { usernameField: 'username' },
    ),
    permission: speaking(
      'user:email',
      map(
        ['id', 'id'],
        ['name', 'name'],
        ['email', 'email'],
        ['login', 'username'],
        ['avatar_url', 'avatar_url'],
      ),
    ),
    linked: speaking(
      'user,user:email',
      map(['id', 'user_id'], ['email', 'email'], ['login', 'username'], ['name', 'display_name']),
      { extra: map(['login', 'login'], ['id', 'id']) },
    ),
  },
};

export const google: Preset = {
  title: 'Google',
  protocol: 'oidc',
  // It refuses `login`.
  freshPrompt: 'select_account',
  issuer: 'https://accounts.google.com',
  metadataUrl: 'https://accounts.google.com/.well-known/openid-configuration',
  endpoints: {
    authorization: 'https://accounts.google.com/o/oauth2/v2/auth',
    token: 'https://oauth2.googleapis.com/token',
    userinfo: 'https://openidconnect.googleapis.com/v1/userinfo',
  },
  mappings: {
    dserver: speaking(STANDARD_SCOPE, PLUGIN_ATTRIBUTES, { usernameField: 'email' }),
    permission: speaking(
      'email profile',
      map(
        ['sub', 'id'],
        ['name', 'name'],
        ['email', 'email'],
        ['email', 'username', 'local'],
        ['picture', 'avatar_url'],
      ),
    ),
    linked: standard,
  },
};

export const globus: Preset = {
  title: 'Globus',
  protocol: 'oidc',
  issuer: 'https://auth.globus.org',
  metadataUrl: 'https://auth.globus.org/.well-known/openid-configuration',
  endpoints: {
    authorization: 'https://auth.globus.org/v2/oauth2/authorize',
    token: 'https://auth.globus.org/v2/oauth2/token',
    userinfo: 'https://auth.globus.org/v2/oauth2/userinfo',
  },
  mappings: linkedOnly(
    speaking(
      'openid email profile',
      map(
        ['sub', 'user_id'],
        ['email', 'email'],
        ['preferred_username', 'username', 'local'],
        ['name', 'display_name'],
      ),
      { extra: map(['preferred_username', 'login', 'local'], ['sub', 'id']) },
    ),
  ),
};

/** Only people of one directory: `common` would let in whoever has an account at Microsoft. */
export function entra(tenant: string): Preset {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(tenant)) {
    throw new PresetFault('tenant: is not the id of a directory, like 8eaef023-2b34-4da1-9baa-8bc8c9d6a490');
  }
  return discovered(
    'Microsoft',
    `https://login.microsoftonline.com/${tenant.toLowerCase()}/v2.0`,
    STANDARD_MAPPINGS,
  );
}

export function gitlab(base: string): Preset {
  const username = map(['nickname', 'username'], ['preferred_username', 'username']);
  const said = map(
    ['sub', 'user_id'],
    ['email', 'email'],
    ['name', 'display_name'],
    ['picture', 'avatar_url'],
    ...username,
  );
  return discovered('GitLab', base.replace(/\/+$/, ''), linkedOnly(speaking(STANDARD_SCOPE, said)));
}
