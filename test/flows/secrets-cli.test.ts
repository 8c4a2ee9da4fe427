/** `secrets rekey` (seed row 98): what was sealed under a former `SECRET_KEY` opens under the new one alone. */
import { afterEach, expect, test } from '@jest/globals';
import { post } from '../support/flow.js';
import { ASSERTION_TYPE, clientAssertion } from '../support/proofs.js';
import { newPlace, type Place } from '../support/command-line.js';
import { startServer, type TestClient, type TestServer } from '../support/server.js';

const OLD = 'the former secret key, long enough to be one';
const NEW = 'the new secret key, long enough to be one, too';
const OTHER = 'yet another secret key; nobody has the two before it';

let place: Place;
afterEach(() => place.remove());

const serve = (SECRET_KEY: string) => startServer({ ...place.env, SECRET_KEY });

async function works(server: TestServer, client: TestClient): Promise<boolean> {
  const form = {
    grant_type: 'client_credentials',
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: await clientAssertion(client.clientId, server.issuer, Buffer.from(client.secret), {
      alg: 'HS256',
    }),
  };
  return (await post(server, '/oauth/token', form)).status === 200;
}

test('row 98: tokens and client secrets go over to the new key; what is lost is said', async () => {
  place = newPlace();
  const before = await serve(OLD);
  const { id } = await before.createAccount('ann');
  const client = await before.createClient({
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: '',
    token_endpoint_auth_method: 'client_secret_jwt',
  });
  await before.container.upstreamSide.access.vault.keep(id, 'lab', { accessToken: 'kept for ann' });
  await before.close();

  // Without the old key nothing is begun at all: the signing keys cannot be opened.
  const alone = await place.run('secrets rekey --json', { env: { SECRET_KEY: NEW } });
  expect([alone.code, alone.stdout]).toEqual([1, '']);
  expect(alone.stderr).toContain('keys revoke --lost');

  const text = await place.run('secrets rekey', { env: { SECRET_KEY: `${NEW},${OLD}` } });
  expect(text.code).toBe(0);
  expect(text.stdout).toMatch(/upstream tokens +1 +0 +0/);
  expect(text.stdout).toMatch(/client secrets +1 +0 +0/);
  expect(text.stdout).toContain('Everything is sealed under the first SECRET_KEY.');
  expect(text.stderr).toContain('Sealing upstream tokens again');
  const again = await place.run('secrets rekey --json', { env: { SECRET_KEY: NEW } });
  expect([again.code, again.stderr]).toEqual([0, '']);
  expect(again.json()).toMatchObject({ resealed: 0, unreadable: 0 });

  const after = await serve(NEW);
  const { vault } = after.container.upstreamSide.access;
  expect(await vault.tokenFor(id, 'lab')).toEqual({ accessToken: 'kept for ann' });
  expect(await works(after, client)).toBe(true);
  const outcomes = async () =>
    (await after.container.auditStore.list({ limit: 50 }))
      .filter(({ event }) => event === 'secrets.rekeyed')
      .map(({ outcome }) => outcome);
  expect(await outcomes()).toEqual(['success', 'success']);

  expect((await place.run('keys revoke --lost --yes', { env: { SECRET_KEY: OTHER } })).code).toBe(0);
  const lost = await place.run('secrets rekey --json', { env: { SECRET_KEY: OTHER } });
  expect(lost.code).toBe(1);
  expect(lost.json().places).toEqual(
    expect.arrayContaining([
      { name: 'upstream tokens', resealed: 0, current: 0, unreadable: 1 },
      { name: 'client secrets', resealed: 0, current: 0, unreadable: 1 },
    ]),
  );
  expect(await outcomes()).toEqual(['failure', 'success', 'success']);
  await after.close();
});
