/** What else the machine did meanwhile: a loaded core makes every request dearer, and rates worthless. */
import { cpus, totalmem } from 'node:os';

/** Seconds of CPU time that all cores together have worked since the machine started. */
function busySeconds() {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
}

/**
 * Call it to begin; what it answers, called with the server's CPU seconds, says how many this process used (the
 * generator of the load), and how many all others. The clock of the cores ticks coarsely: of a short while the
 * others may have used less than nothing.
 */
export function watchLoad() {
  const busy = busySeconds();
  const before = process.cpuUsage();
  return (serverSeconds) => {
    const { user, system } = process.cpuUsage(before);
    const own = (user + system) / 1e6;
    return { own, foreign: busySeconds() - busy - own - serverSeconds };
  };
}

export const describeMachine = () => ({
  cores: cpus().length,
  model: cpus()[0]?.model.trim() ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
});
