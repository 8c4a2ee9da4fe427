import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from '@jest/globals';
import { listenForChanges } from '../../../src/platform/database/change-listener.js';

const LONG_MS = 60_000;

test('R24: a database that answers no farewell does not hold up the end', async () => {
  // As behind a broken way: everything is taken, nothing comes back, not even the end of a connection.
  const silent = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const listener = listenForChanges(
    {
      dialect: 'postgres',
      connectionString: `postgres://nobody@127.0.0.1:${port}/nothing`,
      prepared: 'auto',
      poolMax: 1,
      timeoutMs: LONG_MS,
    },
    { log: { warn: () => {} }, changed: () => {} },
  );
  const [socket] = (await once(silent, 'connection')) as [Socket];
  await once(socket, 'data');
  const closed = once(socket, 'close');
  socket.resume();
  await listener.close();
  // Nothing is left that would keep the process.
  socket.end();
  await closed;
  silent.close();
}, 5_000);
