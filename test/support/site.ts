/** Where the real program runs for a drill: an issuer, an account and clients that are there before it starts. */
import { newPlace, type Place } from './command-line.js';
import { freePort } from './free-port.js';
import { type Program, startProgram } from './program.js';
import { startServer, type TestServer } from './server.js';
import { type Clients, createClients } from './traffic.js';

export interface Site {
  readonly place: Place;
  /** The settings of all its processes, for the command line. */
  readonly env: Record<string, string>;
  readonly port: number;
  /** The database, where it is SQLite. */
  readonly file: string;
  readonly clients: Clients;
  /** The issuer's address, whoever listens there. */
  readonly target: TestServer;
  /**
   * Resolves once it serves.
   * @param more settings of this process alone
   * @param port the issuer's unless told otherwise
   */
  start(more?: Record<string, string>, port?: number): Promise<Program>;
}

export interface Furnishing {
  /** The issuer's, where it has to be known before. */
  readonly port?: number;
  /** Makes what else is there before the program starts. */
  readonly furnish?: (maker: TestServer) => Promise<unknown>;
}

/** @param more settings beside the usual ones; SQLite in a folder of its own unless told otherwise */
export async function createSite(
  more: Record<string, string> = {},
  { port: chosen, furnish }: Furnishing = {},
): Promise<Site> {
  const place = newPlace();
  const port = chosen ?? (await freePort());
  const issuer = `http://localhost:${port}`;
  const env: Record<string, string> = {
    ...place.env,
    ISSUER: issuer,
    SECRET_KEY: 'the drills have a secret of their own, long enough',
    // One address asks for all.
    RATE_LIMITS: 'off',
    // The ledger asks at the end of a drill whether a code works twice; one whose time is over would not.
    CODE_TTL: '300',
    ...more,
  };
  const maker = await startServer(env);
  const making = async () => {
    const clients = await createClients(maker);
    await furnish?.(maker);
    return clients;
  };
  const clients = await making().finally(() => maker.close());
  return {
    place,
    env,
    port,
    file: (env.DATABASE_URL as string).replace('sqlite:', ''),
    clients,
    target: { issuer, url: (path: string) => `${issuer}${path}` } as TestServer,
    async start(own = {}, at = port) {
      const program = await startProgram(place.folder, { ...env, ...own }, at);
      await program.until(/Stop: Ctrl-C/);
      return program;
    },
  };
}
