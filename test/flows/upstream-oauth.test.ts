/** Upstreams without OpenID Connect: OAuth 2.0 as GitHub and ORCID have it, and OAuth 1.0a. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Mapping, Upstream } from '../../src/relying-party/upstream.js';
import {
  type OAuth1Fake,
  type OAuth2Fake,
  startOAuth1Fake,
  startOAuth2Fake,
} from '../support/upstream-fakes.js';
import { type Bench, CALLBACK, createBench } from '../support/upstream-login.js';
import { upstreamEntry } from '../support/upstreams.js';

const refusedAs = (fault: string) => ({ name: 'UpstreamError', fault });

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});

describe('OAuth 2.0', () => {
  let there: OAuth2Fake;
  let entry: Upstream;

  const mapping: Mapping = {
    scope: 'read:user user:email',
    attributes: [
      ['id', 'user_id'],
      ['login', 'username'],
      ['email', 'email'],
      ['name', 'display_name'],
    ],
    params: {},
    extra: [
      ['login', 'login'],
      ['id', 'id'],
    ],
  };
  const entryWith = (more: Partial<Upstream> = {}) =>
    upstreamEntry({
      protocol: 'oauth2',
      issuer: 'https://github.example',
      endpoints: {
        authorization: `${there.address}/authorize`,
        token: `${there.address}/token`,
        userinfo: `${there.address}/user`,
        emails: `${there.address}/user/emails`,
      },
      clientId: 'our-id',
      clientSecret: 'our secret & more',
      mappings: { dserver: { ...mapping, usernameField: 'username' }, permission: mapping, linked: mapping },
      ...more,
    });
  const withoutEmails = () => {
    const { emails: _emails, ...endpoints } = entry.endpoints;
    return { ...entry, endpoints };
  };

  beforeEach(async () => {
    there = await startOAuth2Fake();
    entry = entryWith();
  });
  afterEach(() => there.close());

  test('row 4: code and PKCE; the person is whom UserInfo names', async () => {
    const { identity, tokens, location } = await bench.login(entry);
    expect(location.searchParams.get('code_challenge_method')).toBe('S256');
    expect(location.searchParams.has('nonce')).toBe(false);
    expect(identity).toMatchObject({
      issuer: 'https://github.example',
      subject: '42',
      username: 'octo',
      displayName: 'Octo Cat',
      attributes: { user_id: 42, username: 'octo', email: 'octo@Octo.Example', display_name: 'Octo Cat' },
      extra: { login: 'octo', id: 42 },
    });
    expect(tokens).toMatchObject({ accessToken: 'upstream-access-token', refreshToken: 'refresh-1' });
    expect(JSON.stringify(identity)).not.toContain('upstream-access-token');
  });

  test('asked anew: prompt and max_age go out; the time of the proof is ours then, and unknown otherwise', async () => {
    expect((await bench.login(entry)).provedAt).toBeUndefined();
    const { location, provedAt = 0 } = await bench.login(entry, { maxAge: 300 });
    expect(Object.fromEntries(location.searchParams)).toMatchObject({ prompt: 'login', max_age: '300' });
    expect(Math.abs(provedAt - Date.now() / 1000)).toBeLessThan(30);
    const linked = { ...mapping, params: { prompt: 'consent' } };
    const google = entryWith({
      freshPrompt: 'select_account',
      mappings: { dserver: linked, permission: linked, linked },
    });
    const asked = (await bench.login(google, { maxAge: 300 })).location;
    expect(asked.searchParams.get('prompt')).toBe('consent select_account');
  });

  test('a lifetime in text, as GitHub writes it', async () => {
    const { tokens } = await bench.login(entry);
    expect(Math.abs((tokens.expiresAt ?? 0) - Date.now() - 28_800_000)).toBeLessThan(5_000);
    there.token = { expires_in: 'soon' };
    expect((await bench.login(entry)).tokens.expiresAt).toBeUndefined();
  });

  test('row 56: of the listed addresses the verified and primary one', async () => {
    const { identity } = await bench.login(entry);
    expect(identity).toMatchObject({ email: 'octo@octo.example', emailVerified: true });
    expect(identity.claims.verified_emails).toEqual(['old@octo.example', 'octo@Octo.Example']);
  });

  test.each([
    ['primary, not verified', [{ email: 'v@victim.example', primary: true, verified: false }]],
    ['verified in text', [{ email: 'v@victim.example', primary: true, verified: 'true' }]],
    ['verified, not primary', [{ email: 'v@victim.example', primary: false, verified: true }]],
    ['no list', { message: 'no' }],
  ])('A83: %s: no address is verified', async (_name, json) => {
    there.emails = { json };
    const { identity } = await bench.login(entry);
    expect(identity).toMatchObject({ email: 'public@octo.example', emailVerified: false });
  });

  test('A83: without the list the address of the profile is unproven, whatever the profile says', async () => {
    there.user = { json: { id: 42, login: 'octo', email: 'v@victim.example', email_verified: true } };
    there.emails = { status: 404 };
    expect((await bench.login(entry)).identity.emailVerified).toBe(false);
    expect(bench.warnings).toHaveLength(1);
  });

  test('client authentication: Basic with encoded halves, in the body, or by GET', async () => {
    await bench.login(entry);
    const pair = Buffer.from('our-id:our+secret+%26+more').toString('base64');
    expect(there.last['/token']?.headers.authorization).toBe(`Basic ${pair}`);
    expect(there.last['/token']?.headers.accept).toBe('application/json');
    await bench.login(entryWith({ clientAuth: 'client_secret_post' }));
    expect(there.last['/token']?.headers.authorization).toBeUndefined();
    expect(there.last['/token']?.params.get('client_secret')).toBe('our secret & more');
    await bench.login(entryWith({ accessTokenMethod: 'GET' }));
    expect(there.requests).toContain('GET /token');
    await bench.login(entryWith({ authorizationScheme: 'token' }));
    expect(there.last['/user']?.headers.authorization).toBe('token upstream-access-token');
  });

  test('a token refreshed keeps its refresh token where no new one comes', async () => {
    await expect(bench.connectorOf(entry).refresh?.(entry, 'refresh-1')).resolves.toMatchObject({
      accessToken: 'renewed',
      refreshToken: 'refresh-1',
    });
  });

  test('ORCID: the token response names the person; there is no UserInfo', async () => {
    there.token = { orcid: '0000-0002-1825-0097', name: 'Josiah Carberry', scope: '/authenticate' };
    const orcid: Mapping = {
      scope: '/authenticate',
      attributes: [
        ['orcid', 'user_id'],
        ['name', 'display_name'],
      ],
      usernameField: 'user_id',
      params: { show_login: 'true' },
    };
    const { authorization, token } = entry.endpoints;
    const { identity, location } = await bench.login(
      entryWith({ endpoints: { authorization, token }, mappings: { ...entry.mappings, linked: orcid } }),
    );
    expect(location.searchParams.get('scope')).toBe('/authenticate');
    expect(location.searchParams.get('show_login')).toBe('true');
    expect(identity).toMatchObject({
      subject: '0000-0002-1825-0097',
      username: '0000-0002-1825-0097',
      displayName: 'Josiah Carberry',
      email: undefined,
    });
  });

  test('row 36: UserInfo overrides the token response, and its failure is no failure', async () => {
    there.token = { sub: 'from-token', name: 'From Token', email: 't@octo.example' };
    there.user = { json: { sub: 'from-userinfo', name: 'From UserInfo' } };
    const plain = withoutEmails();
    expect((await bench.login(plain)).identity).toMatchObject({
      subject: 'from-userinfo',
      displayName: 'From UserInfo',
      email: 't@octo.example',
    });
    there.user = { status: 404 };
    expect((await bench.login(plain)).identity).toMatchObject({ subject: 'from-token' });
    there.user = { text: 'not { json' };
    expect((await bench.login(plain)).identity).toMatchObject({ subject: 'from-token' });
    expect(bench.warnings).toEqual(['UserInfo could not be read; the token response has to do']);
  });

  test('… unless nobody is named then: its failure is told', async () => {
    there.user = { status: 503 };
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('unreachable'));
    there.user = { stall: true };
    await expect(createBench({ timeoutMs: 150 }).login(entry)).rejects.toMatchObject(
      refusedAs('unreachable'),
    );
  });

  test.each([
    ['row 38: sub before id before orcid', { sub: 's', id: 1, orcid: 'o' }, 's'],
    ['row 38: id as text', { id: 7, orcid: 'o' }, '7'],
    ['row 38: orcid', { id: null, orcid: 'o' }, 'o'],
  ])('%s', async (_name, json, subject) => {
    there.user = { json };
    expect((await bench.login(entry)).identity.subject).toBe(subject);
  });

  test.each([
    {},
    { id: null },
    { sub: '' },
    { sub: 'x'.repeat(256) },
    { sub: true },
    { id: { $gt: '' } },
    [],
  ])('nobody is named by %j', async (json) => {
    there.user = { json };
    await expect(bench.login(entry)).rejects.toMatchObject({ name: 'UpstreamError' });
  });

  test.each([
    ['the chosen field', { id: 1, login: 'l', email: 'e@x.example' }, 'l'],
    ['null is passed over, never "None"', { id: 1, login: null, email: 'e@x.example' }, '1'],
    ['else e-mail', { sub: 's', login: '', email: 'e@x.example' }, 'e@x.example'],
    ['else who it is', { sub: 's', login: 'x'.repeat(300) }, 's'],
  ])('row 37: user name: %s', async (_name, json, username) => {
    there.user = { json };
    const { identity } = await bench.login(withoutEmails(), { dialect: 'dserver' });
    expect(identity.username).toBe(username);
    expect(String(identity.username)).not.toMatch(/none|null|undefined/i);
  });

  test.each([
    ['explicit wins', { name: 'N', given_name: 'G', family_name: 'F' }, 'N'],
    ['both parts', { given_name: 'G', family_name: 'F' }, 'G F'],
    ['given name alone', { given_name: 'G', family_name: null }, 'G'],
    ['surname alone', { family_name: 'F' }, 'F'],
    ['nothing', {}, undefined],
  ])('row 32: display name: %s', async (_name, names, displayName) => {
    there.user = { json: { sub: 's', ...names } };
    const attributes: Mapping['attributes'] = [
      ['name', 'display_name'],
      ['given_name', 'given_name'],
      ['family_name', 'surname'],
    ];
    const linked = { ...mapping, attributes };
    const { identity } = await bench.login({ ...withoutEmails(), mappings: { ...entry.mappings, linked } });
    expect(identity.displayName).toBe(displayName);
  });

  test('claims without end are refused', async () => {
    there.user = { json: { sub: 's', junk: 'x'.repeat(200_000) } };
    await expect(bench.login(withoutEmails())).rejects.toMatchObject(refusedAs('invalid'));
  });

  test.each<[string, string, (url: URL) => void]>([
    ['A80: no state', 'state', (url) => url.searchParams.delete('state')],
    ['A80: two codes', 'invalid', (url) => url.searchParams.append('code', 'x')],
    ['A80: iss of another server', 'invalid', (url) => url.searchParams.set('iss', 'https://evil.example')],
    ['an error', 'refused', (url) => url.searchParams.set('error', 'server_error')],
    ['a refusal by the person', 'denied', (url) => url.searchParams.set('error', 'access_denied')],
    ['no code', 'invalid', (url) => url.searchParams.delete('code')],
    ['GitHub: a bad code is told with 200', 'refused', (url) => url.searchParams.set('code', 'made-up')],
  ])('%s', async (_name, fault, inward) => {
    await expect(bench.login(entry, { inward })).rejects.toMatchObject(refusedAs(fault));
  });

  test('its own iss is accepted', async () => {
    const inward = (url: URL) => url.searchParams.set('iss', 'https://github.example/login/oauth');
    await expect(bench.login(entry, { inward })).resolves.toBeDefined();
  });

  test('A82: a stripped code_challenge is missed', async () => {
    const outward = (url: URL) => url.searchParams.delete('code_challenge');
    await expect(bench.login(entry, { outward })).rejects.toMatchObject(refusedAs('refused'));
  });

  test('an upstream that is not set up', async () => {
    for (const half of [{ clientId: undefined }, { endpoints: {} }]) {
      await expect(bench.login(entryWith(half))).rejects.toMatchObject(refusedAs('not_configured'));
    }
  });
});

describe('OAuth 1.0a (RFC 5849)', () => {
  let there: OAuth1Fake;
  let entry: Upstream;

  beforeEach(async () => {
    there = await startOAuth1Fake('kd94hf93k423kf44');
    entry = upstreamEntry({
      protocol: 'oauth1',
      issuer: 'https://bird.example',
      clientId: 'dpf43f3p2l4k3l03',
      clientSecret: 'kd94hf93k423kf44',
      endpoints: {
        requestToken: `${there.address}/request`,
        authorization: `${there.address}/authorize`,
        token: `${there.address}/access`,
        userinfo: `${there.address}/user?include=email&a=1%202`,
      },
      mappings: {
        ...upstreamEntry({}).mappings,
        linked: {
          scope: '',
          attributes: [
            ['screen_name', 'username'],
            ['name', 'display_name'],
          ],
          params: {},
        },
      },
    });
  });
  afterEach(() => there.close());

  test('temporary credentials, the person, token credentials, the resource: all signed', async () => {
    const { identity, tokens, location } = await bench.login(entry);
    expect([...location.searchParams.keys()]).toEqual(['oauth_token']);
    expect(there.requests).toEqual(['POST /request', 'GET /authorize', 'POST /access', 'GET /user']);
    expect(identity).toMatchObject({
      issuer: 'https://bird.example',
      subject: '77',
      username: 'tweety',
      displayName: 'Tweety',
    });
    expect(tokens).toEqual({ accessToken: 'the-token', secret: 'token&secret' });
    expect(JSON.stringify(identity)).not.toMatch(/token/);
  });

  test('a wrong secret of ours', async () => {
    await expect(bench.login({ ...entry, clientSecret: 'x' })).rejects.toMatchObject(refusedAs('refused'));
  });

  test('one that does not confirm the callback speaks 1.0 without a', async () => {
    there.confirms = false;
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('invalid'));
  });

  test('the person said no', async () => {
    there.denies = true;
    await expect(bench.login(entry)).rejects.toMatchObject(refusedAs('denied'));
  });

  test.each<[string, string, (url: URL) => void]>([
    ['no state', 'state', (url) => url.searchParams.delete('state')],
    ['another temporary token', 'invalid', (url) => url.searchParams.set('oauth_token', 'x')],
    ['no verifier', 'invalid', (url) => url.searchParams.delete('oauth_verifier')],
    ['a guessed verifier', 'refused', (url) => url.searchParams.set('oauth_verifier', 'x')],
    ['two verifiers', 'invalid', (url) => url.searchParams.append('oauth_verifier', 'x')],
  ])('A80: %s', async (_name, fault, inward) => {
    await expect(bench.login(entry, { inward })).rejects.toMatchObject(refusedAs(fault));
  });

  test('the callback it was told is ours, with our state', async () => {
    const { location } = await bench.connectorOf(entry).start({
      upstream: entry,
      dialect: 'linked',
      redirectUri: CALLBACK,
      state: 'our state',
      nonce: '',
      codeVerifier: '',
    });
    expect(location).toMatch(/\/authorize\?oauth_token=[\w-]+$/);
    const header = decodeURIComponent(there.last['/request']?.headers.authorization ?? '');
    expect(header).toContain(`oauth_callback="${CALLBACK}?state=our+state"`);
  });
});
