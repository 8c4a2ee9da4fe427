/**
 * People who sign in all at once, wave after wave, in a process of their own: opening so many connections holds up
 * whoever does it, and would be taken for the server's delay where others are measured. Begins when it is told the
 * server, is ended by the word `stop`, and then tells its parent what was answered.
 */
import { closedLoad, requestBytes, type Shot } from './open-load.js';

let on = true;

async function everybody(wave: number, port: number, host: string, people: number): Promise<Shot[]> {
  // Everybody from an address of their own, or the throttle would spare the server the work.
  const attempts = Array.from({ length: people }, (_, index) =>
    requestBytes(host, '/token', {
      json: { username: `person-${wave}-${index}`, password: 'guessed' },
      headers: { 'X-Forwarded-For': `10.${wave}.${index >> 8}.${index & 255}` },
    }),
  );
  const shots = await Promise.all(attempts.map((bytes) => closedLoad(port, bytes, 1, 1)));
  return shots.flat();
}

process.on('disconnect', () => process.exit(0));
process.on('message', async (word: 'stop' | { port: number; host: string; people: number }) => {
  if (word === 'stop') {
    on = false;
    return;
  }
  const shots: Shot[] = [];
  let waves = 0;
  for (; on; waves += 1) shots.push(...(await everybody(waves, word.port, word.host, word.people)));
  process.send?.({ waves, shots });
});
process.send?.('ready');
