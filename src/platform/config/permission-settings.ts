import type { SettingValues } from './settings.js';

/** A service of `ALLOWED_SERVICES` and the module that says what people may do in it. */
export interface AllowedService {
  readonly name: string;
  readonly module: string;
}

export interface PermissionSettings {
  /** Public address of the permission service: an origin. */
  readonly base: string;
  readonly services: readonly AllowedService[];
  readonly extensions: readonly string[];
  readonly extensionsDir: string | undefined;
  readonly delivery: 'query' | 'fragment';
  /** Seconds. */
  readonly serviceTokenTtl: number;
  readonly serviceTokenAudience: boolean;
  readonly profileLookups: boolean;
}

export function permissionSettings(values: SettingValues, issuer: URL): PermissionSettings {
  return {
    base: new URL(values.EXTERNAL_ADDRESS ?? values.OAUTH2_BASE_URL ?? issuer).origin,
    services: values.ALLOWED_SERVICES ?? [],
    extensions: values.INSTALLED_EXTENSIONS ?? [],
    extensionsDir: values.EXTENSIONS_DIR,
    delivery: values.PERMISSION_TOKEN_DELIVERY,
    serviceTokenTtl: values.SERVICE_TOKEN_TTL,
    serviceTokenAudience: values.SERVICE_TOKEN_AUDIENCE,
    profileLookups: values.PROFILE_LOOKUPS,
  };
}

/** Names of modules without the folder they lie in are found nowhere. */
export const permissionAdvice = (values: SettingValues): string[] =>
  values.EXTENSIONS_DIR === undefined
    ? (['ALLOWED_SERVICES', 'INSTALLED_EXTENSIONS'] as const)
        .filter((name) => (values[name] ?? []).length > 0)
        .map((name) => `${name} names modules, but EXTENSIONS_DIR does not say where they are.`)
    : [];
