import { expect, test } from '@jest/globals';
import { createConsentStore } from '../../src/stores/consent-store.js';
import { describeOnBothDatabases } from '../support/databases.js';
import { movingClock } from '../unit/accounts/fakes.js';

const agreed = (scopes: string[], resources: Record<string, string[]> = {}) => ({
  scopes,
  claims: [],
  resources,
});

describeOnBothDatabases('consents', (open) => {
  test('what was never agreed to is not found and cannot be removed', async () => {
    const store = createConsentStore(await open(), movingClock());
    expect(await store.find('anna', 'app')).toBeUndefined();
    expect(await store.remove('anna', 'app')).toBe(false);
    await store.add('anna', 'app', agreed(['openid']));
    expect(await store.find('anna', 'other')).toBeUndefined();
    expect(await store.find('bert', 'app')).toBeUndefined();
  });

  test('additions join, also ten at the same moment', async () => {
    const store = createConsentStore(await open(), movingClock());
    const api = 'https://api.example/';
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => store.add('anna', 'app', agreed([`s${n}`], { [api]: [`r${n}`] }))),
    );
    await store.add('anna', 'app', { ...agreed(['s1'], { 'urn:x': ['y'] }), claims: ['email'] });
    const consent = await store.find('anna', 'app');
    expect([...(consent?.scopes ?? [])].sort()).toEqual(Array.from({ length: 10 }, (_, n) => `s${n}`));
    expect(consent?.resources[api]).toHaveLength(10);
    expect(consent?.resources['urn:x']).toEqual(['y']);
    expect(consent?.claims).toEqual(['email']);
  });

  test('one account sees its own, and a removed one is gone', async () => {
    const clock = movingClock();
    const store = createConsentStore(await open(), clock);
    await store.add('anna', 'first', agreed(['openid']));
    clock.forward(1);
    await store.add('anna', 'second', agreed(['openid']));
    await store.add('bert', 'first', agreed(['openid']));
    expect((await store.listOf('anna')).map(({ clientId }) => clientId)).toEqual(['second', 'first']);
    expect(await store.remove('anna', 'second')).toBe(true);
    expect((await store.listOf('anna')).map(({ clientId }) => clientId)).toEqual(['first']);
  });
});
