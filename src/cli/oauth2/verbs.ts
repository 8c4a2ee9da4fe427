import type { Command } from 'commander';
import type { Cli } from '../desk.js';
import { addPresetVerbs } from './presets.js';
import { addShowConfig } from './show-config.js';
import { addTestConnection } from './test-connection.js';
import { addTestJwt } from './test-jwt.js';
import { addValidateConfig } from './validate-config.js';

/** The verbs of the dserver plugin (`flask oauth2 …`), with its lines and with exit codes that mean something. */
export function addOauth2Verbs(program: Command, cli: Cli): void {
  const oauth2 = program
    .command('oauth2')
    .description(
      'the provider behind /auth/login: show-config, list-presets, validate-config, test-connection',
    );
  addShowConfig(oauth2, cli);
  addPresetVerbs(oauth2, cli);
  addValidateConfig(oauth2, cli);
  addTestConnection(oauth2, cli);
  addTestJwt(oauth2, cli);
}
