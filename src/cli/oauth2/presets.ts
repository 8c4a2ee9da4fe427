import type { Command } from 'commander';
import type { Preset } from '../../relying-party/preset.js';
import { examplePlace, findPreset, PRESET_NAMES } from '../../relying-party/presets.js';
import type { Cli } from '../desk.js';
import { CliFault } from '../faults.js';

export function addPresetVerbs(oauth2: Command, cli: Cli): void {
  oauth2
    .command('list-presets')
    .description('providers that are known by name')
    .action(() => list(cli));
  oauth2
    .command('show-preset <name>')
    .description('the settings a preset stands for')
    .action((name: string) => show(cli, name));
}

const known = (name: string): Preset | undefined => findPreset(name, examplePlace(name.toLowerCase()));

const addressesOf = ({ endpoints, metadataUrl, mappings }: Preset) => ({
  authorization_url: endpoints.authorization,
  token_url: endpoints.token,
  userinfo_url: endpoints.userinfo,
  metadata_url: metadataUrl,
  scope: mappings.dserver.scope,
});

function list(cli: Cli): void {
  const presets = PRESET_NAMES.flatMap((name) => {
    const preset = known(name);
    return preset ? [{ name, ...addressesOf(preset) }] : [];
  });
  const lines = presets.flatMap((one) => [
    `${one.name}:`,
    `  Authorization URL: ${one.authorization_url ?? 'N/A'}`,
    `  Token URL: ${one.token_url ?? 'N/A'}`,
    `  Userinfo URL: ${one.userinfo_url ?? 'N/A'}`,
    ...(one.authorization_url === undefined ? [`  Metadata URL: ${one.metadata_url ?? 'N/A'}`] : []),
    `  Scope: ${one.scope}`,
    '',
  ]);
  cli.print(presets, ['=== Available Provider Presets ===', '', ...lines]);
}

function show(cli: Cli, given: string): void {
  const preset = known(given);
  if (preset === undefined) {
    // The list is the way on, so it goes where the original put it.
    if (!cli.json) cli.print({}, [`Available presets: ${PRESET_NAMES.join(', ')}`]);
    throw new CliFault(`Unknown preset: ${given}`);
  }
  const name = given.toLowerCase();
  const { attributes, usernameField = 'user_id', scope } = preset.mappings.dserver;
  const { authorization, token, userinfo } = preset.endpoints;
  const values: [string, string | undefined][] = [
    ['OAUTH2_PROVIDER_NAME', name],
    ['OAUTH2_PRESET', authorization === undefined ? name : undefined],
    ['OAUTH2_AUTHORIZATION_URL', authorization],
    ['OAUTH2_TOKEN_URL', token],
    ['OAUTH2_USERINFO_URL', userinfo],
    ['OAUTH2_SCOPE', scope],
    ['OAUTH2_ATTRIBUTE_MAP', attributes.map(([claim, attribute]) => `${claim}:${attribute}`).join(',')],
    ['OAUTH2_USERNAME_FIELD', usernameField],
  ];
  const said = values.filter((pair): pair is [string, string] => pair[1] !== undefined);
  cli.print(Object.fromEntries(said), [
    `=== Environment Variables for ${given} ===`,
    '',
    '# Copy these to your docker-compose.yml or .env file',
    '',
    ...said.map(([variable, value]) => `${variable}: "${value}"`),
    '',
    '# You must also set:',
    'OAUTH2_CLIENT_ID: <your-client-id>',
    'OAUTH2_CLIENT_SECRET: <your-client-secret>',
  ]);
}
