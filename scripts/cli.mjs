/** `npm run -s cli -- VERB ...`: the command line. Silent about itself once everything is up to date. */
import { enter, prepare } from './lib/front-door.mjs';
import { runMain } from './lib/run-main.mjs';

await enter(async () => {
  await prepare();
  await runMain(process.argv.slice(2));
});
