/**
 * The shape of `src`, held by a test: who may import whom (house rules, "Direction of imports"), and what may
 * only stand in one place. A rule is a function from sources to faults, so that each is also shown to go red.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { type Import, readSource, type SourceFile } from '../support/source-graph.js';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

type Rule = (files: readonly SourceFile[]) => string[];

/** `accounts`, `platform/web`, `app.ts`. */
function roomOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  return first === 'platform' ? `platform/${second}` : first;
}

const isIn = (path: string, places: readonly string[]): boolean =>
  places.some((place) => path === place || path.startsWith(`${place}/`));

const LEAVES = ['config', 'errors', 'crypto', 'net', 'observe', 'threads'].map((name) => `platform/${name}`);
const REST = ['audit', 'database', 'mail', 'throttle', 'web'].map((name) => `platform/${name}`);
const PLATFORM = ['platform'];
/** What the library is to the rest of the program. */
const NARROW = ['browser-session', 'interactions', 'tokens', 'inspect-token', 'own-token-endpoint'].map(
  (name) => `authorization-server/${name}.ts`,
);
/** What a login through an upstream is to the doors that other rooms open. */
const ARRIVALS = ['upstream', 'connector', 'doors', 'relying-party'].map(
  (name) => `relying-party/${name}.ts`,
);

interface Directions {
  /** Rooms or files that may be imported for their values, and so for their types. */
  readonly values: readonly string[];
  /** … and those for their types alone. */
  readonly types?: readonly string[];
}

/** A room's own files are always open to it. What is not in this table imports nothing of ours. */
const TABLE: Readonly<Record<string, Directions>> = {
  ...Object.fromEntries(LEAVES.map((room) => [room, { values: [] }])),
  ...Object.fromEntries(REST.map((room) => [room, { values: LEAVES }])),
  stores: {
    values: ['platform/database', ...LEAVES],
    types: [
      ...['accounts', 'clients', 'relying-party', 'dserver', 'permission-service'],
      ...['platform/audit', 'platform/throttle'],
    ],
  },
  accounts: { values: PLATFORM, types: ['stores'] },
  clients: { values: PLATFORM, types: ['stores'] },
  keys: { values: PLATFORM, types: ['stores'] },
  'authorization-server': { values: ['accounts', 'clients', 'keys', ...PLATFORM], types: ['stores'] },
  interactions: { values: ['accounts', 'clients', ...PLATFORM], types: NARROW },
  'resource-server': { values: ['accounts', 'clients', ...PLATFORM], types: NARROW },
  home: { values: ['accounts', 'clients', ...PLATFORM], types: NARROW },
  'relying-party': { values: ['accounts', ...PLATFORM], types: ['stores', ...NARROW] },
  // Doors of their own to the relying party: they see its arrivals as narrow types.
  dserver: { values: ['accounts', 'keys', ...PLATFORM], types: ['stores', ...ARRIVALS, ...NARROW] },
  'permission-service': {
    values: ['accounts', 'keys', ...PLATFORM],
    types: ['stores', ...ARRIVALS, ...NARROW],
  },
  admin: {
    values: ['accounts', 'clients', ...PLATFORM],
    types: ['stores', 'relying-party', 'dserver', 'permission-service', ...NARROW],
  },
  // It prints accounts, clients and keys, so it knows their types and the words they are written with.
  cli: {
    values: [
      'container.ts',
      'app.ts',
      'serve',
      'accounts',
      'clients',
      'keys',
      'relying-party',
      'dserver',
      'permission-service',
      ...PLATFORM,
    ],
    types: NARROW,
  },
  serve: { values: ['container.ts', ...PLATFORM] },
  'main.ts': { values: ['cli', 'serve', ...PLATFORM] },
};

/** Imports beyond the table, each with its reason. `typeOnly` ones stay types. */
const EXCEPTIONS: readonly { from: string; to: string; typeOnly: boolean; reason: string }[] = [
  {
    from: 'platform/net/address-rule.ts',
    to: 'platform/config/networks.ts',
    typeOnly: false,
    reason: 'a leaf of a leaf: networks of a setting are read in the same way as they were checked',
  },
  {
    from: 'platform/observe/logger.ts',
    to: 'platform/crypto/clock.ts',
    typeOnly: false,
    reason: 'a leaf of a leaf: lines carry the time of the one clock',
  },
  {
    from: 'platform/audit/audit.ts',
    to: 'platform/database/database.ts',
    typeOnly: true,
    reason: 'an audit row is a step of the unit it reports, so both are written or neither',
  },
  ...['config', 'database-url', 'upstream-options', 'value-schemas'].map((name) => ({
    from: `platform/config/${name}.ts`,
    to: 'platform/net/can-parse.ts',
    typeOnly: false,
    reason: 'a leaf of a leaf: addresses of settings are read as all others are',
  })),
  ...['platform/database/migrate.ts', 'platform/database/migrator.ts'].map((from) => ({
    from,
    to: '/migrations/index.ts',
    typeOnly: false,
    reason: 'the list of migrations is a top-level folder, fixed by the layout',
  })),
  {
    from: 'accounts/routes.ts',
    to: 'authorization-server/browser-session.ts',
    typeOnly: true,
    reason:
      'the pages of a feature stand where interactions and home stand: they see sessions as a narrow type',
  },
];

const excepted = (from: string, { target, typeOnly }: Import): boolean =>
  EXCEPTIONS.some((one) => one.from === from && one.to === target && (typeOnly || !one.typeOnly));

function mayImport(from: string, it: Import): boolean {
  const room = roomOf(from);
  if (!it.own || ['app.ts', 'routers.ts', 'container.ts'].includes(room) || roomOf(it.target) === room)
    return true;
  const { values, types = [] } = TABLE[room] ?? { values: [] };
  return isIn(it.target, values) || (it.typeOnly && isIn(it.target, types)) || excepted(from, it);
}

const perImport =
  (broken: (file: SourceFile, it: Import) => boolean): Rule =>
  (files) =>
    files.flatMap((file) =>
      file.imports.filter((it) => broken(file, it)).map((it) => `${file.path} imports ${it.target}`),
    );

const perFile =
  (fault: (file: SourceFile) => string | undefined): Rule =>
  (files) =>
    files.flatMap((file) => {
      const found = fault(file);
      return found === undefined ? [] : [`${file.path}: ${found}`];
    });

const DATABASE = ['stores', 'platform/database'];
const SQL =
  /\bselect\b[\s\S]+\bfrom\b\s+\w|\binsert\s+into\b|\bupdate\s+"?\w+"?\s+set\b|\bdelete\s+from\b|\b(?:create|alter|drop)\s+table\b/i;

const OUTGOING = new Set([
  ...['call fetch', 'globalThis.fetch', 'call WebSocket', 'call EventSource'],
  ...['http', 'https'].flatMap((name) => [`${name}.request`, `${name}.get`]),
  ...['net.connect', 'net.createConnection', 'tls.connect', 'net.Socket', 'dgram.createSocket'],
]);
const CONNECTING_MODULES =
  /^(?:node:)?(?:http2|tls|dgram|dns|dns\/promises)$|^(?:undici|axios|got|node-fetch|ws|ky)$/;
const CONNECTING_NAMES = new Set(['request', 'get', 'connect', 'createConnection', 'Socket']);

const makesRequest = ({ imports, constructs }: SourceFile): boolean =>
  [...constructs].some((one) => OUTGOING.has(one)) ||
  imports.some(
    ({ target, names, typeOnly }) =>
      !typeOnly &&
      (CONNECTING_MODULES.test(target) ||
        (/^(?:node:)?(?:http|https|net)$/.test(target) && names.some((name) => CONNECTING_NAMES.has(name)))),
  );

const KEY_MAKERS = [
  'createPrivateKey',
  'generateKeyPair',
  'generateKeyPairSync',
  'importPKCS8',
  'exportPKCS8',
];
/** Reads the operator's own PEM at the start, to say that it is unreadable; keeps nothing of it. */
const CHECKS_A_KEY = 'platform/config/named-keys.ts';
/** The library signs, so it is handed the keys; the container carries them there. Others see `SigningKeyFacts`. */
const HANDED_KEYS = ['keys', 'container.ts', 'authorization-server/provider.ts'];

const KOA = /^(?:koa|koa-compose|@koa\/.+)$/;
const KOA_PLACES = [
  'app.ts',
  'routers.ts',
  'container.ts',
  'platform/web',
  'authorization-server',
  'resource-server',
  'interactions',
  'home',
  'relying-party/doors.ts',
];
const isPageFile = (path: string): boolean => /(?:^|\/)(?:routes|[\w-]+-(?:routes|pages))\.ts$/.test(path);

const MAX_LINES = 400;
/** One list of every setting with default and help: longer than any code, and read like a table. */
const LONG_LISTS: Readonly<Record<string, number>> = { 'platform/config/settings.ts': 600 };

const RULES: Readonly<Record<string, Rule>> = {
  'imports go in the directions of the table': perImport((file, it) => !mayImport(file.path, it)),
  'nobody imports app, container or main but those who start them': perImport(
    ({ path }, { target }) =>
      ['app.ts', 'routers.ts', 'container.ts', 'main.ts'].includes(target) &&
      !isIn(path, ['cli', 'serve', 'app.ts', 'routers.ts', 'main.ts']),
  ),
  'values are not imported in a circle': (files) => circles(files),
  'SQL stands in stores, platform/database and migrations': perFile(
    ({ path, imports, constructs, strings }) => {
      if (isIn(path, DATABASE)) return undefined;
      const driver = imports.find(({ target }) => ['knex', 'better-sqlite3', 'pg'].includes(target));
      if (driver) return `imports ${driver.target}`;
      if ([...constructs].some((one) => one.endsWith('.sql'))) return 'builds SQL';
      const text = strings.find((one) => SQL.test(one));
      return text === undefined ? undefined : `holds SQL: ${text.slice(0, 60)}`;
    },
  ),
  'process.env is read in platform/config': perFile(({ path, constructs, imports }) =>
    !isIn(path, ['platform/config']) &&
    (constructs.has('process.env') ||
      imports.some(({ target, names }) => /^(?:node:)?process$/.test(target) && names.includes('env')))
      ? 'reads process.env'
      : undefined,
  ),
  'oidc-provider is imported in authorization-server': perImport(
    ({ path }, { target }) => /^oidc-provider(?:\/|$)/.test(target) && !isIn(path, ['authorization-server']),
  ),
  'private keys are made and read in keys': perFile(({ path, constructs, imports }) => {
    const names = imports.flatMap((it) => it.names);
    if (names.includes('PrivateSigningKey') && !isIn(path, HANDED_KEYS)) return 'takes private signing keys';
    const made = KEY_MAKERS.find((name) => names.includes(name) || constructs.has(`crypto.${name}`));
    return made && !isIn(path, ['keys', CHECKS_A_KEY]) ? `uses ${made}` : undefined;
  }),
  'requests go out through platform/net': perFile((file) =>
    makesRequest(file) && !isIn(file.path, ['platform/net']) ? 'opens connections' : undefined,
  ),
  'Koa is known to routes, pages and what mounts them': perImport(
    ({ path }, { target }) => KOA.test(target) && !isIn(path, KOA_PLACES) && !isPageFile(path),
  ),
  'exports have names': perFile(({ path, constructs }) =>
    constructs.has('default export') && !path.endsWith('.d.ts') ? 'has a default export' : undefined,
  ),
  'there are no barrels': perFile(({ path, imports }) =>
    path.endsWith('index.ts') || imports.some(({ reexport }) => reexport)
      ? 'passes on what others own'
      : undefined,
  ),
  'nothing is any, and nothing is suppressed': perFile(({ constructs, text }) =>
    constructs.has('any') || /@ts-(?:ignore|expect-error|nocheck)|biome-ignore|eslint-disable/.test(text)
      ? 'switches the checks off'
      : undefined,
  ),
  'whether a text is an address says canParse': perFile(({ path, constructs }) =>
    constructs.has('URL.canParse') && path !== 'platform/net/can-parse.ts' ? 'uses URL.canParse' : undefined,
  ),
  'nothing is left for later': perFile(
    ({ text }) => /\b(?:TODO|FIXME|XXX|HACK)\b|not implemented/i.exec(text)?.[0],
  ),
  'files stay short': perFile(({ path, text }) => {
    const lines = text.split('\n').length;
    return lines > (LONG_LISTS[path] ?? MAX_LINES) ? `has ${lines} lines` : undefined;
  }),
};

/** Circles among value imports; what is only a type is gone at run time. */
function circles(files: readonly SourceFile[]): string[] {
  const next = new Map(
    files.map(({ path, imports }) => [
      path,
      imports.filter((it) => it.own && !it.typeOnly).map((it) => it.target),
    ]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' > '));
    if (done.has(path) || trail.includes(path)) return;
    for (const target of next.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of next.keys()) visit(path, []);
  return found;
}

const paths = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
const files = paths.map((path) => readSource(path, readFileSync(`${SRC}${path}`, 'utf8')));

describe('the sources', () => {
  test('are found', () => {
    expect(paths).toEqual(expect.arrayContaining(['app.ts', 'container.ts', 'stores/client-store.ts']));
    expect(files.flatMap((file) => file.imports).filter(({ own }) => own).length).toBeGreaterThan(300);
  });

  test.each(Object.entries(RULES))('%s', (_name, rule) => {
    expect(rule(files)).toEqual([]);
  });

  test('every own import leads to a file', () => {
    const known = new Set(paths);
    const lost = files.flatMap((file) =>
      file.imports
        .filter(
          ({ own, target }) =>
            own && !target.startsWith('/') && !target.startsWith('../') && !known.has(target),
        )
        .map(({ target }) => `${file.path} > ${target}`),
    );
    expect(lost.filter((line) => !line.includes('migrations/'))).toEqual([]);
  });

  test('every exception is still needed', () => {
    const unused = EXCEPTIONS.filter(
      ({ from, to }) =>
        !files.some((file) => file.path === from && file.imports.some(({ target }) => target === to)),
    );
    expect(unused).toEqual([]);
  });
});

describe('each rule goes red', () => {
  const VIOLATIONS: readonly (readonly [rule: keyof typeof RULES, path: string, text: string])[] = [
    ['whether a text is an address says canParse', 'accounts/x.ts', 'export const a = URL.canParse(b);'],
    ['imports go in the directions of the table', 'platform/crypto/x.ts', "import { a } from '../web/a.js';"],
    [
      'imports go in the directions of the table',
      'platform/crypto/x.ts',
      "import type { A } from '../../accounts/a.js';",
    ],
    [
      'imports go in the directions of the table',
      'platform/web/x.ts',
      "import { a } from '../throttle/a.js';",
    ],
    [
      'imports go in the directions of the table',
      'stores/x.ts',
      "import { toClaims } from '../accounts/account.js';",
    ],
    [
      'imports go in the directions of the table',
      'accounts/x.ts',
      "import { createAccountStore } from '../stores/account-store.js';",
    ],
    [
      'imports go in the directions of the table',
      'accounts/x.ts',
      "import type { Clients } from '../clients/register.js';",
    ],
    [
      'imports go in the directions of the table',
      'clients/x.ts',
      "import type { Account } from '../accounts/account.js';",
    ],
    [
      'imports go in the directions of the table',
      'keys/x.ts',
      "const a = await import('../accounts/account.js');",
    ],
    [
      'imports go in the directions of the table',
      'authorization-server/x.ts',
      "import { a } from '../stores/client-store.js';",
    ],
    [
      'imports go in the directions of the table',
      'authorization-server/x.ts',
      "import type { A } from '../interactions/routes.js';",
    ],
    [
      'imports go in the directions of the table',
      'interactions/x.ts',
      "import { a } from '../authorization-server/tokens.js';",
    ],
    [
      'imports go in the directions of the table',
      'interactions/x.ts',
      "import type { A } from '../authorization-server/provider.js';",
    ],
    [
      'imports go in the directions of the table',
      'home/x.ts',
      "import type { A } from '../stores/client-store.js';",
    ],
    [
      'imports go in the directions of the table',
      'home/x.ts',
      "type A = import('../stores/client-store.js').A;",
    ],
    [
      'imports go in the directions of the table',
      'cli/x.ts',
      "import { a } from '../stores/client-store.js';",
    ],
    [
      'imports go in the directions of the table',
      'serve/x.ts',
      "import { a } from '../accounts/account.js';",
    ],
    [
      'imports go in the directions of the table',
      'accounts/routes.ts',
      "import { a } from '../authorization-server/browser-session.js';",
    ],
    [
      'imports go in the directions of the table',
      'new-room/x.ts',
      "import { a } from '../accounts/account.js';",
    ],
    [
      'nobody imports app, container or main but those who start them',
      'home/x.ts',
      "import type { Container } from '../container.js';",
    ],
    ['values are not imported in a circle', 'home/x.ts', "import { x } from './x.js';"],
    [
      'SQL stands in stores, platform/database and migrations',
      'accounts/x.ts',
      "import type { Knex } from 'knex';",
    ],
    [
      'SQL stands in stores, platform/database and migrations',
      'accounts/x.ts',
      'const q = `SELECT id FROM accounts`;',
    ],
    [
      'SQL stands in stores, platform/database and migrations',
      'accounts/x.ts',
      "run('update accounts set a = 1');",
    ],
    ['SQL stands in stores, platform/database and migrations', 'container.ts', "database.sql('accounts');"],
    ['process.env is read in platform/config', 'serve/x.ts', 'const port = process.env.PORT;'],
    ['process.env is read in platform/config', 'serve/x.ts', 'const { env } = process;'],
    ['process.env is read in platform/config', 'serve/x.ts', "import { env } from 'node:process';"],
    [
      'oidc-provider is imported in authorization-server',
      'interactions/x.ts',
      "import type { Provider } from 'oidc-provider';",
    ],
    [
      'oidc-provider is imported in authorization-server',
      'app.ts',
      "const a = await import('oidc-provider/lib/helpers/errors.js');",
    ],
    ['private keys are made and read in keys', 'clients/x.ts', "import { generateKeyPair } from 'jose';"],
    [
      'private keys are made and read in keys',
      'clients/x.ts',
      "import crypto from 'node:crypto';\ncrypto.createPrivateKey('');",
    ],
    [
      'private keys are made and read in keys',
      'home/x.ts',
      "import type { PrivateSigningKey } from '../keys/signing-keys.js';",
    ],
    ['requests go out through platform/net', 'clients/x.ts', "await fetch('https://a.example');"],
    ['requests go out through platform/net', 'clients/x.ts', "await globalThis.fetch('https://a.example');"],
    [
      'requests go out through platform/net',
      'clients/x.ts',
      "import https from 'node:https';\nhttps.request('');",
    ],
    ['requests go out through platform/net', 'clients/x.ts', "import { get } from 'node:http';"],
    ['requests go out through platform/net', 'clients/x.ts', "import { connect } from 'node:net';"],
    ['requests go out through platform/net', 'clients/x.ts', "import { Agent } from 'undici';"],
    [
      'Koa is known to routes, pages and what mounts them',
      'accounts/register.ts',
      "import type { Context } from 'koa';",
    ],
    ['Koa is known to routes, pages and what mounts them', 'cli/x.ts', "import Router from '@koa/router';"],
    ['exports have names', 'home/x.ts', 'export default 1;'],
    ['exports have names', 'home/x.ts', 'export default function a() {}'],
    ['there are no barrels', 'home/x.ts', "export { a } from './a.js';"],
    ['there are no barrels', 'home/x.ts', "export * from './a.js';"],
    ['there are no barrels', 'home/index.ts', 'export const a = 1;'],
    ['nothing is any, and nothing is suppressed', 'home/x.ts', 'export const a = (b: any) => b;'],
    ['nothing is any, and nothing is suppressed', 'home/x.ts', 'const a = b as unknown as any[];'],
    ['nothing is any, and nothing is suppressed', 'home/x.ts', '// @ts-expect-error\nconst a: number = b;'],
    ['nothing is left for later', 'home/x.ts', `// ${'TO'}DO: later`],
    ['nothing is left for later', 'home/x.ts', "throw new Error('not implemented');"],
    ['files stay short', 'home/x.ts', '\n'.repeat(401)],
  ];

  test.each(VIOLATIONS)('%s: %s', (rule, path, text) => {
    expect(RULES[rule]?.([readSource(path, text)])).toHaveLength(1);
  });

  test('and every rule is among them', () => {
    expect([...new Set(VIOLATIONS.map(([rule]) => rule))].sort()).toEqual(Object.keys(RULES).sort());
  });

  test('what is allowed stays green', () => {
    const fine = [
      readSource(
        'accounts/x.ts',
        "import type { AccountStore } from '../stores/account-store.js';\nimport { sha256 } from '../platform/crypto/ids.js';",
      ),
      readSource(
        'interactions/routes.ts',
        "import type { Tokens } from '../authorization-server/tokens.js';\nimport type { Context } from 'koa';",
      ),
      readSource(
        'authorization-server/x.ts',
        "import { Provider } from 'oidc-provider';\ndeps.fetch('Select a sign-in.');",
      ),
      readSource('platform/net/x.ts', "import https from 'node:https';\nhttps.request('');"),
      readSource(
        'serve/x.ts',
        "import http from 'node:http';\nhttp.createServer();\n// any process.env in a comment, from 'oidc-provider'",
      ),
    ];
    expect(Object.values(RULES).flatMap((rule) => rule(fine))).toEqual([]);
  });
});
