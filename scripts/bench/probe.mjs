/**
 * Preloaded into the servers that run on Node: says, when asked over IPC, what CPU time the process has used
 * and how much memory it holds. Costs nothing between two questions.
 */
import process from 'node:process';

process.on('message', (question) => {
  if (question !== 'usage') return;
  const { user, system } = process.cpuUsage();
  process.send?.({ cpu: user + system, rss: process.memoryUsage.rss() });
});
// The server decides when it ends, not this channel.
process.channel?.unref();
