import { describe, expect, test } from '@jest/globals';
import type { UpstreamIdentity } from '../../../src/relying-party/connector.js';
import type { Upstream } from '../../../src/relying-party/upstream.js';
import { requireWelcome } from '../../../src/relying-party/welcome.js';
import { upstreamEntry } from '../../support/upstreams.js';

const identity = (more: Partial<UpstreamIdentity> = {}): UpstreamIdentity => ({
  issuer: 'https://id.example',
  subject: '1',
  attributes: {},
  emailVerified: true,
  email: 'a@staff.example',
  claims: {},
  extra: {},
  ...more,
});
const welcome = (upstream: Partial<Upstream>, who = identity(), purpose: 'sign_in' | 'link' = 'sign_in') => {
  requireWelcome(upstreamEntry(upstream), who, purpose);
  return true;
};

describe('who may come in', () => {
  const domains = { allowedDomains: ['staff.example'] };
  test.each([
    ['an address elsewhere', { email: 'a@evil.example' }],
    ['a longer domain', { email: 'a@staff.example.evil.example' }],
    ['a domain that ends alike', { email: 'a@notstaff.example' }],
    ['a domain before the last @', { email: 'a@staff.example@evil.example' }],
    ['an address nobody proved', { emailVerified: false }],
    ['no address', { email: undefined }],
  ])('not by domain: %s', (_name, more) => {
    expect(() => welcome(domains, identity(more))).toThrow('certain organisations');
  });

  test('by domain, however it is written', () => {
    expect(welcome(domains, identity({ email: 'a@STAFF.example' }))).toBe(true);
  });

  const roles = { allowedRoles: ['member'], rolesClaim: 'realm_access.roles' };
  test.each<[string, Record<string, unknown>]>([
    ['no claim', {}],
    ['another role', { realm_access: { roles: ['guest'] } }],
    ['a role that begins alike', { realm_access: { roles: ['members'] } }],
    ['something that is no list', { realm_access: { roles: { member: true } } }],
  ])('not by role: %s', (_name, claims) => {
    expect(() => welcome(roles, identity({ claims }))).toThrow('not among those');
  });

  test('by role', () => {
    expect(welcome(roles, identity({ claims: { realm_access: { roles: ['guest', 'member'] } } }))).toBe(true);
  });

  test('row 97: what is for linking alone links, and does nothing else', () => {
    expect(welcome({ linkOnly: true }, identity(), 'link')).toBe(true);
    expect(() => welcome({ linkOnly: true })).toThrow('You can only link');
  });
});
