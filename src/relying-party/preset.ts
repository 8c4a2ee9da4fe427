/** What a preset is, and what most of them have in common. `presets.ts` finds one by its name. */
import type { Dialect, MappedClaim, Mapping, Upstream, UpstreamEndpoints } from './upstream.js';

export interface Preset {
  readonly title: string;
  readonly protocol: Upstream['protocol'];
  readonly issuer: string;
  readonly metadataUrl?: string;
  readonly endpoints: UpstreamEndpoints;
  readonly mappings: Readonly<Record<Dialect, Mapping>>;
  readonly icon?: string;
  readonly freshPrompt?: string;
  readonly precedence?: Readonly<Record<string, boolean>>;
  readonly signUp?: Upstream['signUp'];
  readonly rolesClaim?: string;
  readonly allowedRoles?: readonly string[];
  readonly logoutUrl?: string;
}

/** Where an upstream that many people run stands. */
export interface PresetPlace {
  readonly baseUrl?: string | undefined;
  readonly realm?: string | undefined;
  readonly tenant?: string | undefined;
}

/** A preset that needs a place says what it misses; `undefined` for a place it has no use for. */
export class PresetFault extends Error {}

export const map = (...pairs: MappedClaim[]): readonly MappedClaim[] => pairs;

/** The plugin's default. */
export const PLUGIN_ATTRIBUTES = map(
  ['sub', 'user_id'],
  ['email', 'email'],
  ['name', 'display_name'],
  ['given_name', 'given_name'],
  ['family_name', 'surname'],
);

/** OpenID Connect as everybody speaks it. */
const STANDARD_ATTRIBUTES = map(
  ...PLUGIN_ATTRIBUTES,
  ['preferred_username', 'username'],
  ['picture', 'avatar_url'],
);

export const STANDARD_SCOPE = 'openid profile email';

export const speaking = (
  scope: string,
  attributes: readonly MappedClaim[],
  more: Partial<Mapping> = {},
): Mapping => ({
  scope,
  attributes,
  params: {},
  ...more,
});

export const standard = speaking(STANDARD_SCOPE, STANDARD_ATTRIBUTES);

/** For upstreams of which only Invenio had an opinion. */
export const linkedOnly = (linked: Mapping): Preset['mappings'] => ({
  dserver: { ...standard, usernameField: 'user_id' },
  permission: standard,
  linked,
});

export const STANDARD_MAPPINGS = linkedOnly(standard);

export const MAILED = { autoConfirm: false, sendRegisterMessage: true };

const wellKnown = (issuer: string): string => `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;

/** Upstreams found by discovery alone. */
export const discovered = (title: string, issuer: string, mappings: Preset['mappings']): Preset => ({
  title,
  protocol: 'oidc',
  issuer,
  metadataUrl: wellKnown(issuer),
  endpoints: {},
  mappings,
});

/** A realm of Keycloak before version 17 stands below `/auth`, which then belongs to the base address. */
export function keycloak(title: string, base: string, realm: string): Preset {
  const issuer = `${base.replace(/\/+$/, '')}/realms/${encodeURIComponent(realm)}`;
  const at = `${issuer}/protocol/openid-connect`;
  return {
    ...discovered(
      title,
      issuer,
      linkedOnly(
        speaking(
          'openid',
          map(
            ['sub', 'user_id'],
            ['email', 'email'],
            ['preferred_username', 'username'],
            ['name', 'display_name'],
          ),
          { extra: map(['sub', 'keycloak_id']) },
        ),
      ),
    ),
    endpoints: { authorization: `${at}/auth`, token: `${at}/token`, userinfo: `${at}/userinfo` },
  };
}
