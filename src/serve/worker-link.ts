/** What the primary process and its workers tell one another. */
export type ToWorker =
  /** Serve no new connections, end the old ones without hurry, then end. */
  | { readonly postern: 'retire' }
  /** Stop as on SIGTERM. */
  | { readonly postern: 'stop'; readonly reason: string }
  /** You are the one that does the background work. */
  | { readonly postern: 'lead' }
  | { readonly postern: 'measure'; readonly id: number }
  | { readonly postern: 'scraped'; readonly id: number; readonly text: string };

export type FromWorker =
  | { readonly postern: 'ready'; readonly port: number }
  | { readonly postern: 'measured'; readonly id: number; readonly metrics: readonly object[] }
  /** It was asked for `/metrics` and wants those of all. */
  | { readonly postern: 'scrape'; readonly id: number };

/** A worker as its primary sees it; `node:cluster` has one, a test another. */
export interface WorkerProcess {
  readonly pid: number | undefined;
  send(message: ToWorker): void;
  kill(): void;
  onMessage(listener: (message: FromWorker) => void): void;
  onExit(listener: (code: number | null, signal: string | null) => void): void;
}

/** Whether a message of the channel, which node uses too, is one of ours. */
export const isOurs = <T extends { readonly postern: string }>(message: unknown): message is T =>
  typeof message === 'object' && message !== null && 'postern' in message;
