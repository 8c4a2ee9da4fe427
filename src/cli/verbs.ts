/** All verbs, in the order in which `--help` lists them. */
import type { Command } from 'commander';
import { addApiKeyVerbs } from './api-key/verbs.js';
import { addClientVerbs } from './client/verbs.js';
import { addConfigVerb } from './config.js';
import { addDbVerbs } from './db.js';
import { addDserverVerbs } from './dserver-sync.js';
import { addKeysVerbs } from './keys.js';
import { addMigrateVerbs } from './migrate.js';
import { addMintedVerbs } from './minted/verbs.js';
import { addOauth2Verbs } from './oauth2/verbs.js';
import { addPruneVerb } from './prune.js';
import { addResourceVerbs } from './resource.js';
import { addSecretsVerbs } from './secrets.js';
import { addRoleVerbs } from './role/verbs.js';
import { addServiceVerbs } from './service/verbs.js';
import { addTokenVerbs } from './token-inspect.js';
import { addUrlsVerb } from './urls.js';
import { addUserVerbs } from './user/verbs.js';
import { addVerifyVerb } from './verify.js';
import type { Cli } from './desk.js';
import { addVerbs as addServeVerb } from './serve.js';

export function addVerbs(program: Command, cli: Cli): void {
  addServeVerb(program, cli);
  addMigrateVerbs(program, cli);
  addUserVerbs(program, cli);
  addClientVerbs(program, cli);
  addResourceVerbs(program, cli);
  addKeysVerbs(program, cli);
  addSecretsVerbs(program, cli);
  addTokenVerbs(program, cli);
  addMintedVerbs(program, cli);
  addApiKeyVerbs(program, cli);
  addDserverVerbs(program, cli);
  addOauth2Verbs(program, cli);
  addServiceVerbs(program, cli);
  addRoleVerbs(program, cli);
  addVerifyVerb(program, cli);
  addConfigVerb(program, cli);
  addUrlsVerb(program, cli);
  addPruneVerb(program, cli);
  addDbVerbs(program, cli);
}
