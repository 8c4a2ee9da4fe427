/**
 * The settings as the program uses them: texts of the environment in, one frozen `Config` out, or one
 * `ConfigFault` with everything that is wrong. Nothing here touches the machine; `load.ts` does.
 */
import { canParse } from '../net/can-parse.js';
import { ConfigFault, type SettingFault } from './config-fault.js';
import { dserverAdvice, dserverOf } from './dserver-settings.js';
import { judgeNamedKeys } from './named-keys.js';
import { operationOf } from './operation.js';
import { permissionAdvice, permissionSettings } from './permission-settings.js';
import { productionFaults, secretAdvice } from './production-rules.js';
import { type Environment, gatherTexts, type ReadFile, type SettingSource } from './sources.js';
import { type SettingValues, settingRows, settingsSchema } from './settings.js';
import { readUpstreams } from './upstream-settings.js';

export interface ParseDeps {
  readonly readFile: ReadFile;
  /** Variables that came from `.env`, so that `config` can say so. */
  readonly fromDotEnv?: ReadonlySet<string>;
}

export interface ParsedConfig {
  readonly config: Config;
  /** Where each setting that is set came from, with its text. Holds secrets: show it through `show.ts` only. */
  readonly sources: ReadonlyMap<string, SettingSource>;
  readonly warnings: readonly string[];
}

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

export type Config = DeepReadonly<ReturnType<typeof group>>;

const isLoopback = (url: URL): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);

const defaultIssuer = (port: number): string => `http://localhost:${port === 0 ? 5000 : port}`;

/** Hosts as a `Host` header has them: without the scheme's own port. */
function acceptedHosts(values: SettingValues, issuer: URL): string[] {
  const loopbacks = ['127.0.0.1', 'localhost', '[::1]'].map((host) => {
    return new URL(`${issuer.protocol}//${host}${issuer.port && `:${issuer.port}`}`).host;
  });
  const named = [values.OAUTH2_BASE_URL, values.EXTERNAL_ADDRESS].filter((url) => url !== undefined);
  return [
    ...new Set([
      issuer.host,
      ...named.map((url) => new URL(url).host),
      ...(isLoopback(issuer) ? loopbacks : []),
    ]),
  ];
}

function databaseOf(values: SettingValues) {
  return {
    ...values.DATABASE_URL,
    directUrl: values.DATABASE_DIRECT_URL,
    prepared: values.DATABASE_PREPARED,
    poolMax: values.DATABASE_POOL_MAX,
    timeoutMs: values.DATABASE_TIMEOUT_MS,
    migrate: values.MIGRATE,
  };
}

function lifetimesOf(values: SettingValues) {
  return {
    code: values.CODE_TTL,
    accessToken: values.ACCESS_TOKEN_TTL,
    idToken: values.ID_TOKEN_TTL,
    // A shorter absolute end also shortens the default idle time.
    refreshTokenIdle: Math.min(values.REFRESH_TOKEN_IDLE_TTL, values.REFRESH_TOKEN_MAX_TTL),
    refreshTokenMax: values.REFRESH_TOKEN_MAX_TTL,
    session: values.SESSION_TTL,
    refreshGrace: values.REFRESH_GRACE,
  };
}

function group(values: SettingValues, { upstreams, linked }: ReturnType<typeof readUpstreams>) {
  const issuer = new URL(values.ISSUER ?? defaultIssuer(values.PORT));
  const loopback = isLoopback(issuer);
  const production = values.NODE_ENV === 'production' || !loopback;
  const permissions = permissionSettings(values, issuer);
  const dserver = dserverOf(values, issuer);
  return {
    production,
    development: !production,
    issuer: issuer.origin,
    loopback,
    http: {
      port: values.PORT,
      host: values.HOST,
      acceptedHosts: acceptedHosts(values, issuer),
      internalHosts: values.INTERNAL_HOSTS ?? [],
      trustProxy: values.TRUST_PROXY ?? [],
    },
    database: databaseOf(values),
    /** The first seals, all of them open. Empty only in development, until `secret-key.ts` has made one. */
    secretKeys: values.SECRET_KEY ?? [],
    keysDir: values.KEYS_DIR,
    viewsDir: values.VIEWS_DIR,
    brand: { name: values.BRAND_NAME, logo: values.BRAND_LOGO, color: values.BRAND_COLOR },
    securityContact: values.SECURITY_CONTACT,
    mail: {
      smtpUrl: values.SMTP_URL,
      from: values.MAIL_FROM ?? `${values.BRAND_NAME} <no-reply@${issuer.hostname}>`,
    },
    admin: { username: values.ADMIN_USERNAME, password: values.ADMIN_PASSWORD },
    signUp: values.SIGN_UP ?? (loopback ? 'open' : 'closed'),
    clientCreation: values.CLIENT_CREATION ?? (loopback ? 'everyone' : 'admins'),
    legacyFlows: values.LEGACY_FLOWS,
    requirePkce: values.REQUIRE_PKCE,
    allowedOrigins: values.ALLOWED_ORIGINS ?? [],
    upstreamAllowPrivate: values.UPSTREAM_ALLOW_PRIVATE ?? [],
    dserver,
    permissions,
    /** Seconds. */
    ttl: lifetimesOf(values),
    log: { level: values.LOG_LEVEL },
    /** As they were written; `relying-party/upstreams.ts` fills in presets and defaults. */
    upstreams: { ...upstreams, autoProvision: values.OAUTH2_AUTO_PROVISION_USERS },
    linked,
    /** Of the doors that stand elsewhere than under the issuer. */
    callbacks: {
      /** Of the plugin's upstream. */
      dserver: values.OAUTH2_REDIRECT_URI ?? `${dserver.baseUrl}/auth/callback`,
      /** Of the others, each with its id below it. */
      dserverOthers: `${dserver.baseUrl}/auth/callback`,
      permission: permissions.base,
    },
    handlersDir: values.HANDLERS_DIR,
    operation: operationOf(values),
  };
}

function freeze<T>(value: T): DeepReadonly<T> {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value as DeepReadonly<T>;
}

function contradictions(values: SettingValues, sources: ReadonlyMap<string, SettingSource>): SettingFault[] {
  const faults: SettingFault[] = [];
  const refuse = (setting: string, message: string) => {
    const source = sources.get(setting);
    if (source !== undefined) faults.push({ setting, variable: source.variable, message });
  };
  const { REFRESH_TOKEN_IDLE_TTL: idle, REFRESH_TOKEN_MAX_TTL: max } = values;
  if (idle > max) {
    refuse(
      'REFRESH_TOKEN_IDLE_TTL',
      `${idle} is longer than REFRESH_TOKEN_MAX_TTL; set it to ${max} or less`,
    );
  }
  if (values.WORKERS !== '1' && values.DATABASE_URL.file === ':memory:') {
    refuse(
      'WORKERS',
      'several processes cannot share a database in memory; set it to 1, or DATABASE_URL to a file',
    );
  }
  return faults;
}

function advice(values: SettingValues, config: Config): string[] {
  const warnings = [
    ...secretAdvice(config),
    ...permissionAdvice(values),
    ...dserverAdvice(values, config.production),
  ];
  const port = new URL(config.issuer).port || (config.issuer.startsWith('https:') ? '443' : '80');
  if (config.loopback && values.ISSUER !== undefined && values.PORT !== 0 && port !== String(values.PORT)) {
    warnings.push(
      `ISSUER names port ${port} but PORT is ${values.PORT}; set both alike unless a proxy is between.`,
    );
  }
  if (config.http.trustProxy.some((network) => network.endsWith('/0'))) {
    warnings.push('TRUST_PROXY believes everyone; name the addresses of your proxies.');
  }
  return warnings;
}

function inTableOrder(faults: readonly SettingFault[]): SettingFault[] {
  const names: readonly string[] = settingRows().map(([name]) => name);
  return faults.toSorted((a, b) => names.indexOf(a.setting) - names.indexOf(b.setting));
}

/**
 * The values as far as they can be read, so that what does not hang on the bad ones is told at once too.
 * An issuer with something too much still says whether the production rules apply.
 */
function readableValues(
  sources: ReadonlyMap<string, SettingSource>,
  faulty: ReadonlySet<string>,
): SettingValues {
  const texts = new Map([...sources].map(([name, source]) => [name, source.text]));
  const issuer = texts.get('ISSUER') ?? '';
  for (const name of faulty) texts.delete(name);
  if (faulty.has('ISSUER') && /^https?:/i.test(issuer) && canParse(issuer)) {
    texts.set('ISSUER', new URL(issuer).origin);
  }
  return settingsSchema().parse(Object.fromEntries(texts));
}

/** Reads an environment. Throws `ConfigFault` with every fault; empty values count as unset. */
export function parseConfig(env: Environment, deps: ParseDeps): ParsedConfig {
  const { sources, faults, warnings } = gatherTexts(env, deps);
  const texts = Object.fromEntries([...sources].map(([name, source]) => [name, source.text]));
  const parsed = settingsSchema().safeParse(texts);
  const issues = (parsed.error?.issues ?? []).map((issue) => {
    const setting = String(issue.path[0]);
    return { setting, variable: sources.get(setting)?.variable ?? setting, message: issue.message };
  });
  const faulty = new Set([...faults, ...issues].map((fault) => fault.setting));
  const values = parsed.data ?? readableValues(sources, faulty);
  const upstreams = readUpstreams(values, sources, deps.readFile);
  const config = freeze(group(values, upstreams));
  const keys = judgeNamedKeys(values, sources, deps.readFile, config.production);
  const rules = [...contradictions(values, sources), ...productionFaults(config, sources)];
  const late = [...upstreams.faults, ...rules].filter((fault) => !faulty.has(fault.setting));
  const all = [...faults, ...issues, ...keys.faults, ...late];
  if (all.length > 0) throw new ConfigFault(inTableOrder(all));
  const more = [...advice(values, config), ...keys.warnings, ...upstreams.warnings];
  return { config, sources, warnings: [...warnings, ...more] };
}
