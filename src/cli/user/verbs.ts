import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { addUserAccess } from './access.js';
import { addUserCreate } from './create.js';
import { addUserInvitations } from './invite.js';
import { addUserList } from './list.js';
import { addUserPasswd } from './passwd.js';
import { addUserDserver } from './dserver.js';
import { addUserRole } from './role.js';
import { addUserTestAuthentication } from './test-authentication.js';
import { addUserToken } from './token.js';

export function addUserVerbs(program: Command, cli: Cli): void {
  const user = program
    .command('user')
    .description('accounts: create, list, passwd, disable, enable, role, invite, token, dserver');
  addUserCreate(user, cli);
  addUserList(user, cli);
  addUserPasswd(user, cli);
  addUserAccess(user, cli);
  addUserRole(user, cli);
  addUserInvitations(user, cli);
  addUserToken(user, cli);
  addUserDserver(user, cli);
  addUserTestAuthentication(user, cli);
}
