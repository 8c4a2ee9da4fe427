/**
 * The upstreams of this server: what the operator wrote, on top of a preset, on top of defaults. Whatever cannot
 * work is refused when the server starts, with the variable it stands in.
 */
import type { Config } from '../platform/config/config.js';
import { ConfigFault, type SettingFault } from '../platform/config/config-fault.js';
import { findPreset, PRESET_NAMES } from './presets.js';
import { type Preset, PresetFault, STANDARD_MAPPINGS } from './preset.js';
import type { Upstreams } from './doors.js';
import { type Dialect, isConfigured, type MappedClaim, type Mapping, type Upstream } from './upstream.js';

type Entry = Config['upstreams']['entries'][number];
type Settings = Pick<Config, 'upstreams' | 'loopback' | 'upstreamAllowPrivate'>;

/** Field of the sign-up form → the upstream's value wins. */
const PRECEDENCE = { email: true, username: false, display_name: false };

const withoutWellKnown = (url: string): string => url.replace(/\/\.well-known\/[^/]*$/, '');

function presetOf(entry: Entry, refuse: (message: string) => void): Preset | undefined {
  const { preset: name, base_url: baseUrl, realm, tenant } = entry;
  if (name === undefined) {
    if (baseUrl ?? realm ?? tenant) refuse('base_url, realm and tenant belong to a preset; name one');
    return undefined;
  }
  try {
    const preset = findPreset(name, { baseUrl, realm, tenant });
    if (preset === undefined)
      refuse(`unknown preset ${JSON.stringify(name)}; there are ${PRESET_NAMES.join(', ')}`);
    return preset;
  } catch (error) {
    if (!(error instanceof PresetFault)) throw error;
    refuse(`preset ${name}: ${error.message}`);
    return undefined;
  }
}

/** An address that is a known service's means that service, so that its people keep their identity. */
function knownIssuer(authorization: string | undefined): string | undefined {
  const name = [
    'orcid',
    'orcid_sandbox',
    'github',
    'google',
    'globus',
    'openaire',
    'eosc',
    'cern_openid',
  ].find((one) => findPreset(one)?.endpoints.authorization === authorization);
  return name === undefined ? undefined : findPreset(name)?.issuer;
}

function toldIssuer(entry: Entry, preset: Preset | undefined): string | undefined {
  const { issuer, metadata_url: metadata, authorization_url: authorization } = entry;
  return issuer ?? (metadata && withoutWellKnown(metadata)) ?? preset?.issuer ?? knownIssuer(authorization);
}

function issuerOf(entry: Entry, preset: Preset | undefined): string {
  const { authorization_url: authorization } = entry;
  const told = toldIssuer(entry, preset);
  return told ?? (authorization === undefined ? '' : new URL(authorization).origin);
}

function protocolOf(
  { protocol, issuer, metadata_url, request_token_url }: Entry,
  preset: Preset | undefined,
) {
  if (protocol ?? preset?.protocol) return protocol ?? (preset?.protocol as Upstream['protocol']);
  if (request_token_url !== undefined) return 'oauth1';
  return issuer !== undefined || metadata_url !== undefined ? 'oidc' : 'oauth2';
}

/** An address tells nobody apart: tomorrow it may be another's. */
const subjectOf = ({ attribute_map: pairs = [] }: Entry): string | undefined =>
  pairs.find(([claim, attribute]) => attribute === 'user_id' && claim !== 'email')?.[0];

/** The dialect's own word, else the entry's, else the preset's. */
function mappingOf(entry: Entry, dialect: Dialect, base: Mapping): Mapping {
  const own = entry[dialect] ?? {};
  const { scope: asked, ...params } = { ...entry.request_token_params, ...own.request_token_params };
  const attributes: readonly MappedClaim[] | undefined = own.attribute_map ?? entry.attribute_map;
  const field = own.username_field ?? (dialect === 'dserver' ? entry.username_field : undefined);
  return {
    ...base,
    scope: own.scope ?? entry.scope ?? asked ?? base.scope,
    attributes: attributes ?? base.attributes,
    subject: subjectOf(entry),
    usernameField: field ?? base.usernameField,
    params: { ...base.params, ...params },
  };
}

function endpointsOf(entry: Entry, preset: Preset | undefined): Upstream['endpoints'] {
  const own = {
    authorization: entry.authorization_url,
    token: entry.token_url,
    userinfo: entry.userinfo_url,
    emails: entry.emails_url,
    requestToken: entry.request_token_url,
    endSession: entry.end_session_url,
    revocation: entry.revocation_url,
    api: entry.api_url,
  };
  const set = Object.entries(own).filter(([, url]) => url !== undefined);
  // Somebody else's discovery document beside a preset's addresses would be half of each.
  const base = entry.issuer === undefined && entry.metadata_url === undefined ? preset?.endpoints : {};
  return { ...base, ...Object.fromEntries(set) };
}

function metadataUrlOf({ issuer, metadata_url }: Entry, preset: Preset | undefined): string | undefined {
  const derived = issuer && `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  return metadata_url ?? derived ?? preset?.metadataUrl;
}

function toUpstream(
  entry: Entry,
  preset: Preset | undefined,
  { pluginId, pluginName, autoProvision }: Settings['upstreams'],
): Upstream {
  const { id, client_secret: clientSecret } = entry;
  const base = preset?.mappings ?? STANDARD_MAPPINGS;
  const protocol = protocolOf(entry, preset);
  return {
    id,
    providerName: (id === pluginId ? pluginName : undefined) ?? id,
    protocol,
    title: entry.title ?? preset?.title ?? id,
    description: entry.description,
    icon: entry.icon ?? preset?.icon,
    hide: entry.hide ?? false,
    linkOnly: entry.link_only ?? false,
    remember: entry.remember ?? true,
    issuer: issuerOf(entry, preset),
    metadataUrl: protocol === 'oidc' ? metadataUrlOf(entry, preset) : undefined,
    endpoints: endpointsOf(entry, preset),
    clientId: entry.client_id,
    clientSecret,
    clientAuth: entry.client_auth ?? (clientSecret === undefined ? 'none' : 'client_secret_basic'),
    accessTokenMethod: entry.access_token_method ?? 'POST',
    authorizationScheme: entry.authorization_scheme ?? 'Bearer',
    mappings: {
      dserver: mappingOf(entry, 'dserver', base.dserver),
      permission: mappingOf(entry, 'permission', base.permission),
      linked: mappingOf(entry, 'linked', base.linked),
    },
    freshPrompt: preset?.freshPrompt,
    precedence: { ...PRECEDENCE, ...preset?.precedence, ...entry.precedence },
    signUp: {
      autoConfirm: entry.auto_confirm ?? preset?.signUp?.autoConfirm ?? true,
      sendRegisterMessage: entry.send_register_message ?? preset?.signUp?.sendRegisterMessage ?? false,
    },
    autoProvision: entry.auto_provision ?? autoProvision,
    allowedDomains: (entry.allowed_domains ?? []).map((domain) => domain.toLowerCase()),
    allowedRoles: entry.allowed_roles ?? preset?.allowedRoles ?? [],
    rolesClaim: entry.roles_claim ?? preset?.rolesClaim,
    groupRoles: entry.group_roles ?? {},
    stateTtl: entry.state_ttl,
    logoutUrl: entry.logout_url ?? preset?.logoutUrl,
    tokenClients: entry.token_clients ?? [],
  };
}

/** What contradicts itself, in the operator's words. */
function* contradictions(entry: Entry, upstream: Upstream, plainHttp: boolean): Generator<string> {
  const { protocol, metadataUrl, endpoints, clientId, clientSecret, clientAuth } = upstream;
  const { authorization, token, requestToken } = endpoints;
  if (!entry.lenient) {
    if (metadataUrl === undefined && authorization === undefined) {
      yield 'names no server; set PRESET, ISSUER, METADATA_URL or AUTHORIZATION_URL';
    } else if (protocol === 'oidc' && metadataUrl === undefined)
      yield 'OpenID Connect needs ISSUER or METADATA_URL';
    else if (protocol !== 'oidc' && token === undefined) yield 'TOKEN_URL is missing';
    else if (entry.issuer === undefined && entry.metadata_url?.includes('/.well-known/') === false) {
      yield 'ISSUER is missing; it cannot be told from this METADATA_URL';
    }
    if (protocol === 'oauth1' && requestToken === undefined) yield 'OAuth 1.0a needs REQUEST_TOKEN_URL';
    if (clientId === undefined) yield 'CLIENT_ID is missing';
  }
  if (protocol !== 'oauth1') {
    if (clientSecret === undefined && clientAuth !== 'none') yield `${clientAuth} needs CLIENT_SECRET`;
    if (clientSecret !== undefined && clientAuth === 'none')
      yield 'CLIENT_SECRET is set, but CLIENT_AUTH is none';
  }
  const { allowedRoles, rolesClaim } = upstream;
  // GROUP_ROLES may stand without it: a handler can tell the groups.
  if (rolesClaim === undefined && allowedRoles.length > 0) {
    yield 'ALLOWED_ROLES need ROLES_CLAIM, the claim that lists them';
  }
  const insecure = [metadataUrl, ...Object.values(endpoints)].find((url) => url?.startsWith('http:'));
  if (insecure !== undefined && !plainHttp) {
    yield `${insecure} is not https; plain http is for private networks, which UPSTREAM_ALLOW_PRIVATE opens`;
  }
}

/** Two services on one host, each told by the host alone: user 1 of the one would sign in as user 1 of the other. */
function mixedUp(
  { protocol, issuer, endpoints }: Upstream,
  guessed: readonly Upstream[],
): string | undefined {
  const twin = guessed.find(
    (one) => one.issuer === issuer && one.endpoints.authorization !== endpoints.authorization,
  );
  return (
    twin &&
    `its people could not be told from those of ${twin.id}, both are at ${issuer}; set ISSUER and PROTOCOL=${protocol}`
  );
}

/** @throws {ConfigFault} with everything that is wrong with any of them */
export function createUpstreams({ upstreams, loopback, upstreamAllowPrivate }: Settings): Upstreams {
  const faults: SettingFault[] = [];
  const plainHttp = loopback || upstreamAllowPrivate.length > 0;
  const guessed: Upstream[] = [];
  const all = upstreams.entries.flatMap((entry) => {
    const { id, variable } = entry;
    const refuse = (message: string) => {
      faults.push({ setting: variable, variable, message: `upstream ${id}: ${message}` });
    };
    const preset = presetOf(entry, refuse);
    if (entry.preset !== undefined && preset === undefined) return [];
    const upstream = toUpstream(entry, preset, upstreams);
    for (const message of contradictions(entry, upstream, plainHttp)) refuse(message);
    if (upstream.issuer !== '' && toldIssuer(entry, preset) === undefined) {
      const message = mixedUp(upstream, guessed);
      if (message !== undefined) refuse(message);
      guessed.push(upstream);
    }
    return [upstream];
  });
  if (faults.length > 0) throw new ConfigFault(faults);
  const byId = new Map(all.map((upstream) => [upstream.id, upstream]));
  return {
    find: (id) => byId.get(id),
    list: () => all,
    visible: () => all.filter((upstream) => !upstream.hide && !upstream.linkOnly && isConfigured(upstream)),
  };
}
