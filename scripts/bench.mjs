/** `npm run bench`: CPU per request of Postern beside others, in one run. `-- --help` says what can be chosen. */
import { enter, prepare } from './lib/front-door.mjs';

await enter(async () => {
  await prepare();
  const { bench } = await import('./bench/run.mjs');
  await bench(process.argv.slice(2));
});
