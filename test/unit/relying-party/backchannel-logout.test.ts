import { describe, expect, test } from '@jest/globals';
import { createBackchannelLogout } from '../../../src/relying-party/backchannel-logout.js';
import type { Upstream } from '../../../src/relying-party/upstream.js';

type Deps = Parameters<typeof createBackchannelLogout>[0];

const named = (iss: unknown): string =>
  ['{"alg":"RS256"}', JSON.stringify({ iss }), '']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

const sendersAt = (issuer: string, iss: unknown): number =>
  createBackchannelLogout({
    upstreams: () => [{ id: 'x', issuer, clientId: 'id', metadataUrl: issuer } as Upstream],
    connectorOf: () => ({ readLogoutToken: async () => undefined }),
  } as unknown as Deps).senders(named(iss)).length;

describe('whom a notice may come from', () => {
  test.each([
    ['https://op.example', 'https://op.example/'],
    ['https://op.example/', 'https://op.example'],
    ['https://op.example/r', 'https://op.example/r'],
  ])('%s is told as %s: a last slash makes no other issuer', (issuer, iss) => {
    expect(sendersAt(issuer, iss)).toBe(1);
  });

  test.each(['https://op.example//', 'https://op.example/r', '', 7, undefined])('not from %j', (iss) => {
    expect(sendersAt('https://op.example', iss)).toBe(0);
  });
});
