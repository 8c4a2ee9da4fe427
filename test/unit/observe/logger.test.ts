import { describe, expect, test } from '@jest/globals';
import { createAccessLog, PROBES } from '../../../src/platform/observe/access-log.js';
import { createLogger, type Logger } from '../../../src/platform/observe/logger.js';
import { safePath } from '../../../src/platform/observe/safe-path.js';

function written(
  use: (log: Logger) => void,
  options: { human?: boolean; level?: 'info' | 'debug' } = {},
): string[] {
  const lines: string[] = [];
  const stream = { write: (line: string) => lines.push(line) };
  const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5) };
  use(createLogger({ level: options.level ?? 'debug', stream, clock, human: options.human ?? false }));
  return lines;
}

const SECRET = 'hush-hush-hush';

describe('nothing secret is logged', () => {
  test.each(
    (
      'authorization cookie set-cookie Set-Cookie password new_password newPassword currentPassword client_secret ' +
      'clientSecret code code_verifier codeVerifier device_code user_code state token access_token accessToken ' +
      'refresh_token id_token id_token_hint client_assertion assertion otp totp x-api-key api_key _csrf csrf_token ' +
      'password_hash secretKeys private_key body query nonce request_uri proxy-authorization dpop login_token'
    ).split(' '),
  )('the field %s, at any depth', (name) => {
    const [line = ''] = written((log) => {
      log.info({ [name]: SECRET, deep: { list: [{ [name]: SECRET, inner: { [name]: [SECRET] } }] } }, 'x');
    });
    expect(line).not.toContain(SECRET);
    expect(line).toContain('[redacted]');
  });

  test.each([
    ['Authorization: Bearer hush-hush-hush', 'header'],
    ['Basic aHVzaDpodXNo hush-hush-hush=1', 'basic'],
    ['GET /cb?code=hush-hush-hush&state=hush-hush-hush', 'query'],
    ['postgres://me:hush-hush-hush@h/db refused', 'connection string'],
    ['/interaction/hush-hush-hush/login failed', 'interaction'],
    ['/oauth/authorize/hush-hush-hush failed', 'resume'],
    ['client_secret=hush-hush-hush', 'form'],
    ['eyJhbGciOiJub25lIn0.hush-hush-hush.hush-hush-hush', 'token'],
    ['-----BEGIN PRIVATE KEY-----\nhush-hush-hush\n-----END PRIVATE KEY-----', 'key'],
  ])('the text %s', (text, name) => {
    const error = new Error(text, { cause: new Error(text) });
    const lines = written((log) => {
      log.info(text);
      log.warn({ [`${name} note`]: text }, text);
      log.error({ err: error, url: `https://h/x?y=${SECRET}` }, 'failed');
      log.error(error);
    });
    const tail = name === 'basic' ? 'aHVzaDpodXNo' : SECRET;
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).not.toContain(tail);
  });

  test('objects that are no plain data are only named', () => {
    class Request {
      headers = { cookie: SECRET };
      raw = SECRET;
    }
    const [line = ''] = written((log) => log.info({ req: new Request(), bytes: Buffer.from(SECRET) }, 'x'));
    expect(JSON.parse(line)).toMatchObject({ req: '[Request]', bytes: '[Buffer]' });
  });

  test('a long text is cut, so that no stranger can keep the log busy', () => {
    const [line = ''] = written((log) => log.info({ note: 'a-'.repeat(1_000_000) }, 'x'));
    expect(line.length).toBeLessThan(5000);
  });

  test('a circle ends', () => {
    const circle: Record<string, unknown> = { password: SECRET };
    circle.self = circle;
    expect(written((log) => log.info(circle, 'x'))[0]).not.toContain(SECRET);
  });
});

describe('a line', () => {
  test('is one JSON object, whatever the message holds', () => {
    const [line = ''] = written((log) => log.warn({ event: 'e' }, 'a\nb'));
    expect(line.trimEnd()).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({
      level: 'warn',
      time: '2026-01-02T03:04:05.000Z',
      event: 'e',
      msg: 'a\nb',
    });
  });

  test('keeps what helps: the code, the stack and the causes of an error', () => {
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const err = new Error('no database', { cause: new AggregateError([cause]) });
    const [line = ''] = written((log) => log.error({ err }, 'failed'));
    expect(JSON.parse(line).err).toMatchObject({
      type: 'Error',
      message: 'no database',
      stack: expect.stringContaining('logger.test.ts'),
      cause: { errors: [{ error_code: 'ECONNREFUSED' }] },
    });
  });

  test('below the level is not written', () => {
    expect(written((log) => log.debug('x'), { level: 'info' })).toEqual([]);
  });

  test('is short for people, and cannot play with their terminal', () => {
    const lines = written(
      (log) => {
        log.info({ port: 5000, name: 'a b' }, 'listening\u001b[2J\nfake line');
        log.error({ err: new Error('bad\u001b[31m') }, 'failed');
      },
      { human: true },
    );
    expect(lines[0]).toBe('03:04:05 info  listening?[2J fake line port=5000 name="a b"\n');
    expect(lines[1]).toMatch(/^03:04:05 error failed\n {4}Error: bad\?\[31m\n {4} {4}at /);
  });
});

describe('the access log', () => {
  const request = { method: 'GET', path: '/clients/7', status: 200, milliseconds: 1.23456, requestId: 'r' };

  test('carries no query and no pending request', () => {
    const lines = written((log) => {
      createAccessLog(log, PROBES)(request, `/interaction/${SECRET}/login?code=${SECRET}`);
    });
    expect(JSON.parse(lines[0] ?? '').route).toBe('/interaction/…/login');
    expect(lines.join()).not.toContain(SECRET);
  });

  test.each([
    ['/a"b\\c\u0001d', '/a"b\\c\u0001d'],
    [`/x/${'s'.repeat(43)}`, '/x/…'],
    ['/cb;client_secret=hush-hush-hush', '/cb;client_secret=[redacted]'],
  ])('an address that somebody made up is a text like others: %j', (path, route) => {
    const lines = written((log) => {
      for (let times = 0; times < 2; times += 1) createAccessLog(log, PROBES)({ ...request, path }, path);
    });
    expect(lines.map((line) => JSON.parse(line).route)).toEqual([route, route]);
  });

  test('below the level is not written', () => {
    expect(written((log) => createAccessLog(log, PROBES)(request, '/livez'), { level: 'info' })).toEqual([]);
  });

  test('is short for people too', () => {
    const [line] = written((log) => createAccessLog(log, PROBES)(request, '/login'), { human: true });
    expect(line).toBe(
      '03:04:05 info  request method=GET route=/login status=200 duration_ms=1.2 request_id=r\n',
    );
  });

  test('writes one line a request', () => {
    const lines = written((log) => createAccessLog(log, PROBES)(request, '/clients/:id'));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.any(String),
      method: 'GET',
      route: '/clients/:id',
      status: 200,
      duration_ms: 1.2,
      request_id: 'r',
      msg: 'request',
    });
  });

  test.each([
    ['/livez', 200, 'debug'],
    ['/readyz', 503, 'error'],
    ['/metrics', 401, 'info'],
    ['/login', 429, 'info'],
    ['/login', 500, 'error'],
  ])('%s %i is %s', (route, status, level) => {
    const [line = ''] = written((log) => createAccessLog(log, PROBES)({ ...request, status }, route));
    expect(JSON.parse(line).level).toBe(level);
  });
});

test.each([
  ['/oauth/token?code=x#y', '/oauth/token'],
  ['/interaction/abc', '/interaction/…'],
  ['/oauth/authorize/abc/x', '/oauth/authorize/…/x'],
  ['/oauth/authorize?client_id=x', '/oauth/authorize'],
  ['/oauth/device/abc', '/oauth/device/…'],
  [`/x/${'a'.repeat(43)}/y`, '/x/…/y'],
  ['https://h:1/interaction/abc?x', 'https://h:1/interaction/…'],
  ['/clients/abcdefghijklmnopqrstuvwx', '/clients/abcdefghijklmnopqrstuvwx'],
])('safePath(%s)', (address, expected) => {
  expect(safePath(address)).toBe(expected);
});
