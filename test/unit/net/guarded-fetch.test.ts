import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createAddressRule } from '../../../src/platform/net/address-rule.js';
import { createGuardedFetch, type GuardedFetchSettings } from '../../../src/platform/net/guarded-fetch.js';

let server: Server;
let connections: number;
let sockets: Set<Socket>;
let answer: RequestListener;
let port: number;

beforeEach(async () => {
  connections = 0;
  sockets = new Set();
  answer = (_req, res) => res.end('{"ok":true}');
  server = createServer((req, res) => answer(req, res));
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  // Dual stack where the machine has it, so that ::1 would be reached as well.
  server.listen(0);
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** A client that cuts the line shows as an error on this side; that it is closed is what counts. */
const allClosed = () =>
  Promise.all([...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));

const guarded = (settings: Partial<GuardedFetchSettings> = {}) =>
  createGuardedFetch({ allow: [], loopback: false, ...settings });
/** A name server under the test's thumb. */
const names = (...addresses: string[]) => ({
  resolve: async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
});

describe('where a request may go (A117)', () => {
  test.each([
    '127.0.0.1',
    'localhost',
    '[::ffff:127.0.0.1]',
    '2130706433',
    '0.0.0.0',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1.',
    '[::1]',
    '[::]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::]',
    'localhost.',
    'LOCALHOST',
    '①②⑦.0.0.1',
  ])('http://%s is refused at once and never connected to', async (host) => {
    const begun = Date.now();
    await expect(guarded()(`http://${host}:${port}/`)).rejects.toMatchObject({ name: 'FetchFault' });
    expect(Date.now() - begun).toBeLessThan(5000);
    expect(connections).toBe(0);
  });

  test.each([
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.1.1',
    '0.1.2.3',
    '169.254.169.254',
    '192.0.0.192',
    '198.18.0.1',
    '192.0.2.1',
    '203.0.113.9',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '100.100.100.200',
    '168.63.129.16',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2002:a00:1::',
    '2001::1',
    '2001:db8::1',
    '100::1',
    '3fff::1',
    '5f00::1',
    'no address',
  ])('%s is not public', (address) => {
    expect(createAddressRule({ allow: [], loopback: false })(address)).toBe(false);
  });

  test.each([
    '1.1.1.1',
    '172.15.0.1',
    '172.32.0.1',
    '100.128.0.1',
    '192.0.3.1',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('%s is public', (address) => {
    expect(createAddressRule({ allow: [], loopback: false })(address)).toBe(true);
  });

  test('plain http, where it is for opened networks alone, goes nowhere else', async () => {
    const opened = (...addresses: string[]) =>
      guarded({ allow: ['127.0.0.0/8'], plainHttp: 'opened', ...names(...addresses) });
    expect((await opened('127.0.0.1')(`http://inside.example:${port}/`)).status).toBe(200);
    for (const addresses of [['1.1.1.1'], ['127.0.0.1', '1.1.1.1']]) {
      await expect(opened(...addresses)(`http://outside.example:${port}/`)).rejects.toThrow(/plain http/);
    }
    expect(connections).toBe(1);
  });

  test('UPSTREAM_ALLOW_PRIVATE opens the networks it names and nothing beside them', () => {
    const rule = createAddressRule({ allow: ['10.0.0.0/8', 'fd12::/16', '192.168.1.7'], loopback: false });
    expect(['10.9.9.9', '::ffff:10.9.9.9', 'fd12::5', '192.168.1.7'].map(rule)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['11.0.0.1', '192.168.1.8', 'fd13::5', '127.0.0.1'].map(rule)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  test('no setting opens metadata addresses, the unspecified address or multicast', () => {
    const rule = createAddressRule({ allow: ['0.0.0.0/0', '::/0'], loopback: true });
    const closed = [
      '169.254.169.254',
      '::ffff:169.254.169.254',
      'fd00:ec2::254',
      '0.0.0.0',
      '::',
      '224.0.0.1',
      'ff02::1',
    ];
    expect(closed.map(rule)).toEqual(closed.map(() => false));
    expect(rule('192.168.1.1')).toBe(true);
  });

  test('loopback is open while the issuer is loopback; 0.0.0.0 stays closed', async () => {
    const fetch = guarded({ loopback: true });
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]']) {
      expect(await (await fetch(`http://${host}:${port}/`)).json()).toEqual({ ok: true });
    }
    await expect(fetch(`http://0.0.0.0:${port}/`)).rejects.toMatchObject({ reason: 'address' });
    await expect(fetch(`http://[::]:${port}/`)).rejects.toMatchObject({ reason: 'address' });
    expect(connections).toBe(3);
  });

  test.each([
    'file:///etc/passwd',
    'ftp://example.org/',
    'data:application/json,{}',
    'gopher://127.0.0.1/',
    'http://user:secret@example.org/',
    'http://user@example.org/',
    '/relative',
    'http://',
  ])('%s is refused without asking for a name', async (url) => {
    let asked = 0;
    const resolve = async () => {
      asked += 1;
      return [{ address: '127.0.0.1', family: 4 }];
    };
    await expect(guarded({ loopback: true, resolve })(url)).rejects.toMatchObject({ reason: 'url' });
    expect([asked, connections]).toEqual([0, 0]);
  });
});

describe('DNS rebinding', () => {
  test('a name that points inside is refused, also beside a public address', async () => {
    for (const addresses of [
      ['127.0.0.1'],
      ['1.1.1.1', '127.0.0.1'],
      ['::1'],
      ['2606:4700::1111', '10.0.0.1'],
      [],
    ]) {
      await expect(guarded(names(...addresses))(`http://rebind.example:${port}/`)).rejects.toMatchObject({
        name: 'FetchFault',
      });
    }
    expect(connections).toBe(0);
  });

  test('the name is asked once and the connection goes to what was checked', async () => {
    const answers = [['127.0.0.1'], ['10.255.255.1']];
    let asked = 0;
    const resolve = async () => (answers[asked++] ?? []).map((address) => ({ address, family: 4 }));
    let host: string | undefined;
    answer = (req, res) => {
      host = req.headers.host;
      res.end('here');
    };
    const fetch = guarded({ allow: ['127.0.0.1'], resolve });
    const response = await fetch(`http://app.invalid:${port}/keys`, { headers: { host: 'evil.example' } });
    expect(await response.text()).toBe('here');
    expect([asked, connections]).toEqual([1, 1]);
    expect(host).toBe(`app.invalid:${port}`);
    await expect(fetch(`http://app.invalid:${port}/keys`)).rejects.toMatchObject({ reason: 'address' });
    expect(connections).toBe(1);
  });

  test('a second address is tried when the first does not answer', async () => {
    const fetch = guarded({ loopback: true, ...names('127.9.9.9', '127.0.0.1') });
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    expect((await fetch(`http://two.invalid:${port}/`)).status).toBe(200);
  });
});

describe('what comes back', () => {
  const local = (settings: Partial<GuardedFetchSettings> = {}) => guarded({ loopback: true, ...settings });
  const here = (path = '/') => `http://127.0.0.1:${port}${path}`;

  test.each([301, 302, 303, 307, 308])(
    '%d is an error, also to an address that may be called',
    async (status) => {
      answer = (req, res) => {
        res.writeHead(req.url === '/' ? status : 200, { location: here('/inside') });
        res.end('{}');
      };
      await expect(local()(here())).rejects.toMatchObject({ reason: 'redirect' });
      await expect(local()(here(), { redirect: 'follow' })).rejects.toMatchObject({ reason: 'redirect' });
      expect(connections).toBe(2);
    },
  );

  test('a body over the limit is cut, whether or not its length is said', async () => {
    answer = (req, res) => {
      if (req.url === '/said') res.setHeader('content-length', 5_000_000);
      const more = () => {
        while (!res.destroyed && res.write(Buffer.alloc(65_536)));
      };
      res.on('drain', more).on('error', () => {});
      more();
    };
    for (const path of ['/said', '/endless']) {
      await expect(local({ maxBytes: 100_000 })(here(path))).rejects.toMatchObject({ reason: 'too_large' });
    }
    await allClosed();
    expect(sockets.size).toBe(0);
  });

  test.each(['/headers', '/body', '/drip'])(
    'an answer that hangs (%s) ends with the time for the whole request',
    async (path) => {
      answer = (req, res) => {
        if (req.url === '/headers') return;
        res.write('{');
        if (req.url === '/body') return;
        const drip = setInterval(() => res.write(' '), 20);
        res.on('close', () => clearInterval(drip));
      };
      const begun = Date.now();
      await expect(local({ timeoutMs: 200 })(here(path))).rejects.toMatchObject({ reason: 'timeout' });
      expect(Date.now() - begun).toBeLessThan(2000);
      await allClosed();
    },
  );

  test('R19: the time runs out whatever the garbage collector thinks of it', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const fetch = local({ timeoutMs: 3_000 });
    // Often enough to be compiled for speed: what that code needs no more may be collected.
    for (let n = 0; n < 1_200; n += 20) {
      await Promise.all(Array.from({ length: 20 }, () => fetch(here('/'), { method: 'POST' })));
    }
    answer = () => {};
    const waiting = Array.from({ length: 20 }, () => fetch(here('/'), { method: 'POST' }));
    const collecting = setInterval(collect, 50);
    // A time of the test's own, so that it fails rather than hangs.
    let late: NodeJS.Timeout | undefined;
    const never = new Promise<'never'>((resolve) => {
      late = setTimeout(resolve, 10_000, 'never');
    });
    const outcome = await Promise.race([Promise.allSettled(waiting), never]);
    clearInterval(collecting);
    clearTimeout(late);
    expect(outcome).toEqual(
      waiting.map(() => ({ status: 'rejected', reason: expect.objectContaining({ reason: 'timeout' }) })),
    );
  });

  test('R19: a silent name server is asked once for all who wait for that name', async () => {
    const asked: string[] = [];
    const resolve = (name: string) => {
      asked.push(name);
      return name === 'silent.example'
        ? new Promise<never>(() => {})
        : Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    };
    const fetch = guarded({ loopback: true, resolve, timeoutMs: 500 });
    const waiting = Array.from({ length: 50 }, () => fetch(`http://silent.example:${port}/`));
    await expect(fetch(`http://other.example:${port}/`)).resolves.toMatchObject({ status: 200 });
    await expect(fetch(`http://other.example:${port}/`)).resolves.toMatchObject({ status: 200 });
    for (const one of await Promise.allSettled(waiting)) {
      expect(one).toMatchObject({ reason: { reason: 'timeout' } });
    }
    expect(asked.filter((name) => name === 'silent.example')).toHaveLength(1);
    expect(asked.filter((name) => name === 'other.example')).toHaveLength(2);
  });

  test('a name server that never answers ends with it too, and so does a caller that gives up', async () => {
    const never = { resolve: () => new Promise<never>(() => {}), timeoutMs: 100 };
    await expect(guarded(never)('http://silent.example/')).rejects.toMatchObject({ reason: 'timeout' });
    const signal = AbortSignal.abort();
    await expect(local()(here(), { signal })).rejects.toMatchObject({ reason: 'timeout' });
    expect(connections).toBe(0);
  });

  test('no cookies go out, and a form and the caller’s own headers do', async () => {
    let seen: Record<string, unknown> = {};
    answer = (req, res) => {
      let body = '';
      req.on('data', (chunk) => {
        body += chunk;
      });
      req.on('end', () => {
        seen = { ...req.headers, method: req.method, body };
        res.writeHead(201, { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] });
        res.end('{"made":1}');
      });
    };
    const response = await local()(here(), {
      method: 'POST',
      body: new URLSearchParams({ logout_token: 'x y' }),
      headers: { cookie: 'session=1', authorization: 'Bearer mine', 'proxy-authorization': 'Basic x' },
    });
    expect(seen).toMatchObject({ method: 'POST', body: 'logout_token=x+y', authorization: 'Bearer mine' });
    expect(seen['content-type']).toMatch(/^application\/x-www-form-urlencoded/);
    expect(seen).not.toHaveProperty('cookie');
    expect(seen).not.toHaveProperty('proxy-authorization');
    expect(response.status).toBe(201);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.json()).toEqual({ made: 1 });
  });

  test('204 has no body; a status no standard knows, a closed port and a broken answer are faults', async () => {
    answer = (_req, res) => res.writeHead(204).end();
    expect(await (await local()(here())).text()).toBe('');
    answer = (_req, res) => res.writeHead(999).end();
    await expect(local()(here())).rejects.toMatchObject({ reason: 'network' });
    answer = (req) => req.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nshort');
    await expect(local()(here())).rejects.toMatchObject({ reason: 'network' });
    await expect(local()('http://127.0.0.1:1/')).rejects.toMatchObject({ reason: 'network' });
  });
});
