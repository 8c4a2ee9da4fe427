/**
 * The options of one upstream, as `UPSTREAM_<ID>_<OPTION>` or as a member of `UPSTREAMS_FILE`. Both are read by
 * one schema: a text stands for what JSON says with a flag, a number, a list or an object. Nothing here knows
 * what an upstream is for; `relying-party/upstreams.ts` fills in presets and defaults.
 */
import { z } from 'zod';
import { canParse } from '../net/can-parse.js';

/** What a refused value should have been; the value itself may be a secret and is never repeated. */
function option<T>(wanted: string, read: (given: unknown) => T | undefined) {
  return z
    .unknown()
    .transform((given, ctx): T => {
      const value = read(given);
      if (value !== undefined) return value;
      ctx.addIssue({ code: 'custom', message: `is not ${wanted}` });
      return z.NEVER;
    })
    .optional();
}

const asText = (given: unknown): string | undefined => {
  if (typeof given !== 'string') return undefined;
  const text = given.trim();
  return text === '' || text.length > 4_096 ? undefined : text;
};

const isRecord = (given: unknown): given is Readonly<Record<string, unknown>> =>
  typeof given === 'object' && given !== null && !Array.isArray(given);

const text = option('a text', asText);

const flag = option('true or false', (given) => {
  if (typeof given === 'boolean') return given;
  if (typeof given !== 'string') return undefined;
  if (/^(on|true|yes|1)$/i.test(given)) return true;
  return /^(off|false|no|0)$/i.test(given) ? false : undefined;
});

/** As written: of an issuer every character counts. */
const address = option('a web address; write it like https://id.example.org/realms/main', (given) => {
  const url = asText(given);
  if (url === undefined || !canParse(url)) return undefined;
  const { protocol, username, password } = new URL(url);
  return /^https?:$/.test(protocol) && username === '' && password === '' ? url : undefined;
});

const list = option('a comma list of texts', (given) => {
  const items = typeof given === 'string' ? given.split(',') : given;
  if (!Array.isArray(items)) return undefined;
  const texts = items.map(asText).filter((item) => item !== undefined);
  return texts.length === items.length || typeof given === 'string' ? texts : undefined;
});

const choice = <const T extends string>(...choices: readonly T[]) =>
  option(`one of ${choices.join(', ')}`, (given) => choices.find((one) => one === given));

const whole = (min: number, max: number) =>
  option(`a whole number from ${min} to ${max}`, (given) => {
    const number = typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : given;
    return Number.isInteger(number) && (number as number) >= min && (number as number) <= max
      ? (number as number)
      : undefined;
  });

type Pair = readonly [string, string];

/** `a:b,c:d`, split at the first colon; parts without one are passed over, as the plugin did. */
export const readPairs = (given: string): Pair[] =>
  given.split(',').flatMap((part): Pair[] => {
    const cut = part.indexOf(':');
    const pair: Pair = [part.slice(0, cut).trim(), part.slice(cut + 1).trim()];
    return cut < 1 || pair.includes('') ? [] : [pair];
  });

const pairs = option('a comma list of claim:attribute', (given) => {
  const found = typeof given === 'string' ? readPairs(given) : isRecord(given) ? Object.entries(given) : [];
  const good = found.filter((pair): pair is [string, string] =>
    pair.every((half) => asText(half) !== undefined),
  );
  return good.length > 0 && good.length === found.length ? (good as readonly Pair[]) : undefined;
});

const OURS =
  /^(state|nonce|client_id|client_secret|redirect_uri|response_type|response_mode|code_challenge.*)$/;

/** `a=b&c=d`, or an object of texts. */
const params = option('parameters like a=b&c=d, none of them one that is made here', (given) => {
  const found = typeof given === 'string' ? Object.fromEntries(new URLSearchParams(given)) : given;
  if (!isRecord(found)) return undefined;
  const good = Object.entries(found).every(([name, value]) => !OURS.test(name) && typeof value === 'string');
  return good ? (found as Readonly<Record<string, string>>) : undefined;
});

const roles = option('a comma list of group:role', (given) => {
  const found = typeof given === 'string' ? Object.fromEntries(readPairs(given)) : given;
  if (!isRecord(found) || Object.keys(found).length === 0) return undefined;
  return Object.values(found).every((role) => asText(role) !== undefined)
    ? (found as Readonly<Record<string, string>>)
    : undefined;
});

/** Invenio's names of the fields, and ours. */
const FIELDS: Readonly<Record<string, string>> = {
  email: 'email',
  username: 'username',
  'profile.username': 'username',
  display_name: 'display_name',
  full_name: 'display_name',
  'profile.full_name': 'display_name',
};

const precedence = option(
  'a comma list of email, username, display_name; in JSON an object of flags',
  (given) => {
    const found =
      typeof given === 'string'
        ? Object.fromEntries(
            Object.values(FIELDS).map((field) => [field, given.split(/[\s,]+/).includes(field)]),
          )
        : given;
    if (!isRecord(found)) return undefined;
    const entries = Object.entries(found).filter(([name]) => name !== 'password');
    if (!entries.every(([name, value]) => name in FIELDS && typeof value === 'boolean')) return undefined;
    return Object.fromEntries(entries.map(([name, value]) => [FIELDS[name], value])) as Record<
      string,
      boolean
    >;
  },
);

const spoken = { scope: text, attribute_map: pairs, username_field: text, request_token_params: params };
const dialect = z.strictObject(spoken).optional();

const shape = {
  preset: text,
  base_url: address,
  realm: text,
  tenant: text,
  protocol: choice('oidc', 'oauth2', 'oauth1'),
  issuer: address,
  metadata_url: address,
  authorization_url: address,
  token_url: address,
  userinfo_url: address,
  emails_url: address,
  request_token_url: address,
  end_session_url: address,
  revocation_url: address,
  api_url: address,
  client_id: text,
  client_secret: text,
  client_secret_file: text,
  client_auth: choice('client_secret_basic', 'client_secret_post', 'none'),
  access_token_method: choice('POST', 'GET'),
  authorization_scheme: choice('Bearer', 'token', 'OAuth'),
  ...spoken,
  title: text,
  description: text,
  icon: text,
  hide: flag,
  link_only: flag,
  remember: flag,
  precedence,
  auto_confirm: flag,
  send_register_message: flag,
  auto_provision: flag,
  allowed_domains: list,
  allowed_roles: list,
  roles_claim: text,
  group_roles: roles,
  state_ttl: whole(30, 86_400),
  logout_url: address,
  token_clients: list,
};

export const upstreamOptions = z.strictObject({
  ...shape,
  dserver: dialect,
  permission: dialect,
  linked: dialect,
});

export type UpstreamOptions = z.output<typeof upstreamOptions>;

/** Options that one variable can hold, longest first, so that `REQUEST_TOKEN_URL` is not an id and `TOKEN_URL`. */
export const VARIABLE_OPTIONS: readonly string[] = Object.keys(shape)
  .filter((name) => name !== 'client_secret_file')
  .toSorted((a, b) => b.length - a.length);
