import { runCli } from './cli/cli.js';
import { errorCode } from './platform/config/error-code.js';

let lost = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    // Whoever reads our output may leave early (`… | head`): what was begun is still finished, a migration say.
    if (lost || errorCode(error) === 'EPIPE') return;
    lost = true;
    process.stderr.write(`Not all that was printed could be written (${errorCode(error)}).\n`);
  });
}

// Whatever the verb answers: a secret that is shown once may be among what was lost. Writing may fail after it.
process.on('exit', () => {
  if (lost) process.exitCode ||= 1;
});

process.exitCode = await runCli(process.argv.slice(2));
