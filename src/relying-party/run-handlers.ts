import type { z } from 'zod';
import { UpstreamError } from '../platform/errors/errors.js';
import type { GuardedFetch } from '../platform/net/guarded-fetch.js';
import { localPath } from '../platform/web/return-to.js';
import type { UpstreamIdentity } from './connector.js';
import {
  anyAnswer,
  authorizedAnswer,
  groupsAnswer,
  infoAnswer,
  setupAnswer,
  viewAnswer,
} from './handler-answers.js';
import type { HandlerModule, HandlerName, HandlerTools } from './handler-modules.js';
import type { HandlerEvent, Handlers, SignalName } from './handlers.js';
import type { SignalBoard } from './signals.js';
import type { Upstream } from './upstream.js';
import type { Vault } from './vault.js';

interface Dependencies {
  readonly modules: ReadonlyMap<string, HandlerModule>;
  readonly signals: SignalBoard;
  readonly vault: Pick<Vault, 'tokenFor'>;
  readonly fetch: GuardedFetch;
  readonly log: { error(fields: object, message: string): void };
  /** Milliseconds that a handler may take: a person waits for it. */
  readonly patience?: number;
}

const PATIENCE_MS = 15_000;

/** A copy that can be read and not changed: a handler's hands stay off what the login goes on with. */
function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const copy = Array.isArray(value)
    ? value.map(frozen)
    : Object.fromEntries(
        Object.entries(value)
          .filter(([, member]) => typeof member !== 'function')
          .map(([name, member]) => [name, frozen(member)]),
      );
  return Object.freeze(copy);
}

/** Neither secrets nor settings: an upstream as handlers know it. */
const nameOf = ({ id, title, issuer }: Upstream) => ({ id, title, issuer });

const dataOf = ({ upstream, identity, door, purpose, accountId }: HandlerEvent) => ({
  upstream: nameOf(upstream),
  identity,
  door,
  purpose,
  accountId,
});

async function within<T>(patience: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${patience} ms`)), patience);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const notAllowed = (upstream: Upstream, message: string, detail: string): UpstreamError =>
  new UpstreamError('not_allowed', message, { status: 403, detail: `${upstream.id}: ${detail}` });

const REFUSED_BY_FAILURE = 'This sign-in could not be checked just now. Please try again later.';

/** Calls what an operator wrote: each answer is checked, each failure logged with the handler's name. */
export function createHandlers(deps: Dependencies): Handlers {
  const { modules, signals, log, patience = PATIENCE_MS } = deps;

  /** @throws whatever the handler throws, a `ZodError` for an answer that is none, an error where it takes too long */
  async function ask<Answer>(
    upstream: Upstream,
    name: HandlerName,
    data: object,
    tools: HandlerTools,
    answer: z.ZodType<Answer>,
  ): Promise<Answer | undefined> {
    const handler = modules.get(upstream.id)?.[name];
    if (!handler) return undefined;
    // In a promise from the start: a handler need not be asynchronous.
    const said = within(
      patience,
      Promise.resolve(frozen(data)).then((plain) => handler(plain, tools)),
    );
    try {
      return answer.parse(await said);
    } catch (err) {
      log.error({ err, upstream: upstream.id, handler: name }, 'a handler failed');
      throw err;
    }
  }

  const toolsOf = ({ tokens }: HandlerEvent): HandlerTools => ({
    accessToken: async () => tokens.accessToken,
    fetch: deps.fetch,
  });

  const failed =
    <T>(instead: T) =>
    async (asked: Promise<T | undefined>): Promise<T> =>
      (await asked.catch(() => undefined)) ?? instead;

  const HOOKS = {
    'account-info-received': 'accountInfoReceived',
    'setup-received': 'setupReceived',
    'setup-committed': 'setupCommitted',
  } as const;
  for (const [signal, hook] of Object.entries(HOOKS) as [SignalName, HandlerName][]) {
    signals.on(signal, async (event, extra) => {
      const data = { ...dataOf(event), ...(extra === undefined ? {} : { extra }) };
      await ask(event.upstream, hook, data, toolsOf(event), anyAnswer).catch(() => {});
    });
  }

  return {
    async info(event) {
      const { upstream, identity } = event;
      let changes: z.output<typeof infoAnswer> | undefined;
      try {
        changes = await ask(upstream, 'signup.info', dataOf(event), toolsOf(event), infoAnswer);
      } catch {
        throw notAllowed(upstream, REFUSED_BY_FAILURE, 'signup.info failed');
      }
      // Another address has not been proven by what the upstream said of the former one.
      const proof = changes?.email === undefined ? {} : { emailVerified: false };
      const corrected = { ...identity, ...proof, ...changes } as UpstreamIdentity;
      await signals.fire('account-info-received', { ...event, identity: corrected });
      return corrected;
    },

    async authorized(event) {
      const { upstream } = event;
      let said: z.output<typeof authorizedAnswer> | undefined;
      try {
        said = await ask(upstream, 'authorized', dataOf(event), toolsOf(event), authorizedAnswer);
      } catch {
        throw notAllowed(upstream, REFUSED_BY_FAILURE, 'authorized failed');
      }
      if (said && 'refuse' in said) throw notAllowed(upstream, said.refuse, 'refused by its handler');
      return said ? { returnTo: localPath(said.returnTo) } : {};
    },

    view: (event) =>
      failed({})(ask(event.upstream, 'signup.view', dataOf(event), toolsOf(event), viewAnswer)) as ReturnType<
        Handlers['view']
      >,

    async setup(event) {
      const asked = ask(event.upstream, 'signup.setup', dataOf(event), toolsOf(event), setupAnswer);
      const extra = await failed<Record<string, unknown>>({})(asked);
      await signals.fire('setup-received', event, extra);
      return extra;
    },

    committed: (event) => signals.fire('setup-committed', event),

    async groups(event) {
      if (!modules.get(event.upstream.id)?.groups) return undefined;
      return failed<z.output<typeof groupsAnswer> & object>([])(
        ask(event.upstream, 'groups', dataOf(event), toolsOf(event), groupsAnswer),
      );
    },

    async disconnect({ upstream, accountId, subject, extra }) {
      const data = { upstream: nameOf(upstream), accountId, subject, extra };
      const tools = {
        accessToken: async () => (await deps.vault.tokenFor(accountId, upstream.id)).accessToken,
        fetch: deps.fetch,
      };
      await ask(upstream, 'disconnect', data, tools, anyAnswer).catch(() => {});
    },
  };
}
