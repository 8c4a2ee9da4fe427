import type { LevelWithSilent } from 'pino';
import { type Container, type ContainerOptions, createContainer } from '../container.js';
import type { ParsedConfig } from '../platform/config/config.js';
import { loadConfig } from '../platform/config/load.js';
import type { Environment } from '../platform/config/sources.js';
import { createLogger, type Logger } from '../platform/observe/logger.js';
import { CliFault } from './faults.js';
import type { Terminal } from './terminal.js';

/** What every verb works with. */
export interface Cli {
  readonly terminal: Terminal;
  /** Whether `--json` was said. */
  readonly json: boolean;
  /** What the process will end with, if nothing fails. */
  exitCode: number;
  /** @throws {ConfigFault} */
  settings(overrides?: Environment): ParsedConfig;
  /** The result: a document with `--json`, lines for people otherwise. */
  print(document: unknown, lines: readonly string[]): void;
  /** A line about what is going on, to standard error; not with `--json`. */
  progress(line: string): void;
  /** Runs `work` with everything made, the database included, and undoes it. */
  withContainer<T>(work: (container: Container) => Promise<T>, options?: ContainerChoices): Promise<T>;
  /** Logs what nobody foresaw, where `LOG_LEVEL=debug` asks for it. */
  explain(error: unknown): void;
}

type ContainerChoices = Pick<ContainerOptions, 'revokeLostKeys'>;

interface Given {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly env?: Environment;
  readonly folder?: string;
}

/** Who did it, in the audit trail. */
export const BY_CLI = { actorId: 'cli' };

export function createDesk({ terminal, json, env, folder }: Given): Cli {
  const settings = (overrides?: Environment) => loadConfig(folder, env, overrides);

  const progress = (line: string): void => {
    if (!json) terminal.stderr.write(`${line}\n`);
  };

  function logger({ config, sources }: ParsedConfig): Logger {
    // A verb is no service: what it does it prints. Its log speaks of trouble, unless more was asked for.
    const level: LevelWithSilent = sources.has('LOG_LEVEL') ? config.log.level : 'warn';
    return createLogger({ level, stream: terminal.stderr });
  }

  return {
    terminal,
    json,
    exitCode: 0,
    settings,
    progress,
    print(document, lines) {
      const text = json
        ? `${JSON.stringify(document, null, 2)}\n`
        : lines.map((line) => `${line}\n`).join('');
      terminal.stdout.write(text);
    },
    async withContainer(work, options = {}) {
      const parsed = settings();
      if (parsed.config.database.file === ':memory:') {
        throw new CliFault(
          'DATABASE_URL: memory is shared with no server; name a file or a PostgreSQL database',
        );
      }
      const container = await createContainer(parsed.config, {
        ...options,
        log: logger(parsed),
        report: progress,
      });
      try {
        return await work(container);
      } finally {
        await container.close();
      }
    },
    explain(error) {
      try {
        const parsed = settings();
        if (parsed.config.log.level === 'debug') logger(parsed).debug({ err: error }, 'the command failed');
      } catch {
        // Settings that cannot be read do not ask for a log.
      }
    },
  };
}
