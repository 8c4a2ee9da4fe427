import { describe, expect, test } from '@jest/globals';
import { createRights } from '../../../src/dserver/rights.js';
import type { Account } from '../../../src/accounts/account.js';

const account = { id: 'a', username: 'ada' } as Account;

const rightsOf = (localAccounts: boolean) =>
  createRights({
    store: { find: async () => ({}), set: async () => {} },
    granted: async () => undefined,
    settings: { localAccounts, defaultPermissions: ['search'] },
    audit: { row: () => ({}) as never, step: () => ({}) as never, record: async () => {} },
    clock: { now: () => 0 },
  });

describe('an account without a name at dserver yet', () => {
  const asked = (createdBy: string, localAccounts = false) =>
    rightsOf(localAccounts).require({ account, createdBy, throughUpstream: false });

  test('that signed up here is told that an administrator has to allow it', async () => {
    await expect(asked('self')).rejects.toThrow(/unless an administrator allows it/);
  });

  test('that an upstream made is told the way to its name', async () => {
    await expect(asked('upstream:orcid')).rejects.toThrow(/Sign in to dserver once first/);
  });

  test.each([
    ['an administrator made it', 'cli', false],
    ['local accounts get tokens', 'self', true],
  ])('gets what everybody gets where %s', async (_name, createdBy, localAccounts) => {
    expect(await asked(createdBy, localAccounts)).toEqual(['search']);
  });
});
