/**
 * Every upstream an operator named, whichever way: `UPSTREAMS_FILE`, `UPSTREAM_<ID>_*`, and the names of the
 * systems Postern takes over from. Entries of one id are one upstream.
 */
import { errorCode } from './error-code.js';
import { readLinkedApps } from './linked-settings.js';
import type { SettingName, SettingValues } from './settings.js';
import type { ReadFile } from './sources.js';
import { addOptions, type Draft, type Gathering, type Sources } from './upstream-drafts.js';
import { type UpstreamOptions, upstreamOptions, VARIABLE_OPTIONS } from './upstream-options.js';

export interface UpstreamEntry extends UpstreamOptions {
  readonly id: string;
  /** Its preset's variable, or where it was named first, for whoever has to mend it. */
  readonly variable: string;
  /** An unfinished one of the plugin's names is no fault: it answers that it is not set up. */
  readonly lenient: boolean;
}

export interface UpstreamSettings {
  readonly entries: readonly UpstreamEntry[];
  /** The upstream of `OAUTH2_*`: where `/auth/login` leads. */
  readonly pluginId: string | undefined;
  /** `OAUTH2_PROVIDER_NAME` letter by letter, or the preset: what the id was made of. */
  readonly pluginName: string | undefined;
  /** The upstream of `CLIENT_ID` and `SERVER_METADATA_URL`: where `/login` leads. */
  readonly oneProviderId: string | undefined;
}

const ID = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const FILE = 'UPSTREAMS_FILE';

function parsedFile(to: Gathering, path: string): unknown {
  const refuse = (message: string): undefined => {
    to.faults.push({ setting: FILE, variable: FILE, message });
    return undefined;
  };
  let text: string;
  try {
    text = to.readFile(path);
  } catch (error) {
    return refuse(
      `cannot read ${path} (${errorCode(error) ?? 'unreadable'}); name a readable file or unset it`,
    );
  }
  try {
    return JSON.parse(text);
  } catch {
    return refuse(`${path} is not JSON`);
  }
}

function addFile(to: Gathering): void {
  const path = to.values.UPSTREAMS_FILE;
  const document = path === undefined ? {} : parsedFile(to, path);
  if (document === undefined) return;
  const isObject = (one: unknown): one is object =>
    typeof one === 'object' && one !== null && !Array.isArray(one);
  const refuse = (message: string) => to.faults.push({ setting: FILE, variable: FILE, message });
  if (!isObject(document)) {
    refuse('is not an object with an upstream under each name');
    return;
  }
  for (const [id, given] of Object.entries(document)) {
    if (!ID.test(id)) refuse(`${JSON.stringify(id.slice(0, 80))} is no name; use a-z, 0-9, - and _`);
    else if (!isObject(given)) refuse(`${id}: is not an object`);
    else {
      const options = Object.entries(given).map(([name, value]) => [name, { given: value, variable: FILE }]);
      addOptions(to, { id, variable: FILE }, Object.fromEntries(options));
    }
  }
}

function addVariables(to: Gathering): void {
  for (const [name, { text, variable }] of to.sources) {
    if (!/^UPSTREAM_(?!ALLOW_PRIVATE$)/.test(name)) continue;
    const rest = name.slice('UPSTREAM_'.length).toLowerCase();
    const option = VARIABLE_OPTIONS.find((one) => rest.endsWith(`_${one}`));
    const id = option === undefined ? '' : rest.slice(0, -option.length - 1);
    if (option === undefined || !ID.test(id)) {
      const message = `names no option of an upstream; write UPSTREAM_<ID>_ and one of ${VARIABLE_OPTIONS.toSorted().join(', ').toUpperCase()}`;
      to.faults.push({ setting: 'UPSTREAM_<ID>_*', variable, message });
      continue;
    }
    addOptions(to, { id, variable, over: true }, { [option]: { given: text, variable } });
  }
}

/** What was set, never a default: a preset's own value must not give way to one. */
const chosen =
  ({ sources }: Gathering) =>
  (name: SettingName): { given: unknown; variable: string } | undefined => {
    const source = sources.get(name);
    return source && { given: source.text, variable: source.variable };
  };

const toId = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[-_]+|[-_]+$/g, '')
    .slice(0, 63) || 'oauth2';

/** The dserver token plugin: one upstream by `OAUTH2_*`, or by `OAUTH2_PRESET` and a client. */
function addPlugin(to: Gathering): { readonly id: string; readonly name: string } | undefined {
  const set = chosen(to);
  const said = (['OAUTH2_PRESET', 'OAUTH2_AUTHORIZATION_URL', 'OAUTH2_CLIENT_ID'] as const).find((name) =>
    set(name),
  );
  if (said === undefined) return undefined;
  const preset = set('OAUTH2_PRESET');
  const { values } = to;
  const name =
    preset && !set('OAUTH2_PROVIDER_NAME') ? (values.OAUTH2_PRESET ?? '') : values.OAUTH2_PROVIDER_NAME;
  const id = toId(name);
  const byDefault = (given: string) => (preset ? undefined : { given, variable: said });
  addOptions(
    to,
    { id, variable: set(said)?.variable ?? said, lenient: true },
    {
      preset,
      title: set('OAUTH2_PROVIDER_NAME'),
      protocol: byDefault('oauth2'),
      authorization_url: set('OAUTH2_AUTHORIZATION_URL'),
      token_url: set('OAUTH2_TOKEN_URL'),
      userinfo_url: set('OAUTH2_USERINFO_URL'),
      client_id: set('OAUTH2_CLIENT_ID'),
      client_secret: set('OAUTH2_CLIENT_SECRET'),
      scope: set('OAUTH2_SCOPE') ?? byDefault(values.OAUTH2_SCOPE),
      attribute_map: set('OAUTH2_ATTRIBUTE_MAP') ?? byDefault(values.OAUTH2_ATTRIBUTE_MAP),
      username_field: set('OAUTH2_USERNAME_FIELD') ?? byDefault(values.OAUTH2_USERNAME_FIELD),
    },
  );
  return { id, name };
}

/** The OIDC login demo: `/login` leads to one provider once both halves are set. */
function addOneProvider(to: Gathering): string | undefined {
  const set = chosen(to);
  const [client, metadata] = [set('CLIENT_ID'), set('SERVER_METADATA_URL')];
  if (client === undefined || metadata === undefined) {
    if (client || metadata) {
      const [there, missing] = client
        ? ['CLIENT_ID', 'SERVER_METADATA_URL']
        : ['SERVER_METADATA_URL', 'CLIENT_ID'];
      to.warnings.push(`${there} is set without ${missing}: /login stays with local accounts.`);
    }
    return undefined;
  }
  addOptions(
    to,
    { id: 'oidc', variable: client.variable },
    {
      protocol: { given: 'oidc', variable: 'CLIENT_ID' },
      metadata_url: metadata,
      client_id: client,
      client_secret: set('CLIENT_SECRET'),
      logout_url: set('LOGOUT_URL'),
    },
  );
  return 'oidc';
}

/** The permission service: an upstream is on only when both halves are set. */
function addPair(to: Gathering, id: string, keyName: SettingName, secretName: SettingName): void {
  const set = chosen(to);
  const [key, secret] = [set(keyName), set(secretName)];
  if (key && secret) {
    const preset = { given: id, variable: key.variable };
    addOptions(to, { id, variable: key.variable }, { preset, client_id: key, client_secret: secret });
  } else if (key || secret) {
    to.warnings.push(`${keyName} and ${secretName} go together; one alone switches nothing on.`);
  }
}

function withSecretFile(to: Gathering, { id, options }: Draft): void {
  const file = options.get('client_secret_file');
  if (file === undefined || typeof file.given !== 'string') return;
  options.delete('client_secret_file');
  try {
    const given = to.readFile(file.given).trim();
    if (!options.has('client_secret')) options.set('client_secret', { given, variable: file.variable });
  } catch (error) {
    const message = `${id}.client_secret_file: cannot read ${file.given} (${errorCode(error) ?? 'unreadable'})`;
    to.faults.push({ setting: FILE, variable: file.variable, message });
  }
}

function finished(to: Gathering, draft: Draft): UpstreamEntry[] {
  withSecretFile(to, draft);
  const { id, lenient = false, options } = draft;
  const variable = options.get('preset')?.variable ?? draft.variable;
  const given = Object.fromEntries([...options].map(([name, option]) => [name, option.given]));
  const parsed = upstreamOptions.safeParse(given);
  if (parsed.success) return [{ ...parsed.data, id, variable, lenient }];
  for (const issue of parsed.error.issues) {
    const where = options.get(String(issue.path[0]))?.variable ?? variable;
    const path = [id, ...issue.path].join('.');
    const message =
      issue.code === 'unrecognized_keys' ? `knows no option ${issue.keys.join(', ')}` : issue.message;
    const setting = where === FILE ? FILE : 'UPSTREAM_<ID>_*';
    to.faults.push({ setting, variable: where, message: where === FILE ? `${path}: ${message}` : message });
  }
  return [];
}

export function readUpstreams(values: SettingValues, sources: Sources, readFile: ReadFile) {
  const to: Gathering = { values, sources, readFile, faults: [], warnings: [], drafts: new Map() };
  addFile(to);
  const plugin = addPlugin(to);
  const oneProviderId = addOneProvider(to);
  addPair(to, 'google', 'GOOGLE_KEY', 'GOOGLE_SECRET');
  addPair(to, 'github', 'GITHUB_KEY', 'GITHUB_SECRET');
  const linked = readLinkedApps(to);
  addVariables(to);
  const entries = [...to.drafts.values()].flatMap((draft) => finished(to, draft));
  const upstreams: UpstreamSettings = {
    entries,
    pluginId: plugin?.id,
    pluginName: plugin?.name,
    oneProviderId,
  };
  return { upstreams, linked, faults: to.faults, warnings: to.warnings };
}
