import { describe, expect, test } from '@jest/globals';
import { nameFault } from '../../../src/dserver/names.js';
import { type NamedIdentity, providerUserId, upstreamName } from '../../../src/dserver/upstream-name.js';
import type { Upstream } from '../../../src/relying-party/upstream.js';
import { upstreamEntry } from '../../support/upstreams.js';

const attributes = [
  ['sub', 'user_id'],
  ['email', 'email'],
  ['preferred_username', 'username'],
] as const;

function upstream(usernameField: string | undefined, more: Partial<Upstream> = {}): Upstream {
  const entry = upstreamEntry(more);
  const dserver = { scope: '', params: {}, attributes, usernameField };
  return { ...entry, mappings: { ...entry.mappings, dserver } };
}

const identity = (claims: Record<string, unknown>, more: Partial<NamedIdentity> = {}): NamedIdentity => ({
  issuer: 'https://there.example',
  subject: 'the-subject',
  claims,
  emailVerified: claims.email_verified === true,
  email: typeof claims.email === 'string' ? claims.email : undefined,
  ...more,
});
const nameBy = (field: string | undefined, claims: Record<string, unknown>) =>
  upstreamName(upstream(field), identity(claims), []).name;

describe('row 37: which name it is', () => {
  test('the chosen field, a number as text', () => {
    expect(nameBy('user_id', { sub: 's', preferred_username: 'u' })).toBe('s');
    expect(nameBy('username', { sub: 's', preferred_username: 'u' })).toBe('u');
    expect(nameBy('user_id', { sub: 4711 })).toBe('4711');
  });

  test('else user_id, email, username, provider_user_id', () => {
    expect(nameBy('nothing', { sub: 's', email: 'e@x', email_verified: true })).toBe('s');
    expect(nameBy('nothing', { email: 'e@x', email_verified: true, preferred_username: 'u' })).toBe('e@x');
    expect(nameBy('nothing', { email: 'e@x', preferred_username: 'u' })).toBe('u');
    expect(nameBy('nothing', { id: 7 })).toBe('7');
    expect(nameBy(undefined, {})).toBe('the-subject');
  });

  test.each([null, '', '  ', {}, [], true])('%j never becomes a name', (value) => {
    expect(nameBy('username', { sub: 's', preferred_username: value })).toBe('s');
  });
});

test('row 38: provider_user_id is sub, else id as text, else orcid', () => {
  expect(providerUserId(identity({ sub: 's', id: 1, orcid: 'o' }))).toBe('s');
  expect(providerUserId(identity({ id: 1, orcid: 'o' }))).toBe('1');
  expect(providerUserId(identity({ orcid: 'o' }))).toBe('o');
});

describe('an address is a name only where it is proven', () => {
  test.each([undefined, false, 'true', 1])('email_verified %j', (email_verified) => {
    expect(() => nameBy('email', { sub: 's', email: 'Victim@X.example', email_verified })).toThrow(
      expect.objectContaining({ code: 'email_unverified' }),
    );
  });

  test('also where it stands in another attribute', () => {
    const entry = upstream('username');
    const claims = { sub: 's', email: 'victim@x.example', preferred_username: 'VICTIM@x.example' };
    expect(() => upstreamName(entry, identity(claims), [])).toThrow('does not say');
  });

  test('a user name with an @ that is no address of theirs is one', () => {
    expect(nameBy('username', { sub: 's', email: 'a@x', preferred_username: 'ada@realm' })).toBe('ada@realm');
  });
});

describe('what looks like an ORCID iD', () => {
  const orcid = upstream('user_id', { id: 'orcid', issuer: 'https://orcid.org' });
  const github = upstream('username', { id: 'github', issuer: 'https://github.com' });
  const claims = { sub: '1', preferred_username: '0000-0002-1825-0097' };

  test('is ORCID’s to give where people sign in through ORCID', () => {
    expect(() => upstreamName(github, identity(claims), [orcid, github])).toThrow('through ORCID');
    expect(upstreamName(orcid, identity({ sub: '0000-0002-1825-0097' }), [orcid, github]).name).toBe(
      '0000-0002-1825-0097',
    );
  });

  test('and a broker’s where there is no ORCID', () => {
    expect(upstreamName(github, identity(claims), [github]).name).toBe('0000-0002-1825-0097');
  });

  test('a host that only ends like ORCID’s is not it', () => {
    const fake = upstream('username', { id: 'fake', issuer: 'https://notorcid.org' });
    expect(() => upstreamName(fake, identity(claims), [orcid, fake])).toThrow('through ORCID');
  });
});

describe('what reads like somebody’s address', () => {
  const mail = upstream('email', { id: 'mail' });
  const lab = upstream('username', { id: 'lab' });
  const claims = (more: object) => ({ sub: '1', preferred_username: 'alice@inst.example', ...more });
  const nameOf = (said: Record<string, unknown>, others: readonly Upstream[]) =>
    upstreamName(lab, identity(said), others).name;

  test('is its owner’s where another upstream calls people by their addresses', () => {
    expect(() => nameOf(claims({}), [mail, lab])).toThrow(expect.objectContaining({ code: 'name_taken' }));
    const own = { email: 'Alice@inst.example', email_verified: true };
    expect(nameOf(claims(own), [mail, lab])).toBe('alice@inst.example');
    expect(upstreamName(mail, identity({ sub: '1', ...own }), [mail, lab]).name).toBe('Alice@inst.example');
  });

  test('and a name like any other where none does', () => {
    expect(nameOf(claims({}), [lab, upstream('user_id', { id: 'third' })])).toBe('alice@inst.example');
  });
});

test.each(['', ' ', ' a', 'a ', 'x'.repeat(65), 'a\u0000', 'a\u200b', 'a\u202e', 'a\nb', 'a\u00a0b\u00ad'])(
  '%j is no dserver name',
  (name) => expect(nameFault(name)).toBeDefined(),
);
test.each(['a', 'Ada Lovelace', 'http://cilogon.org/serverA/users/12', 'ñandú', 'x'.repeat(64)])(
  '%s is one',
  (name) => expect(nameFault(name)).toBeUndefined(),
);

test('what stands before the @ of an unconfirmed address names nobody', () => {
  const pairs = [
    ['sub', 'user_id'],
    ['email', 'username', 'local'],
  ] as const;
  const entry = upstreamEntry({});
  const dserver = { scope: '', params: {}, attributes: pairs, usernameField: 'username' };
  const local = { ...entry, mappings: { ...entry.mappings, dserver } };
  const by = (verified: boolean) =>
    upstreamName(local, identity({ sub: 's', email: 'boss@victim.example', email_verified: verified }), [])
      .name;
  expect(by(true)).toBe('boss');
  expect(() => by(false)).toThrow(/does not say that your e-mail address is yours/);
});
