import type { Command } from 'commander';
import type { Link } from '../../accounts/links.js';
import { BY_CLI, type Cli } from '../desk.js';
import { collect } from '../duration.js';
import { CliFault } from '../faults.js';
import { table, time } from '../table.js';

export function addUserInvitations(user: Command, cli: Cli): void {
  user
    .command('invite <email>')
    .description('mail an invitation: a link that makes one account')
    .option('--role <role>', 'a role the account gets (may be repeated)', collect)
    .action((email: string, { role = [] }: { role?: readonly string[] }) => invite(cli, email, role));
  user
    .command('invitations')
    .description('invitations not used yet')
    .action(() => list(cli));
  user
    .command('uninvite <id>')
    .description('take an invitation back')
    .action((id: string) => revoke(cli, id));
}

const invitationDocument = ({ id, email, detail, createdAt, expiresAt, createdBy }: Link) => ({
  id,
  email,
  roles: detail.roles ?? [],
  created_at: time(createdAt),
  expires_at: time(expiresAt),
  created_by: createdBy,
});

async function invite(cli: Cli, email: string, roles: readonly string[]): Promise<void> {
  await cli.withContainer(async ({ byMail, config }) => {
    if (config.signUp === 'closed') {
      throw new CliFault('SIGN_UP: closed takes no invitations; set it to invite or open');
    }
    if (!byMail.postman.available) {
      throw new CliFault('SMTP_URL: without a mail server nobody can be invited');
    }
    const { link, file } = await byMail.invitations.invite({ email, roles, createdBy: BY_CLI.actorId });
    cli.print({ ...invitationDocument(link), ...(file ? { file } : {}) }, [
      `${link.email} was invited (${link.id}); the link works until ${time(link.expiresAt)}.`,
      ...(file ? [`There is no mail server: the mail is in ${file}`] : []),
    ]);
  });
}

async function list(cli: Cli): Promise<void> {
  await cli.withContainer(async ({ byMail }) => {
    const invitations = await byMail.invitations.list();
    const rows = invitations.map(({ id, email = '', detail, expiresAt }) => [
      id,
      email,
      (detail.roles ?? []).join(' '),
      time(expiresAt),
    ]);
    const lines = rows.length > 0 ? table(['Id', 'Address', 'Roles', 'Until'], rows) : ['Nobody is invited.'];
    cli.print(invitations.map(invitationDocument), lines);
  });
}

async function revoke(cli: Cli, id: string): Promise<void> {
  await cli.withContainer(async ({ byMail }) => {
    if (!(await byMail.invitations.revoke(id, BY_CLI))) {
      throw new CliFault(`There is no invitation ${id}.`);
    }
    cli.print({ id, revoked: true }, ['The invitation was taken back.']);
  });
}
