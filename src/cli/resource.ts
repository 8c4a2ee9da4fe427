import type { Command } from 'commander';
import type { Resource } from '../clients/resource.js';
import { BY_CLI, type Cli } from './desk.js';
import { collect, duration } from './duration.js';
import { CliFault } from './faults.js';
import { table, time } from './table.js';

interface Options {
  readonly name?: string;
  readonly scope?: readonly string[];
  readonly format?: string;
  readonly alg?: string;
  readonly lifetime?: number;
}

export function addResourceVerbs(program: Command, cli: Cli): void {
  const resource = program.command('resource').description('resources (RFC 8707): create, list, delete');
  resource
    .command('create <identifier>')
    .description('let clients ask for tokens for this API, named by an absolute URI')
    .option('--name <text>', 'what the consent page calls it')
    .option('--scope <scopes>', 'scopes it knows, separated by blanks (may be repeated)', collect)
    .option('--format <format>', 'jwt (RFC 9068, default) or opaque')
    .option('--alg <alg>', 'RS256 (default), PS256, ES256 or EdDSA')
    .option('--lifetime <duration>', 'of its access tokens: 300, 15m, 1h', duration)
    .action((identifier: string, options: Options) => create(cli, identifier, options));
  resource
    .command('list')
    .description('all resources')
    .action(() =>
      cli.withContainer(async ({ resources }) => {
        const all = await resources.list();
        cli.print(all.map(documentOf), linesOf(all));
      }),
    );
  resource
    .command('delete <identifier>')
    .description('take a resource away: no further tokens are issued for it')
    .action((identifier: string) => remove(cli, identifier));
}

async function create(cli: Cli, identifier: string, options: Options): Promise<void> {
  await cli.withContainer(async ({ resources }) => {
    const said = {
      identifier,
      name: options.name,
      scopes: options.scope?.flatMap((words) => words.split(/[\s,]+/).filter(Boolean)),
      token_format: options.format,
      signing_alg: options.alg,
      lifetime_seconds: options.lifetime,
    };
    const made = await resources.create(said, undefined, BY_CLI);
    cli.print(documentOf(made), [`The resource ${made.identifier} was created.`, '', ...linesOf([made])]);
  });
}

async function remove(cli: Cli, identifier: string): Promise<void> {
  await cli.withContainer(async ({ resources }) => {
    if (!(await resources.remove(identifier, undefined, BY_CLI))) {
      throw new CliFault(`There is no resource ${identifier}.`);
    }
    cli.print({ identifier, deleted: true }, [`The resource ${identifier} was deleted.`]);
  });
}

const documentOf = (resource: Resource) => ({
  identifier: resource.identifier,
  name: resource.name,
  scopes: resource.scopes,
  token_format: resource.tokenFormat,
  signing_alg: resource.signingAlg,
  lifetime_seconds: resource.lifetimeSeconds,
  created_at: time(resource.createdAt),
});

const linesOf = (resources: readonly Resource[]): string[] =>
  table(
    ['Identifier', 'Name', 'Scopes', 'Format', 'Algorithm', 'Lifetime'],
    resources.map((resource) => [
      resource.identifier,
      resource.name,
      resource.scopes.join(' '),
      resource.tokenFormat,
      resource.signingAlg ?? '',
      resource.lifetimeSeconds === undefined ? 'as the server’s' : `${resource.lifetimeSeconds} s`,
    ]),
  );
