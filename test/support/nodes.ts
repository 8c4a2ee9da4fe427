/** Several nodes of the real program over one PostgreSQL, behind a round-robin proxy on the issuer's address. */
import { type Balancer, startBalancer } from './balancer.js';
import { freshPostgres } from './postgres.js';
import { freePort } from './free-port.js';
import type { Program } from './program.js';
import type { TestServer } from './server.js';
import { createSite, type Furnishing } from './site.js';
import type { Clients } from './traffic.js';

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

export async function startNodes(
  count: number,
  more: Record<string, string> = {},
  furnishing: Furnishing = {},
): Promise<Nodes> {
  const site = await createSite({ DATABASE_URL: await freshPostgres(), ...more }, furnishing);
  const { issuer } = site.target;
  const ports: number[] = [];
  for (let index = 0; index < count; index += 1) ports.push(await freePort());
  const programs: Program[] = [];

  async function start(index: number, own: Record<string, string> = {}): Promise<void> {
    programs[index] = await site.start(own, ports[index]);
  }
  for (let index = 0; index < count; index += 1) await start(index);
  let chosen: number | undefined;
  const balancer = await startBalancer(site.port, () => (chosen === undefined ? ports : [chosen]));
  const towards = (port: number | undefined) =>
    ({
      issuer,
      url(path: string) {
        chosen = port;
        return `${issuer}${path}`;
      },
    }) as TestServer;

  return {
    target: towards(undefined),
    at: (index) => towards(ports[index]),
    clients: site.clients,
    balancer,
    count,
    program: (index) => programs[index] as Program,
    start,
    async close() {
      await balancer.close();
      await Promise.all(programs.map((program) => program.stop()));
      site.place.remove();
    },
  };
}
