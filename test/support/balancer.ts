/**
 * A plain round-robin HTTP proxy in front of several nodes, on 127.0.0.1. A node that refuses a connection is
 * passed over, as every proxy does; what was sent to a node and is not answered is lost, and noted as that.
 */
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';

export interface Cut {
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly reason: string;
}

export interface Balancer {
  /** In flight at a node when its connection broke, and so answered 502. */
  readonly cut: Cut[];
  /** Answers of each node. */
  readonly answered: Map<number, number>;
  /** Those that were 500, with `performance.now()`. */
  readonly faults: { readonly port: number; readonly at: number }[];
  /** Before each request is passed on: told the port that answered last. */
  before?: ((last: number | undefined) => Promise<void>) | undefined;
  close(): Promise<void>;
}

const bodyOf = async (message: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** @param ports of the nodes, asked anew for each request */
export async function startBalancer(port: number, ports: () => readonly number[]): Promise<Balancer> {
  // A connection for each request, as nginx does it unless told otherwise. On kept ones a request may cross their
  // being closed, which no server can prevent and a proxy must try again.
  const agent = new Agent({ keepAlive: false });
  const cut: Cut[] = [];
  const answered = new Map<number, number>();
  const faults: { port: number; at: number }[] = [];
  let turn = 0;
  let last: number | undefined;

  /** Whether it was taken: `false` where the node refused the connection, so that nothing was sent. */
  function passOn(
    to: number,
    from: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): Promise<boolean> {
    const { method = 'GET', url: path = '/', headers } = from;
    return new Promise((resolve) => {
      const sent = request({ agent, host: '127.0.0.1', port: to, method, path, headers }, (answer) => {
        answered.set(to, (answered.get(to) ?? 0) + 1);
        last = to;
        if (answer.statusCode === 500) faults.push({ port: to, at: performance.now() });
        const { connection: _, 'keep-alive': __, ...rest } = answer.headers;
        response.writeHead(answer.statusCode ?? 502, rest);
        answer.pipe(response);
        answer.once('error', () => response.destroy());
        resolve(true);
      });
      sent.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') return resolve(false);
        const reason = `${error.code}${sent.reusedSocket ? ' on a kept connection' : ''}`;
        cut.push({ port: to, method, path: path.split('?')[0] ?? '', reason });
        if (!response.headersSent) response.writeHead(502);
        response.end();
        resolve(true);
      });
      sent.end(body);
    });
  }

  const server: Server = createServer(async (incoming, response) => {
    const body = await bodyOf(incoming);
    try {
      await balancer.before?.(last);
    } catch (error) {
      return void response.writeHead(502).end(String(error));
    }
    const nodes = ports();
    turn += 1;
    // Of this request: others come while it waits.
    const first = turn;
    for (const index of nodes.keys()) {
      const to = nodes[(first + index) % nodes.length];
      if (to !== undefined && (await passOn(to, incoming, body, response))) return;
    }
    response.writeHead(502).end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const balancer: Balancer = {
    cut,
    answered,
    faults,
    async close() {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return balancer;
}
