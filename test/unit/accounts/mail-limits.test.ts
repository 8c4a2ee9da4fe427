import { expect, test } from '@jest/globals';
import { createMailLimits, MAILS_BY_ADDRESS, MAILS_BY_RECIPIENT } from '../../../src/accounts/mail-limits.js';
import { TooManyAttempts } from '../../../src/platform/errors/errors.js';
import { createThrottle } from '../../../src/platform/throttle/throttle.js';
import { memoryTable, movingClock } from './fakes.js';

const INFO = { ip: '192.0.2.1', requestId: 'r' };

function setUp() {
  const deps = { store: memoryTable(), clock: movingClock(), log: { warn: () => {} } };
  return createMailLimits({
    recipient: createThrottle(deps, MAILS_BY_RECIPIENT),
    address: createThrottle(deps, MAILS_BY_ADDRESS),
  });
}

test.each([
  ['a name', 'anna', ['ANNA', 'ａｎｎａ', ' anna ', 'Anna', '𝐚nna']],
  [
    'an address',
    'anna@example.org',
    ['Anna@Example.org', 'ａnna@example.org', 'anna@example.org ', 'ANNA@example.org', 'anna@EXAMPLE.org'],
  ],
])('%s is counted once, however it is written', async (_what, plain, spellings) => {
  const limits = setUp();
  for (const spelling of spellings) await limits.count(spelling, INFO);
  await expect(limits.check(plain, INFO)).resolves.toBeUndefined();
  await expect(limits.count(plain, INFO)).rejects.toThrow(TooManyAttempts);
  await expect(limits.check(plain, INFO)).rejects.toThrow(TooManyAttempts);
  await limits.count(`other ${plain}`, INFO);
});
