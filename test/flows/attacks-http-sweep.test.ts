/** A118: whatever is thrown at an endpoint, it answers soon, in the 4xx or as usual, and tells nothing of itself. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ENDPOINTS, type Front, openFront } from '../support/front.js';
import { type RawAnswer, sendRaw } from '../support/raw.js';
import { freshPostgres } from '../support/postgres.js';
import { REDIRECT_URI, startServer, type TestServer } from '../support/server.js';

const KEY = 'an-operators-key-of-some-length';

let server: TestServer;
let front: Front;
let clientId: string;
let basic: string;

beforeAll(async () => {
  server = await startServer({
    // Stricter with texts than SQLite.
    DATABASE_URL: await freshPostgres(),
    SECURITY_CONTACT: 'mailto:security@example.org',
    OAUTH2_API_KEY: KEY,
    UPSTREAM_OTHER_PRESET: 'github',
    UPSTREAM_OTHER_CLIENT_ID: 'postern',
    UPSTREAM_OTHER_CLIENT_SECRET: 'secret',
  });
  front = await openFront(server);
  const client = await server.createClient({
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'password'],
  });
  clientId = client.clientId;
  basic = Buffer.from(`${clientId}:${client.secret}`).toString('base64');
});
afterAll(async () => {
  front.close();
  await server.close();
});

type Headers = readonly (readonly [string, string])[];
type Bytes = string | Buffer;

const FORM = ['content-type', 'application/x-www-form-urlencoded'] as const;

function request(method: string, target: string, headers: Headers = [], body?: Bytes): Buffer {
  const named = headers.some(([name]) => name === 'host') ? [] : [`host: ${front.host}`];
  const sized = headers.some(([name]) => /^(content-length|transfer-encoding)$/.test(name));
  const length = body === undefined || sized ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...named,
    ...headers.map((pair) => pair.join(': ')),
    ...length,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body ?? '')]);
}

const get = (target: string, headers: Headers = []) => request('GET', target, headers);
const post = (target: string, body: Bytes, headers: Headers = [FORM]) =>
  request('POST', target, headers, body);
/** As the client, so that the endpoint looks further than at who asks. */
const authorized = (): readonly [string, string] => ['authorization', `Basic ${basic}`];
const html = ['accept', 'text/html'] as const;

const many = (count: number, name = (at: number) => `p${at}`) =>
  Array.from({ length: count }, (_, at) => `${name(at)}=${at % 10}`).join('&');
const nested = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
const oddRequest = () =>
  new URLSearchParams({
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    response_type: 'code code token \u0000',
    response_mode: 'web_message',
    scope: 'openid \u202e \ud83d\ude00',
    max_age: '1e999',
    claims: '{"id_token":{"a":{"values":{"length":-1}}}}',
    prompt: 'none login consent none',
    display: '__proto__',
    ui_locales: 'x'.repeat(2000),
    id_token_hint: 'a.b.c',
    request: 'e30.e30.',
    request_uri: 'urn:ietf:params:oauth:request_uri:%00',
    dpop_jkt: '\u00e9',
    code_challenge: '='.repeat(43),
    code_challenge_method: 'S512',
    resource: 'urn:',
    nonce: '\ud800',
    grant_type: 'constructor',
    code: '\u0000',
    token: 'a.b.c.d.e',
    user_code: '\uff21'.repeat(300),
    username: '\u0000',
    next: '\u0000//[',
    provider: '\u0000',
    ticket: '\u0000',
    jwt: 'a.b.c',
    service: '\u0000',
    logout_token: 'e30.e30.',
    after: '\u0000',
    done: 'constructor',
    notice: '__proto__',
    password: '\ud800',
  }).toString();

/** Name of the shape, and the requests it makes of one address. */
const SHAPES: Record<string, (path: string) => readonly Bytes[]> = {
  'bad UTF-8 in the query': (path) => [
    get(`${path}?a=%ff%fe&client_id=%c3%28`),
    get(`${path}?%e0%a4%a&state=%`),
  ],
  'bad UTF-8 in the path': (path) => [
    get(`${path}/%ff`),
    get(`${path}%c0%af`),
    get(`${path}/%`),
    get(`${path}/%zz`),
  ],
  'bad UTF-8 in a form': (path) => [
    post(path, 'username=%ff%fe&client_id=%c3%28&grant_type=%'),
    post(path, Buffer.from([0x75, 0x3d, 0xff, 0xfe, 0x26, 0xc3, 0x28]), [FORM, authorized()]),
  ],
  'bytes above 127 in the request line': (path) => [
    Buffer.from(`GET ${path}?q=\xff\xe9 HTTP/1.1\r\nhost: ${front.host}\r\n\r\n`, 'latin1'),
  ],
  '3,000 parameters in the query': (path) => [
    get(`${path}?${many(3000, () => 'p')}`),
    get(`${path}?${many(1500)}`),
  ],
  '3,000 parameters in a form': (path) => [
    post(path, many(3000)),
    post(
      path,
      many(3000, () => 'p'),
      [FORM, authorized()],
    ),
  ],
  'names that mean something to JavaScript': (path) => {
    const text = '__proto__[x]=1&constructor[prototype][y]=1&__proto__=1&toString=1&hasOwnProperty=1&then=1';
    return [
      get(`${path}?${text}`),
      post(path, text),
      post(path, `${text}&grant_type=__proto__`, [FORM, authorized()]),
    ];
  },
  'the same parameter twice, and lists': (path) => {
    const text = `client_id=${clientId}&client_id=b&client_id[]=c&scope=a&scope=b&grant_type=x&grant_type=y`;
    return [get(`${path}?${text}`), post(path, text), post(path, text, [FORM, authorized()])];
  },
  'every parameter odd': (path) => [
    get(`${path}?${oddRequest()}`),
    get(`${path}?${oddRequest()}`, [html]),
    post(path, oddRequest()),
    post(path, oddRequest(), [FORM, authorized()]),
  ],
  'deep JSON': (path) => [
    post(path, nested, [['content-type', 'application/json']]),
    post(path, `{"a":${nested}}`, [['content-type', 'application/json'], authorized()]),
    post(path, '{"__proto__":{"x":1}}', [['content-type', 'application/json; charset=utf-99']]),
  ],
  'odd members in JSON': (path) => {
    const json = ['content-type', 'application/json'] as const;
    const oddOnes = [null, 0, true, [], {}, [['x']], '\0', '\ud800', 'x'.repeat(40_000), '__proto__'];
    // The others take no JSON.
    const values = /^\/(auth|token|external-logout|api)/.test(path) ? oddOnes : ['\0'];
    const names = ['username', 'password', 'token', 'api_key', 'logout_token', 'jwt', 'service'];
    return values.flatMap((value) => {
      const all = JSON.stringify(Object.fromEntries(names.map((name) => [name, value])));
      const ofAccount = { username: value, api_key: 'pdk_x', token: `${String(value).slice(0, 99)}.e30.e30` };
      return [
        post(path, all, [json, ['x-api-key', KEY]]),
        post(path, JSON.stringify(ofAccount), [json]),
        post(path, JSON.stringify(value), [json]),
      ];
    });
  },
  'bad gzip and a gzip bomb': (path) => [
    post(path, 'not gzip at all', [FORM, ['content-encoding', 'gzip'], authorized()]),
    post(path, gzipSync('grant_type=password&a=b').subarray(0, 20), [
      FORM,
      ['content-encoding', 'gzip'],
      authorized(),
    ]),
    post(path, gzipSync(Buffer.alloc(5_000_000, 'a')), [FORM, ['content-encoding', 'gzip'], authorized()]),
    post(path, 'a=b', [FORM, ['content-encoding', 'br, gzip, rot13']]),
  ],
  'odd methods': (path) =>
    ['PROPFIND', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'LINK', 'SEARCH', 'HEAD', 'OPTIONS', 'FOO', 'get'].map(
      (method) => request(method, path),
    ),
  'odd methods with a body': (path) =>
    ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) =>
      request(method, path, [FORM], 'grant_type=password'),
    ),
  'odd cookies': (path) => [
    get(path, [['cookie', '=; ;;=x; postern_session; postern_session=%ff; __proto__=1; "; \\']]),
    get(path, [['cookie', 'postern_session=\xff\xfe; postern_interaction=\xe9; postern_resume=,']]),
    get(path, [
      [
        'cookie',
        ['session', 'interaction', 'resume', 'attempt', 'csrf']
          .map((name) => `postern_${name}=x; postern_${name}.sig=y`)
          .join('; '),
      ],
    ]),
    post(path, 'a=b', [FORM, ['cookie', many(500).replaceAll('&', '; ')]]),
  ],
  'huge cookies': (path) => [
    get(path, [['cookie', `postern_session=${'a'.repeat(15_000)}`]]),
    get(path, [['cookie', `postern_session=${'a'.repeat(100_000)}`]]),
  ],
  NUL: (path) => [
    get(`${path}%00`),
    get(`${path}?a=%00&client_id=%00&state=%00`),
    post(path, 'a=%00&username=%00&user_code=%00&token=%00', [FORM, authorized()]),
    post(path, 'a=\0&\0=b'),
    get(path, [['x-odd', 'a\0b']]),
    `GET ${path}\0 HTTP/1.1\r\nhost: ${front.host}\r\n\r\n`,
  ],
  'wrong content types': (path) =>
    [
      'text/plain',
      'application/xml',
      'application/octet-stream',
      '',
      ';;;',
      'a/b/c',
      'multipart/mixed',
      'application/x-www-form-urlencoded; charset=utf-16',
      'text/html\xff',
    ].map((type) => post(path, 'grant_type=password&token=x', [['content-type', type], authorized()])),
  'broken multipart': (path) => [
    post(path, '--x\r\nbroken', [['content-type', 'multipart/form-data'], authorized()]),
    post(path, '--x\r\nbroken', [['content-type', 'multipart/form-data; boundary=x'], authorized()]),
    post(path, '--x\r\ncontent-disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--x--\r\n', [
      ['content-type', 'multipart/form-data; boundary=x'],
      authorized(),
    ]),
    post(path, '--x\r\ncontent-disposition: form-data; name="__proto__"\r\n\r\n\0\xff\r\n--x--\r\n', [
      ['content-type', 'multipart/form-data; boundary=x'],
      authorized(),
    ]),
    post(path, '', [['content-type', `multipart/form-data; boundary=${'-'.repeat(5000)}`], authorized()]),
  ],
  'garbage in chunks': (path) => [
    post(path, 'zz\r\ngarbage\r\n0\r\n\r\n', [FORM, ['transfer-encoding', 'chunked']]),
    post(path, 'ffffffffffffffffff\r\na', [FORM, ['transfer-encoding', 'chunked']]),
    post(path, '3\r\na=b\r\n0\r\n\r\n', [FORM, ['transfer-encoding', 'gzip, chunked, x']]),
    post(path, `3;${'x'.repeat(20_000)}\r\na=b\r\n0\r\n\r\n`, [FORM, ['transfer-encoding', 'chunked']]),
  ],
  'lengths that lie': (path) => [
    post(path, 'a=b', [FORM, ['content-length', '-1']]),
    post(path, 'a=b', [FORM, ['content-length', '3'], ['content-length', '4']]),
    post(path, 'a=b', [FORM, ['content-length', '3'], ['transfer-encoding', 'chunked']]),
    post(path, 'a=b', [FORM, ['content-length', '99999999999999999999']]),
    post(path, 'a=b', [FORM, ['content-length', 'three']]),
  ],
  'leftovers of a pipeline': (path) => [
    post(path, 'a=b GET /evil HTTP/1.1\r\n\r\n', [FORM, ['content-length', '3']]),
    Buffer.concat([get(path), get('/livez'), Buffer.from('garbage\r\n\r\n')]),
  ],
  'broken credentials': (path) =>
    [
      'Basic',
      'Basic !!!',
      'Basic Og==',
      `Basic ${Buffer.from('%ff:%').toString('base64')}`,
      `Basic ${Buffer.from([0xff, 0xfe, 0x3a]).toString('base64')}`,
      `Bearer ${'a'.repeat(10_000)}`,
      'Bearer a b',
      'Bearer',
      'DPoP x',
      'Negotiate \xff',
      'Basic a, Bearer b',
    ].flatMap((value) => [
      get(path, [['authorization', value]]),
      post(path, 'grant_type=client_credentials&token=x', [FORM, ['authorization', value]]),
    ]),
  'odd proofs and origins': (path) => [
    post(path, 'grant_type=client_credentials&token=x', [
      FORM,
      authorized(),
      ['dpop', 'a.b.c'],
      ['origin', '\xff'],
      ['referer', ':::'],
    ]),
    post(path, 'grant_type=client_credentials', [
      FORM,
      authorized(),
      ['dpop', 'e30.e30.e30'],
      ['dpop', 'x'],
      ['sec-fetch-site', '\xff'],
    ]),
    get(path, [
      ['origin', 'http://['],
      ['access-control-request-method', '\xff'],
    ]),
  ],
  'odd negotiation': (path) => [
    get(path, [
      ['accept', ';;;q=zz, */*;q=999, text/html;q=-1'],
      ['accept-language', '*-*-;q=,,,'],
      ['accept-encoding', 'rot13;q=9'],
    ]),
    get(path, [
      ['range', 'bytes=99999999999-1,-'],
      ['if-none-match', '"\xff'],
      ['if-modified-since', 'never'],
    ]),
    get(path, [['expect', 'the unexpected']]),
    get(path, [
      ['connection', 'upgrade'],
      ['upgrade', 'h2c, websocket'],
      ['http2-settings', 'AAMAAABkAAQAAP__'],
    ]),
  ],
  'paths that climb': (path) => [
    get(`${path}/../../../etc/passwd`),
    get(`${path}/%2e%2e%2f%2e%2e%2fetc%2fpasswd`),
    get(`/${path}`),
    get(`${path}//`),
    get(`${path}/..%5c..%5cpackage.json`),
    get(`${path};a=b`),
    get(`${path}/${'a/'.repeat(3000)}`),
  ],
  'no host, other versions': (path) => [
    `GET ${path} HTTP/1.1\r\n\r\n`,
    `GET ${path} HTTP/1.0\r\n\r\n`,
    `GET ${path} HTTP/9.9\r\nhost: ${front.host}\r\n\r\n`,
    `GET ${path}\r\n\r\n`,
    get(path, [['host', '[::1']]),
    get(path, [['host', '\xff\xfe']]),
    get(path, [
      ['host', front.host],
      ['host', front.host],
    ]),
  ],
};

/** What only our own code, files or database could have said. */
const INTERNALS =
  /node_modules|\bat [\w.<> ]+ \(|\.(?:ts|js|ejs):\d+|(?:Type|Range|Syntax|Reference|URI)Error|SQLITE|sqlite|knex|postgres|\/work\/|\/tmp\/|oidc-provider|Cannot read|undefined|is not a function|heap|ENOENT|ECONN/;

function faultOf({ status, text, milliseconds }: RawAnswer): string | undefined {
  if (status < 200 || status >= 500) return `answered ${status}`;
  if (milliseconds >= 2000) return `took ${milliseconds} ms`;
  const told = INTERNALS.exec(text);
  return told
    ? `told ${JSON.stringify(text.slice(Math.max(0, told.index - 60), told.index + 60))}`
    : undefined;
}

describe.each(Object.entries(SHAPES))('A118 malformed input: %s', (_name, shape) => {
  test('every endpoint answers 4xx or as usual, within two seconds, without internals', async () => {
    const faults: string[] = [];
    const logged = server.logs.length;
    for (const path of ENDPOINTS) {
      for (const [at, bytes] of shape(path).entries()) {
        const fault = faultOf(await sendRaw(front.port, bytes));
        if (fault) faults.push(`${path} #${at}: ${fault}`);
      }
    }
    expect(faults).toEqual([]);
    expect(server.logs.slice(logged).filter((line) => line.includes('a request failed'))).toEqual([]);
  });
});

describe('A118 afterwards', () => {
  test('there are at least 18 shapes, and the service is as it was', async () => {
    expect(Object.keys(SHAPES).length).toBeGreaterThanOrEqual(18);
    const answer = await sendRaw(front.port, get('/readyz'));
    expect(answer.status).toBe(200);
    expect(({} as { x?: unknown }).x).toBeUndefined();
    const token = await sendRaw(
      front.port,
      post('/oauth/token', 'grant_type=client_credentials', [FORM, authorized()]),
    );
    expect(token.status).toBe(200);
  });
});
