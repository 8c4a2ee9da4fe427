import type { Command } from 'commander';
import { createRedirectUris } from '../../relying-party/redirect-uris.js';
import type { Cli } from '../desk.js';
import { PROVIDER_OPTION, type ProviderOption, providerOf } from './provider.js';

const NOT = 'Not configured';

export function addShowConfig(oauth2: Command, cli: Cli): void {
  oauth2
    .command('show-config')
    .description('the provider behind /auth/login, the attribute mapping and the tokens, as configured')
    .option(...PROVIDER_OPTION)
    .action((options: ProviderOption) => show(cli, options));
}

function show(cli: Cli, { provider: id }: ProviderOption): void {
  const { config } = cli.settings();
  const { dserver, keysDir, upstreams } = config;
  const { key } = dserver;
  const provider = providerOf(config, id);
  const { endpoints, mappings, clientId, clientSecret, metadataUrl } = provider ?? {};
  const mapping = mappings?.dserver;
  const byDiscovery = metadataUrl === undefined ? NOT : `by discovery: ${metadataUrl}`;
  const shown = {
    name: provider?.providerName ?? dserver.providerName,
    authorization_url: endpoints?.authorization ?? byDiscovery,
    token_url: endpoints?.token ?? byDiscovery,
    userinfo_url: endpoints?.userinfo ?? byDiscovery,
    redirect_uri: createRedirectUris(config)('dserver', provider?.id ?? ''),
    scope: mapping?.scope ?? NOT,
    client_id: clientId === undefined ? NOT : `${clientId.slice(0, 8)}...`,
    client_secret: clientSecret === undefined ? NOT : 'Configured',
    attribute_map: (mapping?.attributes ?? []).map(([claim, attribute]) => [claim, attribute]),
    username_field: mapping?.usernameField ?? 'user_id',
    private_key: key.privateFile ?? (key.privateText ? 'PRIVATE_KEY' : `made in ${keysDir}/dserver`),
    public_key: key.publicFile ?? (key.publicText ? 'PUBLIC_KEY' : 'of the private key'),
    algorithm: dserver.algorithm,
    issuer: dserver.issuer,
    audience: dserver.audience,
    expiry_hours: dserver.expiryHours,
    auto_provision: provider?.autoProvision ?? upstreams.autoProvision,
    default_permissions: dserver.defaultPermissions,
  };
  cli.print(shown, [
    '=== OAuth2 Provider Configuration ===',
    `Provider Name: ${shown.name}`,
    `Authorization URL: ${shown.authorization_url}`,
    `Token URL: ${shown.token_url}`,
    `Userinfo URL: ${shown.userinfo_url}`,
    `Redirect URI: ${shown.redirect_uri}`,
    `Scope: ${shown.scope}`,
    `Client ID: ${shown.client_id}`,
    `Client Secret: ${shown.client_secret}`,
    '',
    '=== Attribute Mapping ===',
    ...shown.attribute_map.map(([claim, attribute]) => `  ${claim} -> ${attribute}`),
    `Username field: ${shown.username_field}`,
    '',
    '=== JWT Configuration ===',
    `Private Key File: ${shown.private_key}`,
    `Public Key File: ${shown.public_key}`,
    `Algorithm: ${shown.algorithm}`,
    `Issuer: ${shown.issuer}`,
    `Audience: ${shown.audience}`,
    `Token Expiry: ${shown.expiry_hours} hours`,
    '',
    '=== User Provisioning ===',
    `Auto Provision: ${shown.auto_provision}`,
    `Default Permissions: ${shown.default_permissions.join(', ')}`,
  ]);
}
