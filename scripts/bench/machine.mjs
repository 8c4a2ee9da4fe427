/** What else the machine did meanwhile: a loaded core makes every request dearer, and rates worthless. */
import { cpus, totalmem } from 'node:os';

/** Seconds of CPU time that all cores together have worked since the machine started. */
function busySeconds() {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
}

/** Call it to begin; what it answers, called with the server's CPU seconds, says how many cores others used. */
export function watchForeignLoad() {
  const begun = performance.now();
  const busy = busySeconds();
  const own = process.cpuUsage();
  return (serverSeconds) => {
    const { user, system } = process.cpuUsage(own);
    const others = busySeconds() - busy - (user + system) / 1e6 - serverSeconds;
    return Math.max(0, others / ((performance.now() - begun) / 1000));
  };
}

export const describeMachine = () => ({
  cores: cpus().length,
  model: cpus()[0]?.model.trim() ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
});
