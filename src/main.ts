import { runCli } from './cli/cli.js';

// Whoever reads our output may leave early (`… | head`): what was begun is still finished, a migration say.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exitCode = await runCli(process.argv.slice(2));
