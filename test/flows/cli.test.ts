/** The command line (issue 2 §5, seed row 84), beside a running server on the same database. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { newPlace, type Place } from '../support/command-line.js';
import { getCode, getWith, introspect, post, redeem, refresh } from '../support/flow.js';
import { startMailServer } from '../support/mail-server.js';
import { PASSWORD, startServer, type TestServer } from '../support/server.js';

// Whole processes are started here, compiled as they start; a busy machine takes its time.
jest.setTimeout(120_000);

let place: Place;
let server: TestServer;
let names = 0;

const newName = (): string => {
  names += 1;
  return `person${names}`;
};

beforeAll(async () => {
  place = newPlace();
  server = await startServer(place.env);
  // Both speak of one server: what a token names as its issuer is checked.
  place.env.ISSUER = server.issuer;
});

afterAll(async () => {
  await server.close();
  place.remove();
});

const audited = async (event: string, id: { accountId?: string; clientId?: string } = {}) => {
  const { database } = server.container;
  const rows = await database.all<{ event: string; account_id: string; client_id: string; actor_id: string }>(
    database.sql('audit_events').where({ event }),
  );
  return rows
    .filter((row) => (id.accountId ?? row.account_id) === row.account_id)
    .filter((row) => (id.clientId ?? row.client_id) === row.client_id)
    .map((row) => row.actor_id);
};

const oneLine = (text: string): string => {
  expect(text).toMatch(/^[^\n]+\n$/);
  return text.trim();
};

describe('used wrongly', () => {
  test.each(['frobnicate', 'user frobnicate', 'users list'])(
    '%s is no command: one line, exit code 1',
    async (args) => {
      const { code, stdout, stderr } = await place.run(args);
      expect([code, stdout]).toEqual([1, '']);
      expect(oneLine(stderr)).toMatch(/^\[!\] Command .+ not found\.\.\./);
    },
  );

  test.each([
    ['user list --frob', /unknown option/],
    ['user create', /missing required argument/],
    ['user create x --password hunter2', /unknown option '--password'/],
    ['user passwd x hunter2', /too many arguments/],
    ['token inspect hunter2', /too many arguments/],
    ['user role x steal admin', /Allowed choices are add, remove/],
    ['keys generate HS256', /Allowed choices are RS256/],
    ['client rotate-secret x --keep-old soon', /90s, 30m, 24h or 7d/],
    ['user create x', /--password-stdin/],
    ['user create x --one-time --password-stdin', /not both/],
    ['user create x --password-stdin', /holds no password/],
    ['serve --cert a.pem', /belong together/],
    ['migrate down', /--yes/],
  ])('%s: one line, exit code 2', async (args, why) => {
    const { code, stdout, stderr } = await place.run(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(oneLine(stderr)).toMatch(why);
    expect(stderr.replace('--password-stdin', '')).not.toContain('hunter2');
  });

  test('with --json the error is one JSON document on standard error', async () => {
    const { code, stdout, stderr } = await place.run('client create --redirect-uri nonsense --json');
    expect([code, stdout]).toEqual([1, '']);
    expect(JSON.parse(stderr)).toMatchObject({
      error: 'invalid_input',
      error_description: expect.stringContaining('redirect_uri'),
      faults: [{ field: expect.stringContaining('redirect_uri'), message: expect.any(String) }],
    });
  });

  test.each([
    'user disable',
    'user enable',
    'client show',
    'client delete',
    'client rotate-secret',
    'resource delete',
  ])('%s of what is not there fails in one line', async (verb) => {
    const { code, stdout, stderr } = await place.run(`${verb} nobody`);
    expect([code, stdout]).toEqual([1, '']);
    expect(oneLine(stderr)).toMatch(/^There is no .*nobody/);
  });

  test('every fault of an account has its line, and nothing is saved', async () => {
    const { code, stderr } = await place.run('user create a/b --email nonsense --password-stdin', {
      stdin: 'short',
    });
    expect(code).toBe(1);
    expect(
      stderr
        .trim()
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual(['username', 'password', 'email']);
    expect(stderr).not.toContain('short\n');
  });

  test('memory as a database is refused: nobody would ever see what was made', async () => {
    const { code, stderr } = await place.run('user list', { env: { DATABASE_URL: 'sqlite::memory:' } });
    expect(code).toBe(1);
    expect(oneLine(stderr)).toContain('DATABASE_URL');
  });

  test('help goes to standard output, exit code 0; a noun alone is used wrongly', async () => {
    const help = await place.run('user create --help');
    expect([help.code, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('--password-stdin');
    expect((await place.run('user')).code).toBe(2);
    expect((await place.run('')).code).toBe(2);
  });
});

describe('user', () => {
  test('an invitation is refused where sign-up is closed, no mail can leave, or the words are none', async () => {
    const closed = await place.run('user invite a@example.org', { env: { SIGN_UP: 'closed' } });
    expect([closed.code, oneLine(closed.stderr)]).toEqual([1, expect.stringContaining('SIGN_UP')]);
    const production = { NODE_ENV: 'production', ISSUER: 'https://id.example.org', SIGN_UP: 'invite' };
    const secret = readFileSync(join(place.env.KEYS_DIR ?? '', 'secret_key'), 'utf8').trim();
    const env = { ...production, SECRET_KEY: secret };
    const silent = await place.run('user invite a@example.org', { env });
    expect([silent.code, oneLine(silent.stderr)]).toEqual([1, expect.stringContaining('SMTP_URL')]);
    const wrong = await place.run('user invite a@b,c@d --role 1st');
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('email: ');
    expect(wrong.stderr).toContain('roles: ');
    expect((await place.run('user uninvite nothing')).code).toBe(1);
    expect((await place.run('user invitations --json')).json()).toEqual([]);
  });

  test('an invitation is mailed, listed and taken back; its link is printed nowhere', async () => {
    const made = await place.run('user invite guest@example.org --role editor --json');
    expect(made.code).toBe(0);
    const { id, file } = made.json() as { id: string; file: string };
    const link = /http\S+invite=([\w-]+)/.exec(readFileSync(file, 'utf8'));
    expect(link?.[1]).toHaveLength(43);
    expect(made.stdout + made.stderr).not.toContain(link?.[1]);
    const listed = await place.run('user invitations --json');
    expect(listed.json()).toMatchObject([{ id, email: 'guest@example.org', roles: ['editor'] }]);
    expect((await place.run('user invitations')).stdout).toContain('guest@example.org');
    expect((await place.run(`user uninvite ${id}`)).code).toBe(0);
    expect((await place.run('user invitations')).stdout).toContain('Nobody is invited.');
  });

  test('an invitation waits for a mail server that is busy; one that cannot be mailed is none, and is said so', async () => {
    const mail = await startMailServer();
    try {
      const env = { SMTP_URL: mail.url };
      mail.refuse(3, 451);
      const refused = await place.spawn('user invite refused@example.org', { env });
      expect([refused.code, refused.stdout]).toEqual([1, '']);
      expect(oneLine(refused.stderr)).toBe('The mail server did not take the mail.');
      expect((await place.run('user invitations --json')).json()).toEqual([]);
      mail.refuse(1, 451);
      const made = await place.spawn('user invite busy@example.org --json', { env });
      expect([made.code, made.stderr]).toEqual([0, '']);
      expect(mail.to('busy@example.org').text).toContain('invite=');
      expect((await place.run(`user uninvite ${made.json().id}`)).code).toBe(0);
    } finally {
      await mail.close();
    }
  });

  test('a password from standard input opens the sign-in page; its line end is not part of it', async () => {
    const name = newName();
    const made = await place.run(`user create ${name} --password-stdin --role editor --json`, {
      stdin: `${PASSWORD}\n`,
    });
    expect(made.code).toBe(0);
    expect(made.json()).toMatchObject({ username: name, roles: ['editor'], must_change_password: false });
    expect(made.stdout + made.stderr).not.toContain(PASSWORD);
    await expect(getCode(server, await server.createClient(), {}, { username: name })).resolves.toBeDefined();
    expect(await audited('account.created', { accountId: made.json().id })).toEqual(['cli']);
  });

  test('at a terminal it is asked for twice and not shown', async () => {
    const name = newName();
    const typed = [PASSWORD, `${PASSWORD}!`];
    expect(await place.run(`user create ${name}`, { typed })).toMatchObject({ code: 1, stdout: '' });
    const made = await place.run(`user create ${name}`, { typed: [PASSWORD, PASSWORD] });
    expect(made.code).toBe(0);
    expect(made.stdout + made.stderr).not.toContain(PASSWORD);
    expect(made.stderr).toBe('Password: \nAgain: \n');
  });

  test('a one-time password is printed once and must be changed', async () => {
    const made = (await place.run(`user create ${newName()} --one-time --json`)).json();
    expect(made).toMatchObject({
      must_change_password: true,
      one_time_password: expect.stringMatching(/^\w{20}$/),
    });
    const result = await server.container.authenticate(
      { username: made.username, password: made.one_time_password },
      { ip: '192.0.2.1', requestId: 'r' },
    );
    expect(result.outcome).toBe('must_change');
    const listed = await place.run('user list --json');
    expect(listed.stdout).not.toContain(made.one_time_password);
    expect(listed.json()).toContainEqual(expect.objectContaining({ id: made.id }));
  });

  test('passwd ends the browser sessions of whoever knew the old one, and the tokens of applications', async () => {
    const name = newName();
    await server.createAccount(name);
    const browser = createBrowser();
    const client = await server.createClient();
    const scope = 'openid offline_access';
    const { body } = await redeem(
      server,
      client,
      await getCode(server, client, { scope }, { username: name, browser }),
    );
    const done = await place.run(`user passwd ${name} --password-stdin --json`, {
      stdin: 'another pine wood hut',
    });
    expect(done.json()).toMatchObject({ username: name, ended_sessions: 1 });
    expect((await browser.get(server.url('/'))).text).not.toContain(name);
    expect((await refresh(server, client, body.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('list says who is to be deleted, and when', async () => {
    const name = newName();
    const { id } = await server.createAccount(name);
    const at = await server.container.leaving.ask(id, { ip: '192.0.2.1', requestId: 'r' });
    const listed = await place.run('user list --json');
    const one = listed.json().find((account: { id: string }) => account.id === id);
    expect(Date.parse(one.delete_at)).toBeLessThanOrEqual(Number(at));
    expect((await place.run('user list')).stdout).toMatch(new RegExp(`${name} +to be deleted \\d{4}-`));
  });

  test('role add and remove say what the roles are now', async () => {
    const name = newName();
    await server.createAccount(name);
    expect((await place.run(`user role ${name} add admin --json`)).json()).toMatchObject({
      roles: ['admin'],
      changed: true,
    });
    expect((await place.run(`user role ${name} add admin --json`)).json()).toMatchObject({ changed: false });
    expect((await place.run(`user role ${name} remove admin --json`)).json()).toMatchObject({
      roles: [],
      changed: true,
    });
  });

  test('A56: disable ends refresh, UserInfo, /api/me, introspection and sessions at once, and for good', async () => {
    const name = newName();
    const { id } = await server.createAccount(name);
    const client = await server.createClient();
    const browser = createBrowser();
    const grant = await getCode(
      server,
      client,
      { scope: 'openid profile offline_access' },
      { username: name, browser },
    );
    const { access_token: token, refresh_token: refreshToken } = (await redeem(server, client, grant)).body;
    const pending = await getCode(server, client, {}, { username: name, browser });
    expect((await getWith(server, '/api/me', token)).status).toBe(200);

    const disabled = await place.run(`user disable ${name}`);
    expect([disabled.code, disabled.stdout.includes('clients')]).toEqual([0, false]);
    const { clientId } = await server.createClient({}, { owner: id });
    expect((await place.run(`user disable ${name}`)).stdout).toContain(`Its clients go on: ${clientId}.`);
    const deadEverywhere = async () => {
      expect((await getWith(server, '/api/me', token)).status).toBe(401);
      expect((await getWith(server, '/oauth/userinfo', token)).status).toBe(401);
      expect(await introspect(server, client, token)).toEqual({ active: false });
      expect((await refresh(server, client, refreshToken)).body.error).toBe('invalid_grant');
      expect((await redeem(server, client, pending)).body.error).toBe('invalid_grant');
      expect((await browser.get(server.url('/'))).text).not.toContain(name);
    };
    await deadEverywhere();
    expect((await place.run(`user disable ${name} --json`)).json()).toMatchObject({ changed: false });
    expect((await place.run(`user enable ${name} --json`)).json()).toMatchObject({
      changed: true,
      disabled: false,
    });
    await deadEverywhere();
    expect(await audited('account.disabled', { accountId: id })).toEqual(['cli']);
  });
});

describe('client', () => {
  test.each(['not json', '[]', '"text"'])('--file - with %s is refused without quoting it', async (stdin) => {
    const { code, stderr } = await place.run('client create --file -', { stdin });
    expect(code).toBe(1);
    expect(oneLine(stderr)).not.toContain(stdin);
  });

  test('metadata from standard input; the secret works, is printed once and is not kept as text', async () => {
    const metadata = { client_name: 'Robot', grant_types: ['client_credentials'], scope: 'profile' };
    const made = await place.run('client create --file - --json', { stdin: JSON.stringify(metadata) });
    expect(made.json()).toMatchObject({ ...metadata, client_secret_expires_at: 0, resource_server: false });
    const client = { clientId: made.json().client_id, secret: made.json().client_secret };
    expect(client.clientId).toHaveLength(24);
    expect(client.secret).toHaveLength(48);
    const answer = await post(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
    expect(answer.status).toBe(200);
    for (const again of [`client show ${client.clientId}`, 'client list']) {
      for (const form of ['', ' --json']) {
        const { stdout } = await place.run(again + form);
        expect(stdout).toContain(client.clientId);
        expect(stdout).not.toContain(client.secret);
      }
    }
    expect(await audited('client.created', { clientId: client.clientId })).toEqual(['cli']);
  });

  test('lifetimes of its own are kept to by the token endpoint', async () => {
    const bad = await place.run(
      'client create --grant-type client_credentials --ttl code=1h --ttl access-token=x',
    );
    expect([bad.code === 0, bad.stdout]).toEqual([false, '']);
    const args = 'client create --json --grant-type client_credentials --scope profile --ttl access-token=5m';
    const made = (await place.run(args)).json();
    expect(made.lifetimes).toEqual({ accessToken: 300 });
    const client = { clientId: made.client_id, secret: made.client_secret };
    const answer = await post(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
    expect(answer.body.expires_in).toBe(300);
  });

  test('simple flags do as well, for an owner, with PKCE required', async () => {
    const owner = newName();
    const { id } = await server.createAccount(owner);
    const args = `client create --name Web --redirect-uri https://app.example/cb --redirect-uri https://app.example/b
      --grant-type authorization_code --grant-type refresh_token --response-type code --scope openid
      --auth-method client_secret_post --require-pkce --owner ${owner} --json`;
    expect((await place.run(args.replace(/\s+/g, ' '))).json()).toMatchObject({
      client_name: 'Web',
      redirect_uris: ['https://app.example/cb', 'https://app.example/b'],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_post',
      require_pkce: true,
      owner_id: id,
    });
  });

  test('a resource server may introspect tokens of others', async () => {
    const made = (await place.run('client create --name API --resource-server --json')).json();
    const other = await server.createClient({ grant_types: ['client_credentials'], response_types: [] });
    const { access_token: token } = (
      await post(server, '/oauth/token', { grant_type: 'client_credentials' }, other)
    ).body;
    const seen = await introspect(
      server,
      { ...other, clientId: made.client_id, secret: made.client_secret },
      token,
    );
    expect(seen.active).toBe(true);
  });

  describe('lease', () => {
    const URI = 'https://pull-42.preview.example/cb';

    test.each([
      ['https://*.preview.example/cb', '', /wildcard/],
      [URI, ' --for 31d', /at most 30 days/],
      ['https://app.example/cb', '', /registered already/],
      ['javascript:alert(1)', '', /never allowed/],
    ])('add refuses %s%s', async (uri, more, words) => {
      const client = await server.createClient();
      const { code, stderr } = await place.run(`client lease add ${client.clientId} ${uri}${more}`);
      expect(code).toBe(1);
      expect(oneLine(stderr)).toMatch(words);
      expect(await server.container.redirectLeases.listOf(client.clientId)).toEqual([]);
    });

    test('no client, no lease of it', async () => {
      const client = await server.createClient();
      for (const words of ['list nobody', `add nobody ${URI}`, `remove ${client.clientId} nothing`]) {
        expect((await place.run(`client lease ${words}`)).code).toBe(1);
      }
    });

    test('add is seen by the running server at once, list shows it, remove ends it', async () => {
      const client = await server.createClient();
      const takes = async () => {
        const query = {
          client_id: client.clientId,
          response_type: 'code',
          redirect_uri: URI,
          prompt: 'none',
        };
        const address = server.url(`/oauth/authorize?${new URLSearchParams({ ...query, scope: 'openid' })}`);
        return (await createBrowser().get(address)).location?.startsWith(URI) ?? false;
      };
      expect(await takes()).toBe(false);
      const made = (await place.run(`client lease add ${client.clientId} ${URI} --for 2h --json`)).json();
      expect(Date.parse(made.expires_at) - Date.parse(made.created_at)).toBe(7_200_000);
      expect(await takes()).toBe(true);
      expect((await place.run(`client lease list ${client.clientId} --json`)).json()).toEqual([made]);
      expect((await place.run(`client lease remove ${client.clientId} ${made.lease_id}`)).code).toBe(0);
      expect(await takes()).toBe(false);
      expect(await audited('client.lease_added', client)).toEqual(['cli']);
      expect(await audited('client.lease_removed', client)).toEqual(['cli']);
    });
  });

  test('rotate-secret ends the old secret at once, or after --keep-old', async () => {
    const client = await server.createClient({ grant_types: ['client_credentials'], response_types: [] });
    const works = async (secret: string) =>
      (await post(server, '/oauth/token', { grant_type: 'client_credentials' }, { ...client, secret }))
        .status === 200;
    const rotate = async (more = '') =>
      (await place.run(`client rotate-secret ${client.clientId} --json${more}`)).json().client_secret;
    const tooLong = await place.run(`client rotate-secret ${client.clientId} --keep-old 31d`);
    expect([tooLong.code, tooLong.stderr]).toEqual([1, expect.stringContaining('at most 30 days')]);
    expect(await works(client.secret)).toBe(true);
    const second = await rotate(' --keep-old 1h');
    expect([await works(client.secret), await works(second)]).toEqual([true, true]);
    const third = await rotate();
    expect([await works(client.secret), await works(second), await works(third)]).toEqual([
      false,
      false,
      true,
    ]);
  });

  test('delete asks a person, and ends the tokens', async () => {
    const name = newName();
    await server.createAccount(name);
    const client = await server.createClient();
    const { body } = await redeem(server, client, await getCode(server, client, {}, { username: name }));
    const kept = await place.run(`client delete ${client.clientId}`, { typed: ['no'] });
    expect([kept.code, kept.stderr]).toEqual([1, expect.stringContaining('Nothing was changed.')]);
    expect((await getWith(server, '/api/me', body.access_token)).status).toBe(200);
    expect((await place.run(`client delete ${client.clientId}`, { typed: ['yes'] })).code).toBe(0);
    expect((await getWith(server, '/api/me', body.access_token)).status).toBe(401);
    expect((await place.run(`client show ${client.clientId}`)).code).toBe(1);
  });
});

describe('resource and keys', () => {
  test('a resource is refused by field, made, listed and deleted', async () => {
    const wrong = await place.run('resource create nonsense --format paper --json');
    expect(JSON.parse(wrong.stderr).faults.map(({ field }: { field: string }) => field)).toEqual([
      'identifier',
      'token_format',
    ]);
    const id = 'https://api.example/cli';
    const args = `resource create ${id} --scope read,write --format jwt --alg ES256 --lifetime 5m --json`;
    const made = {
      identifier: id,
      scopes: ['read', 'write'],
      token_format: 'jwt',
      signing_alg: 'ES256',
      lifetime_seconds: 300,
    };
    expect((await place.run(args)).json()).toMatchObject(made);
    expect((await place.run(args)).code).toBe(1);
    expect((await place.run('resource list --json')).json()).toContainEqual(expect.objectContaining(made));
    expect((await place.run(`resource delete ${id}`)).code).toBe(0);
    expect((await place.run('resource list')).stdout).not.toContain(id);
    expect(await audited('resource.created')).toContain('cli');
  });

  test('keys rotate and revoke: the next one of each algorithm, and none that does not live', async () => {
    const made = (await place.run('keys rotate --in 1h --json')).json();
    expect(made.map(({ alg, use }: { alg: string; use: string }) => [alg, use])).toContainEqual([
      'RS256',
      'announced',
    ]);
    const again = await place.run('keys rotate');
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('No key was made')]);
    const { kid } = made[0];
    expect((await place.run(`keys revoke ${kid}`)).code).toBe(2);
    const revoked = (await place.run(`keys revoke ${kid} --yes --json`)).json();
    expect(revoked).toContainEqual(expect.objectContaining({ kid, use: 'revoked' }));
    expect((await place.run(`keys revoke ${kid} --yes`)).code).toBe(1);
    expect(await audited('keys.revoked')).toContain('cli');
    for (const one of made.slice(1)) await place.run(`keys revoke ${one.kid} --yes`);
  });

  test.each(['-j', '-V', '-h', '--'])(
    'a key that begins with %s is a key, a mistyped option none',
    async (begin) => {
      const kid = begin.padEnd(43, 'V7s9sGOYTc_');
      const named = await place.run(`keys revoke ${kid} --yes`);
      expect([named.code, named.stderr]).toEqual([1, `There is no living key ${kid}.\n`]);
      expect((await place.run(`keys revoke ${kid} --lost --yes`)).code).toBe(2);
      const mistyped = await place.run(`keys revoke ${kid} --yse`);
      expect([mistyped.code, mistyped.stderr]).toEqual([2, expect.stringContaining('--yse')]);
    },
  );

  test('keys sealed under a lost secret: one line says what to do, and doing it helps', async () => {
    const own = newPlace();
    await own.run('keys list', { env: { SECRET_KEY: 'k7Qv2mXz9RfT4bLc8WnYp3HsJ6dGaE5u' } });
    const lost = await own.run('keys list', { env: { SECRET_KEY: 'a7Qv2mXz9RfT4bLc8WnYp3HsJ6dGaE5v' } });
    expect([lost.code, oneLine(lost.stderr)]).toEqual([1, expect.stringContaining('keys revoke --lost')]);
    const env = { SECRET_KEY: 'a7Qv2mXz9RfT4bLc8WnYp3HsJ6dGaE5v' };
    const after = (await own.run('keys revoke --lost --yes --json', { env })).json();
    expect(after.map(({ use }: { use: string }) => use).sort()).toEqual([
      ...Array(4).fill('revoked'),
      ...Array(4).fill('signs'),
    ]);
    own.remove();
  });

  test('a generated key is announced beside the one that signs; no private part is shown', async () => {
    const own = newPlace();
    const generated = async () => (await own.run('keys generate ES256 --json')).json();
    await own.run(`keys revoke ${(await generated()).kid} --yes`);
    const made = await generated();
    const listed = await own.run('keys list --json');
    const es256 = listed.json().filter(({ alg }: { alg: string }) => alg === 'ES256');
    expect(es256.map(({ use }: { use: string }) => use)).toEqual(['signs', 'revoked', 'announced']);
    expect(es256[2].kid).toBe(made.kid);
    expect(listed.stdout).not.toContain('"d"');
    expect((await own.run('keys list')).stdout).toContain(made.kid);
    own.remove();
  });
});

describe('token inspect', () => {
  const inspect = (token: string) => place.run('token inspect --json', { stdin: `${token}\n` });

  test('says unknown of what it never issued, a session cookie’s value and a forged JWT included', async () => {
    expect(await inspect('nonsense')).toMatchObject({ code: 1 });
    expect((await inspect('a.b.c')).json()).toMatchObject({ status: 'unknown' });
    const header = Buffer.from('{"alg":"none"}').toString('base64url');
    const claims = Buffer.from(JSON.stringify({ iss: server.issuer, sub: 'x' })).toString('base64url');
    const forged = await inspect(`${header}.${claims}.x`);
    expect([forged.code, forged.json().status]).toEqual([1, 'foreign']);
  });

  test('says live, used, revoked and expired of opaque tokens, and whose they are', async () => {
    const name = newName();
    const { id } = await server.createAccount(name);
    const client = await server.createClient();
    const grant = await getCode(
      server,
      client,
      { scope: 'openid profile offline_access' },
      { username: name },
    );
    expect((await inspect(grant.code)).json()).toMatchObject({ kind: 'AuthorizationCode', status: 'live' });
    const { body } = await redeem(server, client, grant);
    expect((await inspect(grant.code)).json().status).toBe('used');
    const seen = await inspect(body.access_token);
    expect(seen.code).toBe(0);
    expect(seen.json()).toMatchObject({
      kind: 'AccessToken',
      status: 'live',
      client_id: client.clientId,
      sub: id,
      username: name,
      scope: expect.stringContaining('profile'),
    });
    expect(seen.stdout).not.toContain(body.access_token);
    expect((await inspect(body.refresh_token)).json()).toMatchObject({
      kind: 'RefreshToken',
      status: 'live',
    });

    const { database } = server.container;
    await database.run(
      database.sql('oidc_payloads').where({ kind: 'AccessToken', account_id: id }).update({ expires_at: 1 }),
    );
    expect((await inspect(body.access_token)).json().status).toBe('expired');
    await server.container.disableAccounts.disable(id, { actorId: 'cli' });
    const dead = await inspect(body.refresh_token);
    expect([dead.code, dead.json().status]).toEqual([1, 'revoked']);
  });

  test('verifies a JWT against its own keys', async () => {
    const name = newName();
    await server.createAccount(name);
    const client = await server.createClient();
    const { body } = await redeem(server, client, await getCode(server, client, {}, { username: name }));
    const [header, claims, signature] = body.id_token.split('.');
    const live = await inspect(body.id_token);
    expect(live.json()).toMatchObject({
      kind: 'JWT',
      status: 'live',
      header: { alg: 'RS256' },
      claims: { iss: server.issuer, aud: client.clientId },
    });
    const changed = Buffer.from(
      Buffer.from(claims, 'base64url').toString().replace(client.clientId, 'x'),
    ).toString('base64url');
    expect((await inspect(`${header}.${changed}.${signature}`)).json().status).toBe('foreign');
  });

  test('at a terminal the token is asked for and not shown', async () => {
    const { code, stderr } = await place.run('token inspect', { typed: ['some-token'] });
    expect([code, stderr]).toEqual([1, 'Token: \n']);
  });
});

describe('urls, config, prune', () => {
  test('urls lists rules sorted, with endpoints, and each of them is answered', async () => {
    const text = await place.run('urls');
    expect(text.stderr).toBe('[*] Listing urls\n');
    expect(text.stdout).toMatch(/^Rule\s+Endpoint/);
    const routes: { rule: string; endpoint: string; methods: string[] }[] = (
      await place.run('urls --json')
    ).json();
    const rules = routes.map(({ rule }) => rule);
    expect(rules).toEqual([...rules].sort());
    for (const rule of [
      '/',
      '/login',
      '/create_client',
      '/oauth/token',
      '/api/me',
      '/livez',
      '/oauth/authorize',
    ]) {
      expect(rules).toContain(rule);
    }
    const placeless = routes.filter(({ rule }) => !rule.includes(':'));
    for (const { rule, methods } of placeless) {
      const answer = await fetch(server.url(rule), { method: methods[0] as string, redirect: 'manual' });
      await answer.arrayBuffer();
      // Where no provider is set up: the dserver plugin's own answer (contract §8), and nobody to begin with.
      if (['/auth/login 500', '/auth/begin 404'].includes(`${rule} ${answer.status}`)) continue;
      expect(`${rule} ${answer.status}`).not.toMatch(/ (404|405|5\d\d)$/);
    }
  });

  test('config masks secrets and says where each value is from', async () => {
    const env = {
      SECRET_KEY: 'do-not-show-this-anywhere',
      ADMIN_PASSWORD: 'nor-this-one',
      BRAND_NAME: 'Gate',
    };
    const { code, stdout, stderr } = await place.run('config --json', { env });
    expect(code).toBe(0);
    expect(stdout + stderr).not.toMatch(/do-not-show|nor-this/);
    const { settings } = JSON.parse(stdout);
    expect(settings).toContainEqual(
      expect.objectContaining({ name: 'BRAND_NAME', value: 'Gate', source: 'environment' }),
    );
    expect(settings).toContainEqual(
      expect.objectContaining({ name: 'HOST', value: '127.0.0.1', source: 'default' }),
    );
  });

  test('prune removes what ended long ago', async () => {
    const { database } = server.container;
    await database.run(
      database.sql('oidc_payloads').insert({ key: 'old', kind: 'AccessToken', expires_at: 1, payload: '{}' }),
    );
    expect((await place.run('prune --json')).json().removed).toBeGreaterThanOrEqual(1);
    expect((await place.run('prune --json')).json()).toEqual({ removed: 0 });
  });
});

describe('migrate', () => {
  test('status, up (and initdb), down with a backup; each says what it did', async () => {
    const own = newPlace();
    try {
      const before = (await own.run('migrate status --json')).json();
      expect(before.applied).toEqual([]);
      expect(existsSync(join(own.folder, 'data'))).toBe(false);
      const made = await own.run('initdb');
      expect(made.code).toBe(0);
      expect(made.stderr).toMatch(/^\[\*\] Initializing database\nApplying migration 0001/);
      expect((await own.run('migrate up --json')).json()).toEqual({ ran: [] });
      expect((await own.run('migrate down', { typed: ['no'] })).code).toBe(1);
      expect((await own.run('migrate status --json')).json().applied).toEqual(before.pending);
      const undone = (await own.run('migrate down --yes --json')).json();
      expect(undone.ran).toEqual([before.pending.at(-1)]);
      expect(statSync(undone.backup).mode & 0o777).toBe(0o600);
      expect((await own.run('migrate status')).stdout).toContain(`pending  ${before.pending.at(-1)}`);
      const all = await own.run('migrate down --all', { typed: ['yes'] });
      expect(all.stdout).toContain('Backup: ');
      expect((await own.run('migrate down')).stdout).toBe('There is nothing to undo.\n');
      // Only the schema was asked for.
      expect(readdirSync(own.folder)).toEqual(['data']);
    } finally {
      own.remove();
    }
  });
});

describe('serve, through the real entry', () => {
  const SECRET = 'b7Qm2xW9-pL4zT8vK1nR6yD3sH5fJ0gA';
  const PRODUCTION = { ISSUER: 'https://id.example.org', SECRET_KEY: SECRET };
  let own: Place;

  beforeEach(() => {
    own = newPlace();
  });
  afterEach(() => {
    own.remove();
  });

  /** R27: refused in one clear line each, nothing made, no stack trace. */
  const refused = async (env: Record<string, string>, ...lines: RegExp[]) => {
    const { code, stdout, stderr } = await own.spawn('serve', { env });
    expect(stderr.trim().split('\n')).toEqual(lines.map((line) => expect.stringMatching(line)));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).not.toContain(SECRET);
  };
  const nothingMade = () => expect(existsSync(join(own.folder, 'keys'))).toBe(false);

  test.each<[string, Record<string, string>, RegExp[]]>([
    ['a missing secret', { ...PRODUCTION, SECRET_KEY: '' }, [/^SECRET_KEY: is missing/]],
    [
      'a default secret',
      { ...PRODUCTION, SECRET_KEY: 'you-will-never-guess' },
      [/^SECRET_KEY: is a value everybody/],
    ],
    ['http in production', { ...PRODUCTION, ISSUER: 'http://id.example.org' }, [/^ISSUER: .*not https/]],
    ['memory in production', { ...PRODUCTION, DATABASE_URL: 'sqlite::memory:' }, [/^DATABASE_URL: .*memory/]],
    [
      'a key that is named and not there',
      { ...PRODUCTION, PRIVATE_KEY_FILE: '/nowhere.pem' },
      [/PRIVATE_KEY.*nowhere/],
    ],
    [
      'several faults at once',
      { ISSUER: 'http://a.example/x', PORT: 'abc' },
      [/^ISSUER: /, /^PORT: /, /^SECRET_KEY: /],
    ],
    ['MIGRATE=off before the first migration', { MIGRATE: 'off' }, [/MIGRATE is off.*migrate up$/]],
    [
      'a database that is away',
      { DATABASE_URL: 'postgres://u:hidden@127.0.0.1:1/x' },
      [/^The database does not answer: .*ECONNREFUSED/],
    ],
  ])('R27: %s', async (_name, env, lines) => {
    await refused(env, ...lines);
    nothingMade();
  });

  test('R27: a database of a newer Postern, with and without MIGRATE', async () => {
    await own.run('migrate up');
    const { default: BetterSqlite3 } = await import('better-sqlite3');
    const handle = new BetterSqlite3(join(own.folder, 'data', 'postern.sqlite'));
    handle
      .prepare("INSERT INTO knex_migrations (name, batch, migration_time) VALUES ('9999-later', 2, 0)")
      .run();
    handle.close();
    for (const MIGRATE of ['on', 'off']) await refused({ MIGRATE }, /newer Postern.*9999-later/);
    nothingMade();
  });

  test('R27: a damaged signing key, and a file where keys should lie', async () => {
    mkdirSync(join(own.folder, 'keys', 'signing'), { recursive: true });
    writeFileSync(join(own.folder, 'keys', 'signing', 'RS256-x.json'), '{"jwk": {"d": "torn');
    await own.run('migrate up');
    await refused({ LOG_LEVEL: 'error' }, /^The signing key .*RS256-x\.json is damaged/);
    expect(readdirSync(join(own.folder, 'keys', 'signing'))).toEqual(['RS256-x.json']);
    writeFileSync(join(own.folder, 'file'), '');
    await refused(
      { SECRET_KEY: SECRET, KEYS_DIR: join(own.folder, 'file') },
      /^\S+file\S* cannot be used \(ENOTDIR/,
    );
    await refused({ DATABASE_URL: `sqlite:${join(own.folder, 'keys')}` }, /^\S+keys cannot be used \(EISDIR/);
  });

  test('a database file that is none is refused in one line', async () => {
    writeFileSync(
      join(own.folder, 'file'),
      'this is not a database, and long enough to be looked at '.repeat(20),
    );
    await refused({ DATABASE_URL: `sqlite:${join(own.folder, 'file')}` }, /^DATABASE_URL: .*not a database/);
    nothingMade();
  });

  test('a busy port is one line naming PORT, and the process ends', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as AddressInfo;
    try {
      const { code, stderr } = await own.spawn(`run --port ${port}`);
      expect(code).toBe(1);
      expect(oneLine(stderr)).toContain(`PORT ${port}`);
      // The password that is shown once was not lost with it.
      const started = await own.spawn('serve', { env: { PORT: '0' }, stopAt: /Command line/ });
      expect(started.stdout).toMatch(/Password\s+\w{20} {3}\(shown only now/);
    } finally {
      holder.close();
    }
  });

  test('run starts, says where and how to get in, and stops with exit code 0', async () => {
    const started = await own.spawn('run --port 0 --debug', { stopAt: /Command line/ });
    expect(started.code).toBe(0);
    expect(started.stdout).toMatch(/^\[\*\] Running on 127\.0\.0\.1:\d+ \(Debug: true\)$/m);
    expect(started.stdout).toMatch(/Password\s+\w{20} {3}\(shown only now/);
    const again = await own.spawn('serve --json', { env: { PORT: '0' }, stopAt: /\}\s*$/ });
    expect(again.code).toBe(0);
    expect(again.json()).toMatchObject({
      host: '127.0.0.1',
      url: expect.any(String),
      signingKeys: expect.any(Array),
    });
    expect(again.stdout).not.toMatch(/assword|"d"|"jwk"/);
  });

  test('exit codes and standard input survive the real entry', async () => {
    const stdin = `${PASSWORD}\n`;
    const made = await own.spawn('user create alice --password-stdin --json', { stdin });
    expect([made.code, made.json().username]).toEqual([0, 'alice']);
    const twice = await own.spawn('user create alice --password-stdin --json', { stdin });
    expect([twice.code, twice.stdout]).toEqual([1, '']);
    expect(JSON.parse(twice.stderr)).toMatchObject({
      error: 'invalid_input',
      faults: [{ field: 'username' }],
    });
    expect((await own.spawn('user create alice')).code).toBe(2);
  });
});
