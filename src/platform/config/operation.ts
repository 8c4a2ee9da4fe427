import type { SettingValues } from './settings.js';

/** What the person who runs the server decides about its processes. */
export function operationOf(values: SettingValues) {
  return {
    /** Processes of this machine; `auto` is one for each processor. */
    workers: values.WORKERS === 'auto' ? ('auto' as const) : Number(values.WORKERS),
    /** The ceilings of the endpoints times this; 0: none. */
    rateLimits: values.RATE_LIMITS,
    /** Off while neither is set. With a port they are served there alone. */
    metrics: { port: values.METRICS_PORT, token: values.METRICS_TOKEN },
    /** 0: by command only. */
    keyRotationDays: values.KEY_ROTATION_DAYS,
  };
}
