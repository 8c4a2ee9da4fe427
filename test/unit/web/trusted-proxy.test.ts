import { describe, expect, test } from '@jest/globals';
import { createTrustedProxies } from '../../../src/platform/web/trusted-proxy.js';
import { fakeRequest } from './fake-context.js';

const proxies = createTrustedProxies(['10.0.0.0/8', '192.0.2.1', 'fd00::/8']);

const FORGED = {
  forwarded: 'for=1.2.3.4;host=evil.example',
  'x-forwarded-for': '1.2.3.4',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '1',
  'x-forwarded-prefix': '/evil',
  'x-original-url': '/admin',
  'x-rewrite-url': '/admin',
  'x-real-ip': '1.2.3.4',
  'client-cert': ':abc:',
  'x-client-cert': 'abc',
  'x-ssl-client-cert': 'abc',
  'ssl-client-verify': 'SUCCESS',
  'x-forwarded-client-cert': 'abc',
  'x-request-id': 'forged',
};

describe('a peer that is not a trusted proxy', () => {
  test.each(['203.0.113.9', '::1', '192.0.2.2', '11.0.0.1'])('%s speaks for nobody but itself', (peer) => {
    const req = fakeRequest({ peer, headers: FORGED });
    proxies.apply(req);
    expect(req.headers).toEqual({ host: 'localhost:5000' });
    expect(proxies.clientAddress(req)).toBe(peer);
  });

  test('nobody is trusted by default', () => {
    const req = fakeRequest({ peer: '127.0.0.1', headers: FORGED });
    createTrustedProxies([]).apply(req);
    expect(req.headers).toEqual({ host: 'localhost:5000' });
  });
});

describe('a proxy that nobody named', () => {
  const toldOf = (...requests: { peer: string; headers?: Record<string, string> }[]) => {
    const told: string[] = [];
    const { apply } = createTrustedProxies(['10.1.0.0/16'], (address) => told.push(address));
    for (const request of requests) apply(fakeRequest({ headers: FORGED, ...request }));
    return told;
  };

  test.each(['127.0.0.1', '::1', '::ffff:192.168.1.7', 'fd00::1', '10.2.0.1'])(
    '%s is told of, once',
    (peer) => {
      expect(toldOf({ peer }, { peer })).toEqual([peer.replace('::ffff:', '')]);
    },
  );

  test('not one that is named, nor a stranger who makes the header up, nor who sends none', () => {
    const plain = { peer: '127.0.0.1', headers: { accept: '*/*' } };
    expect(toldOf({ peer: '10.1.2.3' }, { peer: '203.0.113.9' }, { peer: '2001:db8::1' }, plain)).toEqual([]);
  });
});

describe('a trusted proxy', () => {
  const clientOf = (peer: string, forwardedFor: string) => {
    const req = fakeRequest({ peer, headers: { 'x-forwarded-for': forwardedFor } });
    proxies.apply(req);
    return proxies.clientAddress(req);
  };

  test.each([
    ['what the client wrote itself does not count', '10.1.1.1', '1.2.3.4, 203.0.113.9', '203.0.113.9'],
    ['trusted hops are passed over', '10.1.1.1', '203.0.113.9, 192.0.2.1, 10.9.9.9', '203.0.113.9'],
    ['an unreadable hop ends the walk', '10.1.1.1', '1.2.3.4, unknown, 10.2.2.2', '10.2.2.2'],
    ['no header: the proxy itself', '10.1.1.1', '', '10.1.1.1'],
    ['ports and brackets are taken off', '10.1.1.1', '[2001:DB8::1]:443', '2001:db8::1'],
    ['IPv4 with a port', '10.1.1.1', '203.0.113.9:5123', '203.0.113.9'],
    ['a dual-stack peer', '::ffff:10.1.1.1', '203.0.113.9', '203.0.113.9'],
    ['an IPv6 peer', 'fd00::1', '203.0.113.9', '203.0.113.9'],
    [
      'what the client wrote does not crowd out what the proxy wrote',
      '10.1.1.1',
      `${'1'.repeat(1992)},9.9.9.9, 203.0.113.9`,
      '203.0.113.9',
    ],
    ['nor do very many hops', '10.1.1.1', `${'9.9.9.9,'.repeat(1000)} 203.0.113.9`, '203.0.113.9'],
  ])('%s', (_name, peer, header, client) => {
    expect(clientOf(peer, header)).toBe(client);
  });

  test('leaves one clean value of each kind', () => {
    const req = fakeRequest({
      peer: '10.1.1.1',
      headers: { ...FORGED, 'x-forwarded-for': '1.1.1.1, 203.0.113.9' },
    });
    proxies.apply(req);
    expect(req.headers).toMatchObject({
      host: 'evil.example',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'https',
      'x-request-id': 'forged',
    });
    for (const name of [
      'forwarded',
      'x-forwarded-host',
      'x-original-url',
      'x-real-ip',
      'x-forwarded-prefix',
    ]) {
      expect(req.headers).not.toHaveProperty(name);
    }
  });

  test('an odd scheme is dropped, 12,000 spaces quickly', () => {
    const req = fakeRequest({
      peer: '10.1.1.1',
      headers: { 'x-forwarded-proto': `${' '.repeat(12_000)}https` },
    });
    const begun = performance.now();
    proxies.apply(req);
    expect(req.headers).not.toHaveProperty('x-forwarded-proto');
    expect(performance.now() - begun).toBeLessThan(200);
  });
});
