import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { clientLifetimes, LIFETIME_NAMES } from '../../clients/lifetimes.js';
import { BY_CLI, type Cli } from '../desk.js';
import { collect, duration } from '../duration.js';
import { CliFault } from '../faults.js';
import { readStdin, type Terminal } from '../terminal.js';
import { requireAccount } from '../user/user.js';
import { clientDocument, clientLines } from './client.js';

interface Options {
  readonly file?: string;
  readonly owner?: string;
  readonly resourceServer?: boolean;
  readonly requirePkce?: boolean;
  readonly name?: string;
  readonly clientUri?: string;
  readonly redirectUri?: readonly string[];
  readonly grantType?: readonly string[];
  readonly responseType?: readonly string[];
  readonly scope?: string;
  readonly authMethod?: string;
  readonly ttl?: readonly string[];
}

export function addClientCreate(client: Command, cli: Cli): void {
  client
    .command('create')
    .description('register a client; its secret is printed once')
    .option('--file <path>', 'RFC 7591 metadata as JSON; - reads standard input')
    .option('--name <text>', 'client_name')
    .option('--client-uri <uri>', 'client_uri')
    .option('--redirect-uri <uri>', 'redirect_uris (may be repeated)', collect)
    .option('--grant-type <type>', 'grant_types (may be repeated)', collect)
    .option('--response-type <type>', 'response_types (may be repeated)', collect)
    .option('--scope <scopes>', 'scope, separated by blanks')
    .option('--auth-method <method>', 'token_endpoint_auth_method')
    .option('--require-pkce', 'refuse authorization requests without PKCE')
    .option(
      '--ttl <name=time>',
      `a lifetime of its own: ${LIFETIME_NAMES.join(', ')} (may be repeated)`,
      collect,
    )
    .option('--resource-server', 'let it introspect tokens of other clients')
    .option('--owner <name>', 'the user it belongs to; otherwise the administrators')
    .action((options: Options) => create(cli, options));
}

/** What the options say, over what the file says. */
function metadataOf(document: object, options: Options): object {
  const said = {
    client_name: options.name,
    client_uri: options.clientUri,
    redirect_uris: options.redirectUri,
    grant_types: options.grantType,
    response_types: options.responseType,
    scope: options.scope,
    token_endpoint_auth_method: options.authMethod,
  };
  return {
    ...document,
    ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)),
  };
}

const lifetimesOf = (options: Options) =>
  clientLifetimes(
    (options.ttl ?? []).map((entry) => {
      const [name = '', time = ''] = entry.split('=', 2);
      return [name, duration(time)] as const;
    }),
  );

async function readDocument(terminal: Terminal, path: string | undefined): Promise<object> {
  if (path === undefined) return {};
  const text = path === '-' ? await readStdin(terminal) : await readFile(path, 'utf8');
  const fault = new CliFault(`--file ${path}: this is no JSON object of client metadata (RFC 7591).`);
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document;
  } catch {
    // Told like any other text that is no object; the parser would quote what may be a secret.
  }
  throw fault;
}

async function create(cli: Cli, options: Options): Promise<void> {
  const metadata = metadataOf(await readDocument(cli.terminal, options.file), options);
  await cli.withContainer(async (container) => {
    const owner = options.owner === undefined ? undefined : await requireAccount(container, options.owner);
    const { client, secret } = await container.clients.register({
      metadata,
      requirePkce: options.requirePkce ?? false,
      resourceServer: options.resourceServer ?? false,
      ttl: lifetimesOf(options),
      createdBy: BY_CLI.actorId,
      ...(owner && { owner: owner.id }),
    });
    // RFC 7591 §3.2.1: 0 says that it does not end.
    const shown = secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 };
    cli.print({ ...clientDocument(client), ...shown }, clientLines(client, secret));
  });
}
