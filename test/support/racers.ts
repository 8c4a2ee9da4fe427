/** Several server processes over one database, and requests that reach all of them at the same moment. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface RaceRequest {
  readonly method?: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly form?: Record<string, string>;
  readonly headers?: Record<string, string>;
}

export interface RaceAnswer {
  readonly status: number;
  readonly location: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answered; tests look into it.
  readonly body: any;
}

export interface Racers {
  readonly processes: number;
  /** @param setting which of the settings the processes were started with */
  send(process: number, setting: number, request: RaceRequest): Promise<RaceAnswer>;
  /** The same request `times` at once, spread evenly over the processes. */
  race(times: number, setting: number, request: RaceRequest): Promise<RaceAnswer[]>;
  close(): Promise<void>;
}

const ENTRY = fileURLToPath(new URL('./race-server.ts', import.meta.url));
const HUSH = new URL('../../scripts/lib/hush-runtime-notice.mjs', import.meta.url).href;
/** Found from here: the processes start in a folder of their own choosing. */
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
/** With it a process runs TypeScript. */
export const FORK = {
  execArgv: ['--no-warnings', '--import', TSX, '--import', HUSH],
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
} satisfies ForkOptions;

async function start(
  settings: readonly Record<string, string>[],
): Promise<{ child: ChildProcess; ports: number[] }> {
  const child = fork(
    ENTRY,
    settings.map((env) => JSON.stringify(env)),
    FORK,
  );
  const died = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`a server process ended with ${code}`)),
  );
  died.catch(() => {});
  const [ports] = await Promise.race([once(child, 'message'), died]);
  return { child, ports };
}

const bodyOf = (text: string): unknown => (text.startsWith('{') ? JSON.parse(text) : text);

/** @param issuer whose Host every request carries, whatever port it goes to */
export async function startRacers(
  issuer: string,
  processes: number,
  settings: readonly Record<string, string>[],
): Promise<Racers> {
  const started = await Promise.all(Array.from({ length: processes }, () => start(settings)));
  const agent = new Agent({ keepAlive: true });
  const { host } = new URL(issuer);

  function send(
    process: number,
    setting: number,
    { method, path, form, headers }: RaceRequest,
  ): Promise<RaceAnswer> {
    const body = form && new URLSearchParams(form).toString();
    const type = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          agent,
          host: '127.0.0.1',
          port: started[process]?.ports[setting],
          method: method ?? (body === undefined ? 'GET' : 'POST'),
          path,
          headers: { accept: 'application/json', ...type, ...headers, host },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk) => {
            text += chunk;
          });
          response.once('error', reject);
          response.once('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              location: response.headers.location,
              body: bodyOf(text),
            }),
          );
        },
      );
      sent.once('error', reject);
      sent.end(body);
    });
  }

  return {
    processes,
    send,
    race: (times, setting, wanted) =>
      Promise.all(Array.from({ length: times }, (_, index) => send(index % processes, setting, wanted))),
    async close() {
      agent.destroy();
      await Promise.all(
        started.map(async ({ child }) => {
          if (child.exitCode !== null) return;
          child.disconnect();
          await once(child, 'exit');
        }),
      );
    },
  };
}
