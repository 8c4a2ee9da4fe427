import { runCli } from './cli/cli.js';

// Whoever reads our output may leave early (`… | head`): that is no failure worth a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runCli(process.argv.slice(2));
