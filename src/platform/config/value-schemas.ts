/**
 * What the text of a setting may be. Each schema turns the text into the value the program uses, or
 * says in one sentence what is wrong and what to write instead. Texts of secrets are never repeated.
 */
import { z } from 'zod';
import { canParse } from '../net/can-parse.js';
import { readDatabaseUrl } from './database-url.js';
import { isNetwork } from './networks.js';

type Refuse = (message: string) => never;

/** A schema from a reading function, which returns `refuse(sentence)` where the text will not do. */
function reads<T>(read: (text: string, refuse: Refuse) => T) {
  return z.string().transform((value, ctx): T => {
    const refuse = (message: string) => {
      ctx.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    return read(value, refuse);
  });
}

/** A refused text as it may be shown: quoted, so on one line, and not long. */
const quote = (value: string): string => JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);

const items = (value: string): string[] => [
  ...new Set(
    value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  ),
];

/** A list of which every item is read alike; the first bad item is named. */
function listOf(read: (item: string) => string | undefined, wanted: string) {
  return reads((value, refuse) => {
    const out: string[] = [];
    for (const item of items(value)) {
      const good = read(item);
      if (good === undefined) return refuse(`${quote(item)} is not ${wanted}`);
      out.push(good);
    }
    return out;
  });
}

export const text = z.string();

export const whole = (min: number, max: number, unit = '') =>
  reads((value, refuse) => {
    const number = /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    return refuse(`${quote(value)} is not a whole number${unit && ` of ${unit}`} from ${min} to ${max}`);
  });

export const oneOf = <const T extends string>(...choices: readonly T[]) =>
  reads((value, refuse): T => {
    const found = choices.find((choice) => choice === value);
    return found ?? refuse(`${quote(value)} is not known; use one of ${choices.join(', ')}`);
  });

export const yesOrNo = reads((value, refuse) => {
  if (/^(on|true|yes|1)$/i.test(value)) return true;
  if (/^(off|false|no|0)$/i.test(value)) return false;
  return refuse(`${quote(value)} is neither on nor off`);
});

/** Several of the choices, or `none` alone for an empty list. */
export const someOf = <const T extends string>(...choices: readonly T[]) =>
  reads((value, refuse): readonly T[] => {
    const given = items(value);
    if (given.length === 1 && given[0] === 'none') return [];
    const unknown = given.find((item) => !choices.some((choice) => choice === item));
    if (unknown === undefined) return choices.filter((choice) => given.includes(choice));
    return refuse(`${quote(unknown)} is not known; use a comma list of ${choices.join(', ')}, or none alone`);
  });

const webUrl = (value: string): URL | undefined => {
  const url = canParse(value) ? new URL(value) : undefined;
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url : undefined;
};

/** The bare origin of this server. A path would put half of the discovery documents elsewhere (RFC 8414 §3). */
export const issuer = reads((value, refuse) => {
  const url = webUrl(value);
  if (url === undefined) return refuse('is not a web address; write it like https://id.example.org');
  const extra = [
    (url.username !== '' || url.password !== '') && 'a user name or password',
    url.pathname !== '/' && 'a path',
    value.includes('?') && 'a query',
    value.includes('#') && 'a fragment',
  ].filter((part) => part !== false);
  if (extra.length === 0) return url.origin;
  return refuse(`has ${extra.join(' and ')}; write only ${url.origin}`);
});

export const webAddress = reads(
  (value, refuse) =>
    webUrl(value)?.href ?? refuse(`${quote(value)} is not a web address; start it with https://`),
);

/** Where a browser is sent: a path of this server, or an address. */
export const pathOrWebAddress = reads((value, refuse) => {
  if (/^\/(?![/\\])[^\s\\]*$/.test(value)) return value;
  const url = webUrl(value);
  if (url !== undefined && url.username === '' && url.password === '') return url.href;
  return refuse(`${quote(value)} is neither a path like /datasets nor a web address`);
});

/** A host or an address; without a scheme `https://` is meant, as the permission service had it. */
export const externalAddress = reads((value, refuse) => {
  const url = webUrl(/^[a-z]+:\/\//i.test(value) ? value : `https://${value}`);
  return url?.href ?? refuse(`${quote(value)} is not a host name or web address`);
});

export const origins = listOf((item) => {
  const url = webUrl(item);
  return url !== undefined && url.href === `${url.origin}/` ? url.origin : undefined;
}, 'an origin; write each like https://app.example.org, with no path, and no *');

export const hosts = listOf(
  (item) => (/^(\[[0-9a-f:]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i.test(item) ? item.toLowerCase() : undefined),
  'a host name; write each like auth.internal or auth.internal:5000',
);

export const networks = listOf(
  (item) => (isNetwork(item) ? item : undefined),
  'an address or network; write each like 10.0.0.0/8, 192.0.2.7 or fd00::/8',
);

export const textList = reads((value) => items(value));

const semicolonItems = (value: string): string[] =>
  value
    .split(';')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Of a file in a folder of the operator's: no path leads out of it. */
const isModuleName = (name: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name);

export const moduleNames = reads((value, refuse) => {
  const names = [...new Set(semicolonItems(value))];
  const bad = names.find((name) => !isModuleName(name));
  return bad === undefined ? names : refuse(`${quote(bad)} is not the name of a module, without its ending`);
});

/** `[alias:]module`: without an alias the service is named like its module. */
export const serviceModules = reads((value, refuse) => {
  const found: { name: string; module: string }[] = [];
  for (const item of semicolonItems(value)) {
    const [head = '', tail, ...rest] = item.split(':').map((part) => part.trim());
    const entry = { name: head, module: tail ?? head };
    if (
      rest.length > 0 ||
      !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(entry.name) ||
      !isModuleName(entry.module)
    )
      return refuse(`${quote(item)} is not a service; write each like provider or alias:provider`);
    if (found.some(({ name }) => name === entry.name)) return refuse(`${quote(entry.name)} is named twice`);
    found.push(entry);
  }
  return found;
});

export const databaseAddress = reads((value, refuse) => {
  const address = readDatabaseUrl(value);
  return 'problem' in address ? refuse(address.problem) : address;
});

export const postgresAddress = reads((value, refuse) => {
  const address = readDatabaseUrl(value);
  const connection = 'problem' in address ? undefined : address.connectionString;
  return (
    connection ?? refuse('is not a PostgreSQL address; write postgres://user:password@host:5432/database')
  );
});

export const color = reads((value, refuse) =>
  /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(value)
    ? value
    : refuse(`${quote(value)} is not a colour like #1a5fb4`),
);

/** RFC 9116 wants a URI; a bare mail address is taken for `mailto:`. */
export const contact = reads((value, refuse) => {
  if (/^[^\s@:/]+@[^\s@:/]+$/.test(value)) return `mailto:${value}`;
  if (/^(mailto:[^\s@]+@\S+|https:\/\/\S+|tel:\S+)$/.test(value)) return value;
  return refuse(`${quote(value)} is no contact; write a mail address, https:// or tel:`);
});

export const mailServer = reads((value, refuse) =>
  /^smtps?:\/\/\S+$/i.test(value) && canParse(value)
    ? value
    : refuse('is not a mail server; write smtp://user:password@host:587 or smtps://…'),
);

/** `me@example.org`, or with a name before it in angle brackets. */
export const mailSender = reads((value, refuse) => {
  const address = /^[^<>\p{C}]*<([^<>]*)>$/u.exec(value)?.[1] ?? value;
  return /^[^\s<>(),;:"@\p{C}]+@[^\s<>(),;:"@\p{C}]+$/u.test(address)
    ? value
    : refuse('is no sender; write accounts@example.org or Name <accounts@example.org>');
});

/** What numbers are multiplied with; 0 stands for off. */
export const limits = reads((value, refuse) => {
  if (value === 'off') return 0;
  if (/^[1-9]\d{0,4}$/.test(value)) return Number(value);
  return refuse(`${quote(value)} is not a whole number from 1 to 99999, nor off`);
});

export const workers = reads((value, refuse) => {
  if (value === 'auto' || /^[1-9]\d{0,2}$/.test(value)) return value;
  return refuse(`${quote(value)} is not a number of processes from 1 to 999, nor auto`);
});
