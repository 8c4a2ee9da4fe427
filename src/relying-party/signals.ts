import type { Extra, HandlerEvent, SignalListener, SignalName, Signals } from './handlers.js';

/** Tells those who listen. What they do of it stands in nobody's way. */
export interface SignalBoard extends Signals {
  fire(name: SignalName, event: HandlerEvent, extra?: Extra): Promise<void>;
}

export function createSignals(log: { error(fields: object, message: string): void }): SignalBoard {
  const listeners = new Map<SignalName, SignalListener[]>();
  return {
    on: (name, listener) => void listeners.set(name, [...(listeners.get(name) ?? []), listener]),
    async fire(name, event, extra) {
      for (const listener of listeners.get(name) ?? []) {
        try {
          await listener(event, extra);
        } catch (err) {
          log.error({ err, signal: name, upstream: event.upstream.id }, 'a listener failed');
        }
      }
    },
  };
}
