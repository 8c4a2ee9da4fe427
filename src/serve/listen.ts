import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type RequestListener, type Server, type ServerOptions } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { StartFault } from './start-fault.js';

/** PEM files; with them the server speaks https itself. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  /** Named where the port cannot be had. */
  readonly setting?: string;
  /** Told of connections that could not be taken, for want of file descriptors say: the others are served. */
  readonly log: { error(fields: object, message: string): void };
}

/** A client slower than these is cut; with the check's own period that is within 35 seconds. */
const LIMITS: ServerOptions = {
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  // Longer than the 60 seconds most proxies keep an idle connection, so that they close it first, not we.
  keepAliveTimeout: 65_000,
  // Beyond it Node answers 431.
  maxHeaderSize: 16_384,
};
/**
 * Connections that wait to be taken; the system may allow fewer. Those beyond are not refused but try again
 * after one, three and seven seconds, long after a busy moment is over.
 */
const BACKLOG = 4096;
/** Nothing moved either way, as with a client that does not read its answer. */
const SILENCE_MS = 75_000;

export interface Listening {
  /** One per address. */
  readonly servers: readonly Server[];
  readonly port: number;
}

/** @throws {StartFault} naming the setting to change */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listening> {
  const credentials = options.tls && readTls(options.tls);
  const servers: Server[] = [];
  let { port } = options;
  try {
    for (const host of addressesOf(options)) {
      const server = credentials ? overTls(credentials, handler) : http.createServer(LIMITS, handler);
      server.setTimeout(SILENCE_MS);
      const bound = await bind(server, host, port, servers.length > 0).catch((error: unknown) => {
        throw explained(error, host, port, options.setting);
      });
      if (!bound) continue;
      server.on('error', (error) => options.log.error({ err: error }, 'a connection could not be taken'));
      servers.push(server);
      ({ port } = server.address() as AddressInfo);
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return { servers, port };
}

/**
 * `localhost` names two addresses and programs differ in which one they try first, so a server for this
 * machine alone listens on both. Not with port 0, where the second could be taken.
 */
function addressesOf({ host, port }: ListenOptions): string[] {
  const thisMachine = host === '127.0.0.1' || host === 'localhost';
  if (!thisMachine) return [host];
  return port === 0 ? ['127.0.0.1'] : ['127.0.0.1', '::1'];
}

async function bind(server: Server, host: string, port: number, optional: boolean): Promise<boolean> {
  try {
    server.listen({ host, port, backlog: BACKLOG });
    await once(server, 'listening');
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    // A machine without IPv6 has no ::1.
    if (optional && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) return false;
    throw error;
  }
}

const explained = (error: unknown, host: string, port: number, setting = 'PORT'): StartFault =>
  new StartFault(explain((error as NodeJS.ErrnoException).code ?? '', host, port, setting), error);

function explain(code: string, host: string, port: number, setting: string): string {
  if (code === 'EADDRINUSE' && setting !== 'PORT') {
    return `${setting} ${port} on ${host} is in use by another program. Stop it, or choose another port.`;
  }
  if (code === 'EADDRINUSE') {
    return (
      `PORT ${port} on ${host} is in use by another program. Stop it, or choose another port, ` +
      `for a local try: PORT=${port + 1} ISSUER=http://localhost:${port + 1} npm start`
    );
  }
  if (code === 'EACCES')
    return `${setting} ${port} needs privileges this user does not have. Use one above 1023.`;
  return `HOST ${host} is not an address this machine can listen on (${code}).`;
}

function overTls(credentials: { cert: Buffer; key: Buffer }, handler: RequestListener): Server {
  try {
    return https.createServer({ ...LIMITS, ...credentials }, handler);
  } catch (error) {
    throw new StartFault('--cert and --cert-key are not a certificate and its key, both as PEM.', error);
  }
}

function readTls(files: TlsFiles): { cert: Buffer; key: Buffer } {
  const read = (flag: string, file: string): Buffer => {
    try {
      return readFileSync(file);
    } catch (error) {
      throw new StartFault(
        `${flag} ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
        error,
      );
    }
  };
  return { cert: read('--cert', files.cert), key: read('--cert-key', files.key) };
}
