/** A way to a TCP server that can be cut (connections break, new ones are refused) or left hanging. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Way {
  readonly port: number;
  /** Connections break and new ones are refused. */
  cut(): Promise<void>;
  /** Everything stays open, and nothing gets through any more. */
  hang(): void;
  /** As at first; what hung goes on. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

export async function openWay(target: { readonly host: string; readonly port: number }): Promise<Way> {
  const sockets = new Set<Socket>();
  let hanging = false;
  const server = createServer((near) => {
    const far = connect(target);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
      if (hanging) from.unpipe(to).pause();
    }
    pairs.set(near, far).set(far, near);
  });
  const pairs = new WeakMap<Socket, Socket>();
  const open = (port: number) =>
    new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  const cut = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  await open(0);
  const { port } = server.address() as AddressInfo;

  return {
    port,
    cut,
    hang() {
      hanging = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    async restore() {
      if (!server.listening) await open(port);
      if (!hanging) return;
      hanging = false;
      for (const socket of sockets) {
        const other = pairs.get(socket);
        if (other !== undefined) socket.pipe(other);
      }
    },
    close: () => (server.listening ? cut() : Promise.resolve()),
  };
}
