/**
 * Upstreams that are known by name, as data: where they are, and what each of the three originals asked them
 * for. Of two tables that name an address the dserver plugin's wins over Invenio's, and that over the permission
 * service's; scope and mapping follow the system a login is for. Addresses that are dead today are replaced (see
 * "Differences from the originals" in the README). A new upstream needs no entry here, only configuration.
 */
import { keycloak, type Preset, PresetFault, type PresetPlace } from './preset.js';
import { cernOpenid, eosc, openaire, openaireSandbox } from './preset-research.js';
import { entra, github, gitlab, globus, google, orcid } from './preset-services.js';

/** Refuses a place that is missing, or that has nothing to say about an upstream there is only one of. */
function needs<const K extends keyof PresetPlace>(
  place: PresetPlace,
  ...keys: readonly K[]
): Record<K, string> {
  const names = { baseUrl: 'base_url', realm: 'realm', tenant: 'tenant' };
  const missing = keys.find((key) => place[key] === undefined);
  if (missing !== undefined) throw new PresetFault(`needs ${names[missing]}`);
  const extra = (Object.keys(names) as (keyof PresetPlace)[]).find(
    (key) => place[key] !== undefined && !(keys as readonly string[]).includes(key),
  );
  if (extra !== undefined) throw new PresetFault(`has no use for ${names[extra]}`);
  return place as Record<K, string>;
}

type Maker = (place: PresetPlace) => Preset;

const fixed =
  (preset: Preset): Maker =>
  (place) => {
    needs(place);
    return preset;
  };

const MAKERS: Readonly<Record<string, Maker>> = {
  orcid: fixed(orcid('ORCID', 'orcid.org', 'pub.orcid.org')),
  orcid_sandbox: fixed(orcid('ORCID sandbox', 'sandbox.orcid.org', 'pub.sandbox.orcid.org')),
  orcid_member: fixed(orcid('ORCID', 'orcid.org', 'api.orcid.org')),
  orcid_sandbox_member: fixed(orcid('ORCID sandbox', 'sandbox.orcid.org', 'api.sandbox.orcid.org')),
  github: fixed(github),
  google: fixed(google),
  globus: fixed(globus),
  keycloak(place) {
    const { baseUrl, realm } = needs(place, 'baseUrl', 'realm');
    return keycloak('Keycloak', baseUrl, realm);
  },
  entra: (place) => entra(needs(place, 'tenant').tenant),
  gitlab: (place) => gitlab(needs({ baseUrl: 'https://gitlab.com', ...present(place) }, 'baseUrl').baseUrl),
  openaire: fixed(openaire),
  openaire_sandbox: fixed(openaireSandbox),
  eosc: fixed(eosc('EOSC EU Node', 'proxy.aai.open-science-cloud.ec.europa.eu')),
  eosc_testing: fixed(eosc('EOSC testing', 'proxy.testing.eosc-federation.eu')),
  eosc_staging: fixed(eosc('EOSC staging', 'proxy.staging.eosc-federation.eu')),
  cern_openid: fixed(cernOpenid),
};

/** Invenio's names of the same. */
const ALIASES: Readonly<Record<string, string>> = {
  openaire_aai: 'openaire',
  openaire_aai_sandbox: 'openaire_sandbox',
  eosc_aai: 'eosc',
};

const present = (place: PresetPlace): PresetPlace =>
  Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined));

export const PRESET_NAMES: readonly string[] = Object.keys(MAKERS);

/**
 * The preset of a name, in any case.
 * @throws {PresetFault} where it needs a place that is not given, or is given one it has no use for
 */
export function findPreset(name: string, place: PresetPlace = {}): Preset | undefined {
  const lower = name.toLowerCase();
  const known = ALIASES[lower] ?? lower;
  return Object.hasOwn(MAKERS, known) ? MAKERS[known]?.(place) : undefined;
}

/** A place to show a preset at, where it needs one: for lists and examples. */
export const examplePlace = (name: string): PresetPlace =>
  ({
    keycloak: { baseUrl: 'https://keycloak.example.org', realm: 'main' },
    entra: { tenant: '00000000-0000-0000-0000-000000000000' },
  })[name.toLowerCase()] ?? {};
