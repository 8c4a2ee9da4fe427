import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Config } from '../../platform/config/config.js';
import type { Upstream } from '../../relying-party/upstream.js';
import type { Cli } from '../desk.js';
import { PROVIDER_OPTION, type ProviderOption, providerOf } from './provider.js';

export function addValidateConfig(oauth2: Command, cli: Cli): void {
  oauth2
    .command('validate-config')
    .description('look for what is missing. Exit code 1 where something is.')
    .option(...PROVIDER_OPTION)
    .action((options: ProviderOption) => validate(cli, options));
}

function keyErrors({ key }: Config['dserver']): string[] {
  const { privateFile, publicFile, privateText, publicText } = key;
  const missing = (what: string, path: string | undefined) =>
    path === undefined || existsSync(path) ? [] : [`JWT ${what} key not found: ${path}`];
  const alone = (publicFile ?? publicText) !== undefined && (privateFile ?? privateText) === undefined;
  return [
    ...missing('private', privateFile),
    ...missing('public', publicFile),
    ...(alone ? ['JWT private key not configured'] : []),
  ];
}

/** The plugin knew no public clients: there a secret that is merely missing is an oversight. */
const isPublic = ({ upstreams }: Config, { id, clientAuth }: Partial<Upstream>): boolean =>
  clientAuth === 'none' &&
  (id !== upstreams.pluginId || upstreams.entries.some((one) => one.id === id && one.client_auth === 'none'));

function providerErrors(config: Config, provider: Upstream | undefined): string[] {
  const { endpoints, metadataUrl, clientId, clientSecret } = provider ?? {};
  const needed: readonly (readonly [string, string | undefined])[] = [
    ['OAUTH2_AUTHORIZATION_URL', endpoints?.authorization ?? metadataUrl],
    ['OAUTH2_TOKEN_URL', endpoints?.token ?? metadataUrl],
    ['OAUTH2_CLIENT_ID', clientId],
    ['OAUTH2_CLIENT_SECRET', isPublic(config, provider ?? {}) ? 'none' : clientSecret],
  ];
  return needed.flatMap(([name, value]) => (value === undefined ? [`${name} not configured`] : []));
}

function validate(cli: Cli, { provider: id }: ProviderOption): void {
  const parsed = cli.settings();
  const provider = providerOf(parsed.config, id);
  const errors = [...keyErrors(parsed.config.dserver), ...providerErrors(parsed.config, provider)];
  const userinfo = provider?.endpoints.userinfo ?? provider?.metadataUrl;
  const warnings = [
    ...(userinfo === undefined ? ['OAUTH2_USERINFO_URL not configured (may be OK for some providers)'] : []),
    ...parsed.warnings,
  ];
  const verdict =
    errors.length === 0
      ? ['[OK] Configuration is valid!']
      : [
          '=== Errors ===',
          ...errors.map((one) => `  x ${one}`),
          '',
          `Configuration validation failed with ${errors.length} error(s)`,
        ];
  cli.print({ valid: errors.length === 0, warnings, errors }, [
    ...(warnings.length > 0 ? ['=== Warnings ===', ...warnings.map((one) => `  ! ${one}`)] : []),
    '',
    ...verdict,
  ]);
  cli.exitCode = errors.length > 0 ? 1 : 0;
}
