import type { Command } from 'commander';
import { createGuardedFetch, FetchFault, type GuardedFetch } from '../../platform/net/guarded-fetch.js';
import type { Cli } from '../desk.js';
import { PROVIDER_OPTION, type ProviderOption, providerOf } from './provider.js';

export function addTestConnection(oauth2: Command, cli: Cli): void {
  oauth2
    .command('test-connection')
    .description('ask each address of the provider whether it is there. Exit code 1 where one is not.')
    .option(...PROVIDER_OPTION)
    .action((options: ProviderOption) => test(cli, options));
}

interface Tested {
  readonly name: string;
  readonly url?: string | undefined;
  readonly outcome: 'ok' | 'fail' | 'skip';
  readonly reason?: string;
}

/** Any answer will do: without credentials most are refusals, and a redirect is one as well. */
async function reach(
  ask: GuardedFetch,
  name: string,
  url: string | undefined,
  method: string,
): Promise<Tested> {
  if (url === undefined) return { name, outcome: 'skip' };
  try {
    await ask(url, { method });
    return { name, url, outcome: 'ok' };
  } catch (error) {
    if (!(error instanceof FetchFault)) throw error;
    const answered = error.reason === 'redirect' || error.reason === 'too_large';
    return answered ? { name, url, outcome: 'ok' } : { name, url, outcome: 'fail', reason: error.message };
  }
}

const lineOf = ({ name, url, outcome, reason }: Tested): string => {
  if (outcome === 'ok') return `[OK] ${name} reachable: ${url}`;
  return outcome === 'fail' ? `[FAIL] ${name}: ${reason}` : `[SKIP] ${name} not configured`;
};

async function test(cli: Cli, { provider: id }: ProviderOption): Promise<void> {
  const { config } = cli.settings();
  const provider = providerOf(config, id);
  const { upstreamAllowPrivate: allow, loopback } = config;
  const ask = createGuardedFetch({ allow, loopback, plainHttp: 'opened' });
  const { authorization, token, userinfo } = provider?.endpoints ?? {};
  const metadata = provider?.metadataUrl;
  const results = [
    ...(metadata === undefined ? [] : [await reach(ask, 'Metadata URL', metadata, 'GET')]),
    await reach(ask, 'Authorization URL', authorization, 'HEAD'),
    await reach(ask, 'Token URL', token, 'POST'),
    await reach(ask, 'Userinfo URL', userinfo, 'GET'),
  ];
  cli.print(results, ['=== Testing OAuth2 Provider Connectivity ===', '', ...results.map(lineOf)]);
  cli.exitCode = results.some(({ outcome }) => outcome === 'fail') ? 1 : 0;
}
