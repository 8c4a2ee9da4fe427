/** What a person reads when the server has started: where it is, how to get in, and what to do next. */
export interface BannerFacts {
  readonly url: string;
  readonly version: string;
  readonly production: boolean;
  readonly administrator?:
    | {
        readonly username: string;
        /** Only when it was made just now: it is shown once and never again. */
        readonly oneTimePassword?: string | undefined;
      }
    | undefined;
  /** A path for SQLite; for PostgreSQL host and database name, never the password. */
  readonly database: string;
  /** Where a copy was put before migrating, if one was. */
  readonly backup?: string | undefined;
  readonly signingKeys: readonly { readonly alg: string; readonly kid: string }[];
  /** Whether there is the built-in demo: then it is what to look at first. */
  readonly demo: boolean;
}

const CLI = 'npm run -s cli --';

export function renderBanner(facts: BannerFacts): string {
  const rows: [string, string][] = [
    ['Open', facts.url],
    ...administratorRows(facts),
    ['Database', facts.database],
    ...(facts.backup === undefined
      ? []
      : [['Backup', `${facts.backup} (made before migrating)`] as [string, string]]),
    ['Signing keys', keyList(facts)],
    ...nextRows(facts),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  const lines = rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`);
  return ['', `Postern ${facts.version} is ready.`, '', ...lines, '', ''].join('\n');
}

function administratorRows({ administrator }: BannerFacts): [string, string][] {
  if (administrator === undefined) return [];
  const { username, oneTimePassword } = administrator;
  if (oneTimePassword === undefined) return [['Administrator', username]];
  return [
    ['Administrator', username],
    [
      'Password',
      `${oneTimePassword}   (shown only now, good for 24 hours, to be changed at the first sign-in)`,
    ],
  ];
}

const keyList = ({ signingKeys }: BannerFacts): string =>
  signingKeys.map(({ alg, kid }) => `${alg} ${kid}`).join(', ');

function nextRows({ url, production, administrator, demo }: BannerFacts): [string, string][] {
  const signIn =
    administrator?.oneTimePassword === undefined ? 'sign in' : `sign in as ${administrator.username}`;
  return [
    ['Next', `open ${url}/ , ${signIn}, and create a client at ${url}/create_client`],
    ...(demo
      ? [
          ['Try the flow', `${url}/demo   (a built-in client, up to the decoded ID Token)`] as [
            string,
            string,
          ],
        ]
      : []),
    ['Command line', `${CLI} --help${production ? '' : '      Stop: Ctrl-C'}`],
  ];
}
