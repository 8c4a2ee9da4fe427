import type { Command } from 'commander';
import type { TokenView } from '../authorization-server/inspect-token.js';
import type { Cli } from './desk.js';
import { viewDserverToken } from './dserver-token-view.js';
import { facts, time } from './table.js';
import { askSecret, readSecretFromStdin } from './terminal.js';

export function addTokenVerbs(program: Command, cli: Cli): void {
  const token = program.command('token').description('tokens: inspect');
  token
    .command('inspect')
    .description(
      'say what a token is and whether it lives. It is read from standard input or asked for, never given as an ' +
        'argument. Exit code 0 only for a live one.',
    )
    .action(() => inspect(cli));
}

async function inspect(cli: Cli): Promise<void> {
  const { terminal } = cli;
  const given = terminal.stdin.isTTY
    ? await askSecret(terminal, 'Token: ')
    : await readSecretFromStdin(terminal, 'token');
  await cli.withContainer(async (container) => {
    const token = given.trim();
    const view = (await viewDserverToken(container, token)) ?? (await container.inspectToken(token));
    cli.print(documentOf(view), linesOf(view));
    cli.exitCode = view.status === 'live' ? 0 : 1;
  });
}

const timeOf = (at: number | undefined): string | undefined => (at === undefined ? undefined : time(at));

const documentOf = (view: TokenView) => ({
  kind: view.kind,
  status: view.status,
  reason: view.reason,
  client_id: view.clientId,
  sub: view.accountId,
  username: view.username,
  scope: view.scope,
  aud: view.audience,
  issued_at: timeOf(view.issuedAt),
  expires_at: timeOf(view.expiresAt),
  header: view.header,
  claims: view.claims,
});

const linesOf = (view: TokenView): string[] =>
  facts([
    ['Kind', view.kind],
    ['Status', view.reason === undefined ? view.status : `${view.status}: ${view.reason}`],
    ['Client', view.clientId],
    ['User', view.username && `${view.username} (${view.accountId})`],
    ['Scope', view.scope],
    ['Audience', view.audience],
    ['Issued', timeOf(view.issuedAt)],
    ['Expires', timeOf(view.expiresAt)],
    ['Header', view.header && JSON.stringify(view.header)],
    ['Claims', view.claims && JSON.stringify(view.claims)],
  ]);
