/** Several nodes of the real program over one PostgreSQL, behind a round-robin proxy on the issuer's address. */
import { type Balancer, startBalancer } from './balancer.js';
import { newPlace } from './command-line.js';
import { freshPostgres } from './postgres.js';
import { freePort, type Program, startProgram } from './program.js';
import { startServer, type TestServer } from './server.js';
import { type Clients, createClients } from './traffic.js';

export interface Nodes {
  readonly target: TestServer;
  readonly clients: Clients;
  readonly balancer: Balancer;
  readonly count: number;
  program(index: number): Program;
  /** The issuer again, whose next request goes to this node and no other. For drills that do one thing at a time. */
  at(index: number): TestServer;
  /** A new process on the same port, with settings of its own where given. */
  start(index: number, env?: Record<string, string>): Promise<void>;
  close(): Promise<void>;
}

export async function startNodes(count: number, more: Record<string, string> = {}): Promise<Nodes> {
  const place = newPlace();
  const issuerPort = await freePort();
  const env = {
    ...place.env,
    ISSUER: `http://localhost:${issuerPort}`,
    DATABASE_URL: await freshPostgres(),
    SECRET_KEY: 'the drills have a secret of their own, long enough',
    RATE_LIMITS: 'off',
    ...more,
  };
  const maker = await startServer(env);
  const clients = await createClients(maker);
  await maker.close();
  const ports: number[] = [];
  for (let index = 0; index < count; index += 1) ports.push(await freePort());
  const programs: Program[] = [];

  async function start(index: number, own: Record<string, string> = {}): Promise<void> {
    const program = await startProgram(place.folder, { ...env, ...own }, ports[index]);
    programs[index] = program;
    await program.until(/Stop: Ctrl-C/);
  }
  for (let index = 0; index < count; index += 1) await start(index);
  let chosen: number | undefined;
  const balancer = await startBalancer(issuerPort, () => (chosen === undefined ? ports : [chosen]));
  const towards = (port: number | undefined) =>
    ({
      issuer: env.ISSUER,
      url(path: string) {
        chosen = port;
        return `${env.ISSUER}${path}`;
      },
    }) as TestServer;

  return {
    target: towards(undefined),
    at: (index) => towards(ports[index]),
    clients,
    balancer,
    count,
    program: (index) => programs[index] as Program,
    start,
    async close() {
      await balancer.close();
      await Promise.all(programs.map((program) => program.stop()));
      place.remove();
    },
  };
}
