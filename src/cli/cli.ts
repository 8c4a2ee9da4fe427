import { ConfigFault } from '../platform/config/config-fault.js';
import { loadConfig } from '../platform/config/load.js';
import { runServer } from './serve.js';

export async function runCli(args: readonly string[]): Promise<number> {
  try {
    if (args[0] === 'serve') return await runServer(loadConfig());
    return 2;
  } catch (error) {
    if (error instanceof ConfigFault) {
      process.stderr.write(`${error.message}\n`);
      return 1;
    }
    throw error;
  }
}
