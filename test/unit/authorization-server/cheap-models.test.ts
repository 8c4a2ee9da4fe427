import { beforeEach, expect, jest, test } from '@jest/globals';
import { Provider } from 'oidc-provider';
import { useCheapModels } from '../../../src/authorization-server/cheap-models.js';

// The library speaks of every default it is left with.
beforeEach(() => {
  jest.spyOn(Date, 'now').mockReturnValue(1_800_000_000_000);
  for (const method of ['warn', 'info'] as const) jest.spyOn(console, method).mockImplementation(() => {});
});

type Model = { getValueAndPayload(): unknown };

/** One of each way of filling a model: a session, a grant, a code, and one that has said when it ends. */
function modelsOf(provider: Provider): Model[] {
  const client = { clientId: 'somebody' } as never;
  const session = new provider.Session();
  Object.assign(session, {
    accountId: 'grace',
    authorizations: { somebody: { sid: 'sid' } },
    amr: undefined,
  });
  const grant = new provider.Grant({ jti: 'grant', accountId: 'grace', clientId: 'somebody' } as never);
  grant.addOIDCScope('openid profile');
  const code = new provider.AuthorizationCode({
    client,
    accountId: 'grace',
    grantId: 'grant',
    scope: 'openid',
  } as never);
  const device = new provider.DeviceCode({
    client,
    exp: 1_900_000_000,
    params: { scope: 'openid' },
  } as never);
  const tokens = [provider.AccessToken, provider.ClientCredentials].map((Token) =>
    Object.assign(new Token({ client, scope: 'openid', expiresIn: 60 } as never), { format: 'opaque' }),
  );
  return [session, grant, code, device, ...tokens].map(
    (model) => Object.assign(model, { iat: 1_800_000_000, aside: 1 }) as never,
  );
}

test('models are saved as the library saves them, in the same order', async () => {
  const [ours, theirs] = [0, 1].map(() => new Provider('https://id.example', {}));
  useCheapModels(ours as Provider);
  const [saved, expected] = await Promise.all(
    [ours, theirs].map((provider) => {
      const models = modelsOf(provider as Provider);
      for (const [at, model] of models.entries()) Object.assign(model, { jti: `id ${at}`, uid: 'uid' });
      return Promise.all(models.map((model) => model.getValueAndPayload()));
    }),
  );
  expect(saved).toEqual(expected);
  expect(JSON.stringify(saved)).toBe(JSON.stringify(expected));
  expect(JSON.stringify(saved)).not.toContain('aside');
});

test('each tells of itself under the same names', () => {
  const [ours, theirs] = [0, 1].map(() => {
    const provider = new Provider('https://id.example', {});
    const told: unknown[] = [];
    const emit = provider.emit.bind(provider);
    provider.emit = (name: string | symbol, ...rest: unknown[]) => told.push(name) > 0 && emit(name, ...rest);
    return { provider, told };
  });
  useCheapModels((ours as { provider: Provider }).provider);
  for (const { provider } of [ours, theirs] as { provider: Provider }[]) {
    for (const model of modelsOf(provider) as unknown as { emit(what: string): void }[]) {
      for (const what of ['saved', 'destroyed', 'saved']) model.emit(what);
    }
  }
  expect(ours?.told).toEqual(theirs?.told);
  expect(ours?.told).toContain('client_credentials.saved');
});

test('a library that saves them in another way ends the start', () => {
  const other = { Session: class {} } as unknown as Provider;
  expect(() => useCheapModels(other)).toThrow(/no longer saves/);
});
