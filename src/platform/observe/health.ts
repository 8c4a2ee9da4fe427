/** One thing that must work before requests are taken; rejects where it does not. */
export interface HealthCheck {
  readonly name: string;
  check(): Promise<void>;
}

export interface HealthDeps {
  readonly checks: readonly HealthCheck[];
  /** True from the moment the server was told to stop. */
  readonly draining: () => boolean;
  /** A check that has not answered by then has failed. */
  readonly timeoutMs?: number;
  /** Told the reason, which is for the log and never for the caller. */
  readonly onFailure?: (name: string, error: unknown) => void;
}

export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: { readonly status: string; readonly failing?: readonly string[] };
}

export interface Health {
  /** The process runs; nothing else is asked. */
  livez(): HealthAnswer;
  /** Requests may be sent here, else the names of what is missing. */
  readyz(): Promise<HealthAnswer>;
  /** The same question in the words of dserver. */
  configHealth(): Promise<HealthAnswer>;
}

const DEFAULT_TIMEOUT_MS = 2000;

async function inTime(check: HealthCheck, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([check.check(), late]);
  } finally {
    clearTimeout(timer);
  }
}

export function createHealth(deps: HealthDeps): Health {
  const { checks, draining, timeoutMs = DEFAULT_TIMEOUT_MS } = deps;
  let looking: Promise<readonly string[]> | undefined;

  async function look(): Promise<readonly string[]> {
    const outcomes = await Promise.allSettled(checks.map((check) => inTime(check, timeoutMs)));
    return checks.flatMap(({ name }, index) => {
      const outcome = outcomes[index];
      if (outcome?.status !== 'rejected') return [];
      deps.onFailure?.(name, outcome.reason);
      return [name];
    });
  }

  /** Anybody may ask, as often as he likes: who comes during a look shares it. */
  async function failing(): Promise<readonly string[]> {
    if (draining()) return ['draining'];
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  return {
    livez: () => ({ status: 200, body: { status: 'ok' } }),
    async readyz() {
      const names = await failing();
      if (names.length === 0) return { status: 200, body: { status: 'ok' } };
      return { status: 503, body: { status: 'unavailable', failing: names } };
    },
    async configHealth() {
      const healthy = (await failing()).length === 0;
      return { status: healthy ? 200 : 503, body: { status: healthy ? 'healthy' : 'unhealthy' } };
    },
  };
}
