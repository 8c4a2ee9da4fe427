import { expect, test } from '@jest/globals';
import { createRecovery } from '../../../src/accounts/recovery.js';
import type { Postman } from '../../../src/platform/mail/postman.js';
import { listeningAudit, movingClock } from './fakes.js';

const INFO = { ip: '192.0.2.1', requestId: 'r' };

/** Counts whatever is asked of the stores until the answer is there (A112). */
function counted() {
  const work: string[] = [];
  const jobs: (() => Promise<void>)[] = [];
  const postman: Postman = {
    available: true,
    require: () => {},
    requireRoom: () => {},
    send: async () => ({}),
    post: () => {},
    later: (job) => void jobs.push(job),
    idle: async () => {},
    close: async () => {},
  };
  const account = {
    id: 'anna',
    username: 'anna',
    email: 'anna@example.org',
    emailVerified: true,
    disabled: false,
    mustChangePassword: false,
    accessEpoch: 0,
    roles: [],
    createdAt: 1,
    updatedAt: 1,
  };
  const recovery = createRecovery({
    store: {
      findById: async () => account,
      async listRecoverable({ usernameKey }) {
        work.push('accounts');
        return usernameKey === 'anna' ? [{ account, createdBy: 'cli', sources: {}, emailByMail: false }] : [];
      },
    },
    links: {
      issue() {
        work.push('link');
        return { link: {}, url: 'x', validFor: 'x', step: {} } as never;
      },
      require: () => Promise.reject(new Error('unused')),
      consumeStep: () => ({}) as never,
      endStep: () => ({}) as never,
    },
    limits: { check: async () => {}, count: async () => void work.push('limit') },
    postman,
    setPassword: async () => {},
    signInThrottle: { clear: async () => {} },
    endAccess: async () => {},
    saveLink: async () => void work.push('saved'),
    tellPasswordChanged: () => {},
    audit: listeningAudit(movingClock()),
  });
  return { recovery, work, jobs };
}

test.each(['anna', 'anna@example.org', 'nobody', 'nobody@example.org', 'a b', 'x'.repeat(5000)])(
  'asked for %.20s the answer rests on the same work, and no account is looked for before it',
  async (identifier) => {
    const { recovery, work, jobs } = counted();
    await recovery.request(identifier, INFO);
    expect(work).toEqual(['limit']);
    expect(jobs).toHaveLength(1);
  },
);

test('after the answer a known one gets a link, an unknown one nothing', async () => {
  for (const [identifier, expected] of [
    ['anna', ['limit', 'accounts', 'link', 'saved']],
    ['nobody', ['limit', 'accounts']],
  ] as const) {
    const { recovery, work, jobs } = counted();
    await recovery.request(identifier, INFO);
    for (const job of jobs) await job();
    expect(work).toEqual(expected);
  }
});
