/**
 * Every setting there is, in the order of the documentation: what it is for, what it may be and what it
 * is when nobody sets it. `.env.example`, the README's table, the `config` verb and the `Config` type
 * are all made from this table. A new setting is one row here and one line in `config.ts`.
 */
import { z } from 'zod';
import * as v from './value-schemas.js';

/** `whole`: never shown. `password`: an address whose password alone is hidden. */
export type Secrecy = 'whole' | 'password';

export interface Setting {
  readonly group: string;
  /** One line, with the unit where there is one. */
  readonly help: string;
  readonly schema: z.ZodType;
  /** The default as one would write it. */
  readonly standard?: string;
  /** What holds while it is unset, where that hangs on other settings. */
  readonly otherwise?: string;
  readonly secret?: Secrecy;
  /** A row that stands for a whole family of variables. */
  readonly family?: RegExp;
}

/** A schema that reads `standard` when the variable is unset, so that defaults obey the same rules. */
const or = <T>(schema: z.ZodType<T, string>, standard: string) => ({
  schema: schema.prefault(standard),
  standard,
});

const maybe = <T>(schema: z.ZodType<T, string>) => ({ schema: schema.optional() });

const DAY = 86_400;
const seconds = (min: number, max: number) => v.whole(min, max, 'seconds');

const hidden = { secret: 'whole' } as const;

const server = { group: 'Address' } as const;
const database = { group: 'Database' } as const;
const keys = { group: 'Keys and first administrator' } as const;
const policy = { group: 'What is allowed' } as const;
const lifetimes = { group: 'Lifetimes' } as const;
const operation = { group: 'Operation' } as const;
const mail = { group: 'Mail and contact' } as const;
const looks = { group: 'Looks' } as const;
const pool = { group: 'Database limits' } as const;
const care = { group: 'Metrics and key rotation' } as const;
const upstreams = { group: 'Upstream providers and extensions' } as const;
const dserver = { group: 'dserver' } as const;
const plugin = { group: 'dserver token plugin names' } as const;
const services = { group: 'Permission service and one-provider login names' } as const;
const linked = { group: 'Linked accounts' } as const;

export const settings = {
  ISSUER: {
    ...server,
    ...maybe(v.issuer),
    standard: 'http://localhost:5000',
    help: 'Public address of this server: scheme, host and port only. Follows PORT while unset.',
  },
  PORT: {
    ...server,
    ...or(v.whole(0, 65_535), '5000'),
    help: 'TCP port to listen on; 0 takes any free one, and then ISSUER must be set.',
  },
  HOST: { ...server, ...or(v.text, '127.0.0.1'), help: 'Address to listen on; 0.0.0.0 or :: for all.' },

  DATABASE_URL: {
    ...database,
    ...or(v.databaseAddress, 'sqlite:./data/postern.sqlite'),
    secret: 'password',
    help: 'sqlite:./file, sqlite:////absolute/file or postgres://user:password@host:5432/database.',
  },
  DATABASE_DIRECT_URL: {
    ...database,
    ...maybe(v.postgresAddress),
    secret: 'password',
    help: 'PostgreSQL without the pooler, for migrations and notifications, when DATABASE_URL is a pooler.',
  },
  DATABASE_PREPARED: {
    ...database,
    ...or(v.oneOf('auto', 'on', 'off'), 'auto'),
    help: 'Prepared statements on PostgreSQL: auto, on, or off behind a pooler in transaction mode.',
  },

  SECRET_KEY: {
    ...keys,
    ...maybe(v.textList),
    ...hidden,
    help: 'Comma list of secrets of 32 or more random characters: the first writes, all read. Development: made once in KEYS_DIR.',
  },
  KEYS_DIR: {
    ...keys,
    ...or(v.text, './keys'),
    help: 'Folder of the dserver key that Postern makes and, in development, of its secret.',
  },
  ADMIN_USERNAME: { ...keys, ...maybe(v.text), help: 'Name of the administrator made at the first start.' },
  ADMIN_PASSWORD: {
    ...keys,
    ...maybe(v.text),
    ...hidden,
    help: 'Password of the first administrator; unset, a one-time password is printed once.',
  },

  SIGN_UP: {
    ...policy,
    ...maybe(v.oneOf('open', 'invite', 'closed')),
    otherwise: 'open on a loopback ISSUER, else closed',
    help: 'Who may make an account: open, invite or closed.',
  },
  CLIENT_CREATION: {
    ...policy,
    ...maybe(v.oneOf('everyone', 'admins')),
    otherwise: 'everyone on a loopback ISSUER, else admins',
    help: 'Who may create clients: everyone or admins.',
  },
  LEGACY_FLOWS: {
    ...policy,
    ...or(v.someOf('password', 'implicit'), 'password'),
    help: 'Comma list of flows that OAuth 2.1 dropped: password, implicit; none for neither.',
  },
  REQUIRE_PKCE: {
    ...policy,
    ...or(v.oneOf('public', 'all'), 'public'),
    help: 'Clients that must use PKCE: public ones (always), or all.',
  },
  ALLOWED_ORIGINS: {
    ...policy,
    ...maybe(v.origins),
    help: 'Comma list of origins that may be sent back to, read with credentials and get postMessage.',
  },
  UPSTREAM_ALLOW_PRIVATE: {
    ...policy,
    ...maybe(v.networks),
    help: 'Comma list of private networks (CIDR) this server may call; loopback too while ISSUER is loopback.',
  },

  CODE_TTL: {
    ...lifetimes,
    ...or(seconds(1, 300), '60'),
    help: 'Authorization code, seconds (at most 300).',
  },
  ACCESS_TOKEN_TTL: { ...lifetimes, ...or(seconds(1, 31 * DAY), '3600'), help: 'Access token, seconds.' },
  ID_TOKEN_TTL: { ...lifetimes, ...or(seconds(1, 31 * DAY), '3600'), help: 'ID Token, seconds.' },
  REFRESH_TOKEN_IDLE_TTL: {
    ...lifetimes,
    ...or(seconds(1, 365 * DAY), String(14 * DAY)),
    help: 'Refresh token not used for so long, seconds (14 days).',
  },
  REFRESH_TOKEN_MAX_TTL: {
    ...lifetimes,
    ...or(seconds(1, 3650 * DAY), String(90 * DAY)),
    help: 'Refresh token family from first issue to its end, seconds (90 days).',
  },
  SESSION_TTL: {
    ...lifetimes,
    ...or(seconds(1, 365 * DAY), String(14 * DAY)),
    help: 'Sign-in session, seconds (14 days).',
  },
  REFRESH_GRACE: {
    ...lifetimes,
    ...or(seconds(0, 60), '10'),
    help: 'A repeated refresh gets the same answer for so long, seconds (0 to 60); 0 ends the family on any reuse.',
  },

  TRUST_PROXY: {
    ...operation,
    ...maybe(v.networks),
    help: 'Comma list of proxies (CIDR) whose forwarded headers are believed.',
  },
  INTERNAL_HOSTS: {
    ...operation,
    ...maybe(v.hosts),
    help: 'Comma list of further host names for the token, introspection, verify and JWKS endpoints only.',
  },
  LOG_LEVEL: {
    ...operation,
    ...or(v.oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'), 'info'),
    help: 'fatal, error, warn, info, debug, trace or silent.',
  },
  NODE_ENV: {
    ...operation,
    ...maybe(v.oneOf('production', 'development', 'test')),
    help: 'production switches the production rules on, for a loopback ISSUER too.',
  },
  WORKERS: {
    ...operation,
    ...or(v.workers, '1'),
    help: 'Processes that serve together, or auto: one for each processor. With 2 or more, or auto, SIGHUP reloads.',
  },
  RATE_LIMITS: {
    ...operation,
    ...or(v.limits, '1'),
    help: 'Requests of one address: the numbers of the README times this, or off.',
  },
  MIGRATE: {
    ...operation,
    ...or(v.yesOrNo, 'on'),
    help: 'Migrate the database at start: on or off.',
  },

  SMTP_URL: {
    ...mail,
    ...maybe(v.mailServer),
    otherwise: 'data/outbox in development, no mails in production',
    secret: 'password',
    help: 'Mail server, smtp://user:password@host:587 or smtps://….',
  },
  MAIL_FROM: {
    ...mail,
    ...maybe(v.mailSender),
    otherwise: 'no-reply at the host of ISSUER',
    help: 'Sender of the mails, like accounts@example.org or Example <accounts@example.org>.',
  },
  SECURITY_CONTACT: {
    ...mail,
    ...maybe(v.contact),
    help: 'Mail address or URL published in /.well-known/security.txt and as Help on every page.',
  },

  BRAND_NAME: { ...looks, ...or(v.text, 'Postern'), help: 'Name shown on the pages.' },
  BRAND_LOGO: {
    ...looks,
    ...maybe(v.text),
    help: 'Picture at the head of the pages: a file (.svg, .png, .jpg, .webp) or an https:// address.',
  },
  BRAND_COLOR: { ...looks, ...maybe(v.color), help: 'Accent colour; in .env with quotes: "#1a5fb4".' },
  VIEWS_DIR: { ...looks, ...maybe(v.text), help: 'Folder whose templates replace those of the same name.' },

  DATABASE_POOL_MAX: {
    ...pool,
    ...or(v.whole(1, 1000), '10'),
    help: 'PostgreSQL connections of one process.',
  },
  DATABASE_TIMEOUT_MS: {
    ...pool,
    ...or(v.whole(100, 600_000, 'milliseconds'), '3000'),
    help: 'Longest wait for the database before a 503, milliseconds.',
  },

  METRICS_PORT: {
    ...care,
    ...maybe(v.whole(1, 65_535)),
    help: 'Own port for /metrics, on HOST. Without this and METRICS_TOKEN there is none.',
  },
  METRICS_TOKEN: {
    ...care,
    ...maybe(v.text),
    ...hidden,
    help: 'Bearer token that /metrics asks for; on the own port too.',
  },
  KEY_ROTATION_DAYS: {
    ...care,
    ...or(v.whole(0, 3650, 'days'), '90'),
    help: 'Age at which a signing key is replaced, days; 0 = by command only.',
  },

  OAUTH2_PRESET: {
    ...upstreams,
    ...maybe(v.text),
    help: 'Preset of the upstream behind /auth/login, such as orcid; then only a client id and secret are needed.',
  },
  UPSTREAMS_FILE: {
    ...upstreams,
    ...maybe(v.text),
    help: 'JSON file of upstreams: an object with the options of one under each name.',
  },
  'UPSTREAM_<ID>_*': {
    ...upstreams,
    ...maybe(v.text),
    ...hidden,
    family: /^UPSTREAM_(?!ALLOW_PRIVATE(_FILE)?$)[A-Z0-9]+_[A-Z0-9_]+$/,
    help: 'An option of the upstream ID: …_ISSUER or …_PRESET, …_CLIENT_ID, …_CLIENT_SECRET and so on.',
  },
  HANDLERS_DIR: {
    ...upstreams,
    ...maybe(v.text),
    help: 'Folder of handlers: modules <upstream id>.mjs that take part in sign-ins.',
  },
  EXTENSIONS_DIR: {
    ...upstreams,
    ...maybe(v.text),
    help: 'Folder of the modules that ALLOWED_SERVICES and INSTALLED_EXTENSIONS name.',
  },

  DSERVER_LOCAL_ACCOUNTS: {
    ...dserver,
    ...or(v.yesOrNo, 'false'),
    help: 'Every local account may get dserver tokens: true or false.',
  },
  OAUTH2_TOKEN_COOKIE: {
    ...dserver,
    ...or(v.oneOf('off', 'httponly', 'readable'), 'off'),
    help: 'Cookie with the dserver token: off, httponly or readable.',
  },
  JWT_REFRESH_MAX_DAYS: {
    ...dserver,
    ...or(v.whole(0, 3650, 'days'), '7'),
    help: 'How long a dserver token can be refreshed, days since its sign-in; 0 = not at all.',
  },
  DSERVER_API_KEY_USERS: {
    ...dserver,
    ...or(v.oneOf('any', 'known'), 'any'),
    help: 'Whom OAUTH2_API_KEY gives tokens for: any name, or names known here only.',
  },
  DSERVER_SYNC_URL: {
    ...dserver,
    ...maybe(v.webAddress),
    help: 'Address of the dserver that new dserver names are made known to; unset = off.',
  },
  DSERVER_SYNC_ADMIN: {
    ...dserver,
    ...maybe(v.text),
    help: 'Name of an administrator of that dserver, in whose name the users are made.',
  },

  OAUTH2_BASE_URL: {
    ...plugin,
    ...maybe(v.webAddress),
    otherwise: 'the ISSUER',
    help: 'Address at which callbacks of upstream providers arrive; its host is accepted too.',
  },
  OAUTH2_PROVIDER_NAME: { ...plugin, ...or(v.text, 'oauth2'), help: 'Name of the provider.' },
  OAUTH2_AUTHORIZATION_URL: {
    ...plugin,
    ...maybe(v.webAddress),
    help: 'Its authorization endpoint.',
  },
  OAUTH2_TOKEN_URL: { ...plugin, ...maybe(v.webAddress), help: 'Its token endpoint.' },
  OAUTH2_USERINFO_URL: { ...plugin, ...maybe(v.webAddress), help: 'Its UserInfo endpoint.' },
  OAUTH2_CLIENT_ID: { ...plugin, ...maybe(v.text), help: 'Our client_id there.' },
  OAUTH2_CLIENT_SECRET: {
    ...plugin,
    ...maybe(v.text),
    ...hidden,
    help: 'Our client secret there.',
  },
  OAUTH2_SCOPE: { ...plugin, ...or(v.text, 'openid'), help: 'Scopes asked for.' },
  OAUTH2_RESPONSE_TYPE: { ...plugin, ...or(v.text, 'code'), help: 'Accepted; always code.' },
  OAUTH2_REDIRECT_URI: {
    ...plugin,
    ...maybe(v.webAddress),
    otherwise: 'OAUTH2_BASE_URL/auth/callback',
    help: 'Callback registered there, of this one upstream.',
  },
  OAUTH2_ATTRIBUTE_MAP: {
    ...plugin,
    ...or(v.text, 'sub:user_id,email:email,name:display_name,given_name:given_name,family_name:surname'),
    help: 'Comma list of claim:attribute.',
  },
  OAUTH2_USERNAME_FIELD: {
    ...plugin,
    ...or(v.text, 'user_id'),
    help: 'Attribute that gives the dserver name.',
  },
  JWT_PRIVATE_KEY_FILE: { ...plugin, ...maybe(v.text), help: 'PEM file of the dserver key.' },
  JWT_PUBLIC_KEY_FILE: {
    ...plugin,
    ...maybe(v.text),
    help: 'PEM file of its public half; former ones may follow.',
  },
  JWT_ALGORITHM: {
    ...plugin,
    ...or(
      v.oneOf('RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'),
      'RS256',
    ),
    help: 'Signature algorithm of dserver tokens; asymmetric only.',
  },
  JWT_ISSUER: { ...plugin, ...or(v.text, 'dserver'), help: 'iss of dserver tokens.' },
  JWT_AUDIENCE: { ...plugin, ...or(v.text, 'dserver'), help: 'aud of dserver tokens.' },
  JWT_TOKEN_EXPIRY_HOURS: {
    ...plugin,
    ...or(v.whole(1, 8760, 'hours'), '24'),
    help: 'Lifetime of dserver tokens, hours.',
  },
  OAUTH2_AUTO_PROVISION_USERS: {
    ...plugin,
    ...or(v.yesOrNo, 'true'),
    help: 'Make an account at the first sign-in: true or false.',
  },
  OAUTH2_DEFAULT_USER_PERMISSIONS: {
    ...plugin,
    ...or(v.textList, 'search,retrieve'),
    help: 'Comma list of permissions in dserver tokens.',
  },
  OAUTH2_FRONTEND_URL: { ...plugin, ...or(v.pathOrWebAddress, '/'), help: 'Where sign-out leads.' },
  OAUTH2_LOGIN_SUCCESS_REDIRECT: { ...plugin, ...or(v.pathOrWebAddress, '/'), help: 'Where sign-in leads.' },
  OAUTH2_LOGIN_ERROR_REDIRECT: {
    ...plugin,
    ...or(v.pathOrWebAddress, '/login?error=auth_failed'),
    help: 'Where a failed sign-in leads.',
  },
  OAUTH2_DELIVER_TOKEN_IN_FRAGMENT: {
    ...plugin,
    ...or(v.yesOrNo, 'true'),
    help: 'Put the dserver token in the fragment of the return address: true or false.',
  },
  OAUTH2_API_KEY: {
    ...plugin,
    ...maybe(v.text),
    ...hidden,
    help: 'Key for POST /auth/token; unset = off.',
  },

  CLIENT_ID: {
    ...services,
    ...maybe(v.text),
    help: 'Our client_id at the one provider of /login.',
  },
  CLIENT_SECRET: { ...services, ...maybe(v.text), ...hidden, help: 'Our client secret there.' },
  SERVER_METADATA_URL: { ...services, ...maybe(v.webAddress), help: 'Its discovery document.' },
  LOGOUT_URL: { ...services, ...maybe(v.webAddress), help: 'Its sign-out address.' },
  GOOGLE_KEY: {
    ...services,
    ...maybe(v.text),
    help: 'client_id at Google; on with GOOGLE_SECRET.',
  },
  GOOGLE_SECRET: { ...services, ...maybe(v.text), ...hidden, help: 'Client secret at Google.' },
  GITHUB_KEY: {
    ...services,
    ...maybe(v.text),
    help: 'client_id at GitHub; on with GITHUB_SECRET.',
  },
  GITHUB_SECRET: { ...services, ...maybe(v.text), ...hidden, help: 'Client secret at GitHub.' },
  PRIVATE_KEY: {
    ...services,
    ...maybe(v.text),
    ...hidden,
    help: 'The dserver key as PEM text; \\n stands for a line end.',
  },
  PUBLIC_KEY: {
    ...services,
    ...maybe(v.text),
    help: 'Its public half as PEM text; former ones may follow.',
  },
  EXTERNAL_ADDRESS: {
    ...services,
    ...maybe(v.externalAddress),
    help: 'Public host of the permission service, with or without https://; it is accepted too.',
  },
  ALLOWED_SERVICES: {
    ...services,
    ...maybe(v.serviceModules),
    help: 'Semicolon list of [alias:]provider: services and the modules that say what people may do in them.',
  },
  INSTALLED_EXTENSIONS: {
    ...services,
    ...maybe(v.moduleNames),
    help: 'Semicolon list of modules that are told of new users, log-ins and log-outs.',
  },
  PERMISSION_TOKEN_DELIVERY: {
    ...services,
    ...or(v.oneOf('query', 'fragment'), 'query'),
    help: 'Where the permission service puts jwt into the return address: query, as the original, or fragment.',
  },
  SERVICE_TOKEN_TTL: {
    ...services,
    ...or(seconds(1, DAY), '900'),
    help: 'Service token of /auth/authorize, seconds (15 minutes).',
  },
  SERVICE_TOKEN_AUDIENCE: {
    ...services,
    ...or(v.yesOrNo, 'on'),
    help: 'Service tokens name their service in aud: on, or off for services that use the original helper.',
  },
  PROFILE_LOOKUPS: {
    ...services,
    ...or(v.yesOrNo, 'on'),
    help: 'Anybody may look profiles up at /auth/resolve and /auth/get_profile: on or off.',
  },

  'OAUTHCLIENT_*': {
    ...linked,
    ...maybe(v.text),
    ...hidden,
    family: /^OAUTHCLIENT_[A-Z0-9_]+$/,
    help: 'Settings of the linked-account doors under their original names.',
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof settings;

type Shape = { [N in SettingName]: (typeof settings)[N]['schema'] };

/** The table as ONE schema: texts in, values out, every fault at once. */
export const settingsSchema = () =>
  z.object(Object.fromEntries(Object.entries(settings).map(([name, row]) => [name, row.schema])) as Shape);

export type SettingValues = z.output<ReturnType<typeof settingsSchema>>;

/** The rows in order, with their names. */
export const settingRows = (): readonly (readonly [SettingName, Setting])[] =>
  Object.entries(settings) as [SettingName, Setting][];

/** Names of the originals that go on working, each with the setting it has become. */
export const oldNames: Readonly<Record<string, SettingName>> = {
  SQLALCHEMY_DATABASE_URI: 'DATABASE_URL',
  OAUTH2_JWT_ISS: 'ISSUER',
  OAUTH2_JWT_EXP: 'ID_TOKEN_TTL',
};

/** Names of the originals that need nothing any more, each with the reason. */
export const droppedNames: Readonly<Record<string, string>> = {
  OAUTH2_JWT_ENABLED: 'ID Tokens are always signed',
  OAUTH2_JWT_ALG: 'the algorithm is chosen per client',
  OAUTH2_JWT_KEY_PATH: 'signing keys are made in the database',
  OAUTH2_JWT_PUBLIC_KEY_PATH: 'public keys are served at /oauth/jwks.json',
  OAUTH2_REFRESH_TOKEN_GENERATOR: 'a client that registered the refresh_token grant gets refresh tokens',
};
