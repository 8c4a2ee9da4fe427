/**
 * The command line: one verb a file, each a thin layer over the use cases that the pages call. A verb prints
 * its result to standard output (with `--json` exactly one document), everything else goes to standard
 * error, and the exit code is 0, 1 (failed) or 2 (used wrongly). Secrets come from a prompt or from standard
 * input, never from the arguments, where every user of the machine could read them.
 */
import { Command, CommanderError } from 'commander';
import type { Environment } from '../platform/config/sources.js';
import { type Cli, createDesk } from './desk.js';
import { isUnexpected, tell, UnknownCommand } from './faults.js';
import { processTerminal, type Terminal } from './terminal.js';
import { version } from './version.js';

export interface Surroundings {
  readonly terminal?: Terminal;
  /** The process's own where absent. */
  readonly env?: Environment;
  /** Where `.env` lies. */
  readonly folder?: string;
}

async function createProgram(cli: Cli, args: readonly string[]): Promise<Command> {
  const { stdout } = cli.terminal;
  const program = new Command('npm run -s cli --')
    .description('Postern: an OAuth 2.0 and OpenID Connect server. Every verb has --help.')
    .version(version(), '-V, --version')
    .option('--json', 'print one JSON document instead of text')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: () => {} })
    .exitOverride();
  // The server is not kept waiting until fifty verbs that it does not know are loaded.
  const { addVerbs } = args[0] === 'serve' ? await import('./serve.js') : await import('./verbs.js');
  addVerbs(program, cli);
  return program;
}

/** What commander calls a failure although nothing failed, and its own words for an unknown verb. */
function settle(error: unknown, program: Command, args: readonly string[], terminal: Terminal): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.exitCode === 0) return undefined;
  const words = args.filter((arg) => !arg.startsWith('-'));
  const noun = program.commands.find((command) =>
    [command.name(), ...command.aliases()].includes(words[0] ?? ''),
  );
  if (error.code === 'commander.unknownCommand') {
    return new UnknownCommand(words.slice(0, noun ? 2 : 1).join(' '));
  }
  if (error.code === 'commander.help') {
    if (!args.includes('--json')) terminal.stderr.write((noun ?? program).helpInformation());
    return new CommanderError(2, error.code, 'Say which command.');
  }
  return error;
}

/** The thumbprint of a key, which begins with a dash one time in 64, and is no option then. */
const DASHED_KEY = /^-[\w-]{42}$/;

function withoutDashedKeys(args: readonly string[]): readonly string[] {
  const keys = args.includes('--') ? [] : args.filter((arg) => DASHED_KEY.test(arg));
  if (keys.length === 0) return args;
  return [...args.filter((arg) => !keys.includes(arg)), '--', ...keys];
}

/** Runs one command line; resolves to the exit code and never throws. */
export async function runCli(args: readonly string[], given: Surroundings = {}): Promise<number> {
  const terminal = given.terminal ?? processTerminal();
  const json = args.includes('--json');
  const cli = createDesk({ ...given, terminal, json });
  const program = await createProgram(cli, args);
  try {
    await program.parseAsync([...withoutDashedKeys(args)], { from: 'user' });
    return cli.exitCode;
  } catch (thrown) {
    const error = settle(thrown, program, args, terminal);
    if (error === undefined) return 0;
    const told = tell(error);
    if (isUnexpected(told)) cli.explain(error);
    const document = { error: told.error, error_description: told.lines.join('; '), faults: told.faults };
    terminal.stderr.write(
      json ? `${JSON.stringify(document)}\n` : told.lines.map((line) => `${line}\n`).join(''),
    );
    return told.exitCode;
  }
}
