/** What both payload stores promise. Wrong cases first. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { AuditRecord } from '../../src/platform/audit/audit.js';
import type { PayloadRow, PayloadStore, PayloadUnit } from '../../src/stores/payload-store.js';

export interface PayloadStoreFixture {
  readonly store: PayloadStore;
  /** Moves the clock of the store. */
  moveTo(now: number): void;
  /** The ids in `audit_events`. */
  notes(): Promise<string[]>;
  /** Whether a token brings along what is asked for next. */
  readonly company: boolean;
}

const NOW = 1_800_000_000_000;
const LATER = NOW + 60_000;

const row = (key: string, more: Partial<PayloadRow> = {}): PayloadRow => ({
  key,
  kind: 'AccessToken',
  grantKey: null,
  sessionUid: null,
  userCode: null,
  accountId: null,
  clientId: null,
  expiresAt: LATER,
  payload: '{"a":1}',
  sealed: null,
  ...more,
});

const grant = (key: string, more: Partial<PayloadRow> = {}) => row(key, { kind: 'Grant', ...more });

const unit = (more: Partial<PayloadUnit> = {}): PayloadUnit => ({
  put: new Map(),
  kill: new Set(),
  retire: new Set(),
  end: new Set(),
  notes: [],
  ...more,
});

const puts = (...rows: PayloadRow[]) =>
  new Map<string, PayloadRow | null>(rows.map((item) => [item.key, item]));

const note = (id: string): AuditRecord => ({ id, at: NOW, event: 'grant.issued' });

export function payloadStoreContract(open: () => Promise<PayloadStoreFixture>): void {
  let fixture: PayloadStoreFixture;
  let store: PayloadStore;

  beforeEach(async () => {
    fixture = await open();
    fixture.moveTo(NOW);
    store = fixture.store;
  });

  const save = (...rows: PayloadRow[]) => store.apply(unit({ put: puts(...rows) }));
  const kill = (key: string) => store.apply(unit({ kill: new Set([key]) }));
  const everyWrite = (more: Partial<PayloadUnit>) =>
    unit({
      put: new Map<string, PayloadRow | null>([
        ['new', row('new')],
        ['old', null],
      ]),
      kill: new Set(['other-grant']),
      notes: [note('n1')],
      ...more,
    });

  async function expectNothingWritten(): Promise<void> {
    expect(await store.find('new')).toBeUndefined();
    expect(await store.find('old')).toBeDefined();
    expect((await store.find('other-grant'))?.revokedAt).toBeNull();
    expect(await fixture.notes()).toEqual([]);
  }

  describe('a guard that fails leaves nothing', () => {
    beforeEach(() => save(row('old'), row('code'), grant('g'), grant('other-grant')));

    test.each([
      ['is not there', 'nobody', async () => {}],
      ['is not a grant', 'old', async () => {}],
      ['is revoked', 'g', () => kill('g')],
      ['has expired', 'g', async () => fixture.moveTo(LATER)],
    ])('the grant %s', async (_, alive, prepare) => {
      await prepare();
      expect(await store.apply(everyWrite({ alive, use: { key: 'code', answer: 'x' } }))).toBe('grant');
      expect(await store.find('code')).toMatchObject({ consumedAt: null, answer: null });
      await expectNothingWritten();
    });

    test('the row to use is not there', async () => {
      expect(await store.apply(everyWrite({ use: { key: 'nobody' } }))).toBe('used');
      await expectNothingWritten();
    });

    test('the row was used before, and keeps the first mark and answer', async () => {
      await store.apply(unit({ use: { key: 'code', answer: 'first' } }));
      fixture.moveTo(NOW + 5);
      expect(await store.apply(everyWrite({ alive: 'g', use: { key: 'code', answer: 'second' } }))).toBe(
        'used',
      );
      expect(await store.find('code')).toMatchObject({ consumedAt: NOW, answer: 'first' });
      await expectNothingWritten();
    });

    test('also where the unit touches its own guards', async () => {
      await store.apply(unit({ use: { key: 'code' } }));
      const put = puts(grant('g', { payload: 'changed' }), row('new'));
      expect(await store.apply(unit({ alive: 'g', use: { key: 'code' }, put }))).toBe('used');
      expect((await store.find('g'))?.payload).toBe('{"a":1}');
      await kill('g');
      expect(await store.apply(unit({ alive: 'g', use: { key: 'old' }, put }))).toBe('grant');
      expect((await store.find('old'))?.consumedAt).toBeNull();
      expect(await store.find('new')).toBeUndefined();
    });
  });

  describe('races', () => {
    test('of many who use a row at once one wins', async () => {
      await save(row('code'), grant('g'));
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          store.apply(
            unit({
              alive: 'g',
              use: { key: 'code' },
              put: puts(row(`t${index}`)),
              notes: [note(`n${index}`)],
            }),
          ),
        ),
      );
      const winner = outcomes.indexOf('ok');
      expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'used')).toHaveLength(19);
      const tokens = await Promise.all(outcomes.map((_, index) => store.find(`t${index}`)));
      expect(tokens.filter((token) => token !== undefined).map(({ key }) => key)).toEqual([`t${winner}`]);
      expect(await fixture.notes()).toEqual([`n${winner}`]);
    });

    test('of many who write a key once one wins', async () => {
      const won = await Promise.all(
        Array.from({ length: 20 }, (_, index) => store.once(row('jti', { payload: `${index}` }))),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      expect((await store.find('jti'))?.payload).toBe(`${won.indexOf(true)}`);
    });

    test('units that write the same rows in any order all succeed', async () => {
      await save(grant('g'));
      const keys = ['a', 'b', 'c', 'd'];
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) => {
          const order = index % 2 ? keys : [...keys].reverse();
          return store.apply(unit({ alive: 'g', put: puts(...order.map((key) => row(key)), grant('g')) }));
        }),
      );
      expect(new Set(outcomes)).toEqual(new Set(['ok']));
    });

    test('after a revocation nothing more is written for the grant', async () => {
      await save(grant('g'));
      const issue = (index: number) => store.apply(unit({ alive: 'g', put: puts(row(`t${index}`)) }));
      const [before, , after] = await Promise.all([
        Promise.all(Array.from({ length: 5 }, (_, index) => issue(index))),
        kill('g'),
        kill('g').then(() => issue(9)),
      ]);
      expect(before.every((outcome) => outcome === 'ok' || outcome === 'grant')).toBe(true);
      expect(after).toBe('grant');
      expect(await store.find('t9')).toBeUndefined();
    });
  });

  describe('tombstones', () => {
    beforeEach(() => save(grant('g', { accountId: 'alice', clientId: 'app' })));

    test('no put brings a revoked grant back, and nothing of it is changed', async () => {
      await kill('g');
      fixture.moveTo(NOW + 5);
      await save(grant('g', { payload: 'changed' }));
      expect(await store.find('g')).toMatchObject({ revokedAt: NOW, payload: '{"a":1}' });
    });

    test('no delete removes a tombstone, so no later put brings it back', async () => {
      await kill('g');
      await store.apply(unit({ put: new Map([['g', null]]) }));
      expect((await store.find('g'))?.revokedAt).toBe(NOW);
    });

    test('a second kill keeps the first time', async () => {
      await kill('g');
      fixture.moveTo(NOW + 5);
      await kill('g');
      expect((await store.find('g'))?.revokedAt).toBe(NOW);
    });

    test('kill marks grants and sessions alone', async () => {
      await save(row('token'));
      await kill('token');
      expect((await store.find('token'))?.revokedAt).toBeNull();
    });

    test('a session that was ended stays ended, whoever still saves it', async () => {
      const session = row('s', { kind: 'Session', sessionUid: 'u', accountId: 'alice' });
      await save(session, row('t', { kind: 'Session', sessionUid: 'v', accountId: 'alice' }));
      await kill('s');
      expect(await store.endSessions('alice')).toBe(1);
      await save(session, row('t', { kind: 'Session', sessionUid: 'v', accountId: 'alice' }));
      for (const key of ['s', 't']) expect((await store.find(key))?.revokedAt).toBe(NOW);
      for (const uid of ['u', 'v']) expect(await store.findSessionByUid(uid)).toBeUndefined();
    });

    test('a renewed session is found by its uid, not the one it replaced', async () => {
      const session = (key: string, expiresAt: number) =>
        row(key, { kind: 'Session', sessionUid: 'u', expiresAt });
      await save(session('old', LATER + 1));
      await store.apply(unit({ put: puts(session('new', LATER)), kill: new Set(['old']) }));
      expect((await store.findSessionByUid('u'))?.key).toBe('new');
    });

    test('what is read along with a token is what asking for it finds', async () => {
      const session = (key: string, expiresAt: number) =>
        row(key, { kind: 'Session', sessionUid: 'u', accountId: 'alice', expiresAt });
      await save(grant('h'), grant('dead'), session('ended', LATER + 2), session('old', LATER));
      await save(session('new', LATER + 1), row('t', { grantKey: 'h', sessionUid: 'u' }));
      await save(row('lost', { grantKey: 'dead', sessionUid: 'nobody' }), row('free', { grantKey: 'none' }));
      await store.apply(unit({ kill: new Set(['dead']), retire: new Set(['new']) }));
      for (const key of ['t', 'lost', 'free']) {
        const found = await store.find(key);
        const asked = {
          grant: await store.find(found?.grantKey ?? ''),
          session: await store.findSessionByUid(found?.sessionUid ?? ''),
        };
        expect(found?.company).toEqual(fixture.company ? asked : undefined);
      }
      for (const key of ['h', 'nothing']) expect((await store.find(key))?.company).toBeUndefined();
      expect((await store.find('old'))?.company?.session).toBeUndefined();
    });

    test('a grant put and killed in one unit is dead', async () => {
      expect(await store.apply(unit({ put: puts(grant('h')), kill: new Set(['h', 'g']) }))).toBe('ok');
      expect((await store.find('h'))?.revokedAt).toBe(NOW);
      expect((await store.find('g'))?.revokedAt).toBe(NOW);
    });

    test('revokeGrants without account and client is refused', async () => {
      await expect(store.revokeGrants({}, NOW)).rejects.toThrow(TypeError);
      expect((await store.find('g'))?.revokedAt).toBeNull();
    });

    test.each([
      [{ accountId: 'alice', clientId: 'app' }, ['g']],
      [{ accountId: 'alice' }, ['g', 'g2']],
      [{ clientId: 'app' }, ['g', 'g3']],
      [{ accountId: 'nobody' }, []],
    ])('revokeGrants of %j', async (of, dead) => {
      await save(
        grant('g2', { accountId: 'alice', clientId: 'other' }),
        grant('g3', { accountId: 'bob', clientId: 'app' }),
        row('token', { accountId: 'alice', clientId: 'app' }),
      );
      expect(await store.revokeGrants(of, NOW + 7)).toBe(dead.length);
      expect(await store.revokeGrants(of, NOW + 8)).toBe(0);
      for (const key of ['g', 'g2', 'g3', 'token']) {
        expect((await store.find(key))?.revokedAt).toBe(dead.includes(key) ? NOW + 7 : null);
      }
    });
  });

  describe('sessions', () => {
    const session = (key: string, authorizations?: object, more: Partial<PayloadRow> = {}) =>
      row(key, {
        kind: 'Session',
        sessionUid: 'u',
        accountId: 'alice',
        payload: JSON.stringify({ uid: 'u', ...(authorizations ? { authorizations } : {}) }),
        ...more,
      });
    const retire = (...keys: string[]) => store.apply(unit({ retire: new Set(keys) }));
    const end = (uid: string) => store.apply(unit({ end: new Set([uid]) }));
    const renew = (from: string, to: PayloadRow) =>
      store.apply(unit({ retire: new Set([from]), put: puts(to) }));
    const noted = async (key: string) => JSON.parse((await store.find(key))?.payload ?? '{}').authorizations;

    test('a retired row is never written again and lives no longer, whoever still saves it', async () => {
      await save(session('s', { a: 1 }));
      await retire('s');
      fixture.moveTo(NOW + 5);
      await retire('s');
      await save(session('s', { b: 1 }, { expiresAt: LATER * 2 }));
      expect(await store.find('s')).toMatchObject({ consumedAt: NOW, expiresAt: NOW + 30_000 });
      expect(await noted('s')).toEqual({ a: 1 });
    });

    test('retiring does not prolong, and concerns living sessions alone', async () => {
      await save(session('short', {}, { expiresAt: NOW + 9 }), row('token'), session('dead'));
      await kill('dead');
      await retire('short', 'token', 'dead', 'nobody');
      expect(await store.find('short')).toMatchObject({ consumedAt: NOW, expiresAt: NOW + 9 });
      for (const key of ['token', 'dead']) {
        expect(await store.find(key)).toMatchObject({ consumedAt: null, expiresAt: LATER });
      }
    });

    test('once one row has a tombstone, no other of that uid is written', async () => {
      const stranger = (key: string) => session(key, undefined, { accountId: null });
      await save(session('s', { a: 1 }), session('other', { a: 1 }));
      await kill('s');
      await save(session('other', { b: 1 }), session('new'), row('token', { sessionUid: 'u' }));
      await save(stranger('anonymous'));
      await renew('other', session('renewed'));
      expect(await noted('other')).toEqual({ a: 1 });
      for (const key of ['new', 'anonymous', 'renewed']) expect(await store.find(key)).toBeUndefined();
      expect(await store.find('token')).toBeDefined();
    });

    test('a unit that ends a uid does not write a row of it', async () => {
      await save(session('s'));
      await store.apply(unit({ end: new Set(['u']), put: puts(session('s', { a: 1 }), session('new')) }));
      expect(await store.find('s')).toMatchObject({ revokedAt: NOW, payload: '{"uid":"u"}' });
      expect(await store.find('new')).toBeUndefined();
    });

    test('ending a uid ends all of its rows and no others', async () => {
      await save(session('s'), session('t'), session('v', {}, { sessionUid: 'v' }));
      await save(row('token', { sessionUid: 'u' }));
      await retire('s');
      await end('u');
      for (const key of ['s', 't']) expect((await store.find(key))?.revokedAt).toBe(NOW);
      for (const key of ['v', 'token']) expect((await store.find(key))?.revokedAt).toBeNull();
      expect(await store.findSessionByUid('u')).toBeUndefined();
    });

    test('notes of another account, or another uid, are neither taken nor given', async () => {
      await save(
        session('bob', { b: 1 }, { accountId: 'bob' }),
        session('v', { v: 1 }, { sessionUid: 'v' }),
        session('nobody', { n: 1 }, { accountId: null }),
      );
      await save(session('s', { a: 1 }));
      await retire('s');
      await save(session('s', { late: 1 }));
      expect(await noted('s')).toEqual({ a: 1 });
      expect(await noted('bob')).toEqual({ b: 1 });
      expect(await noted('v')).toEqual({ v: 1 });
      expect(await noted('nobody')).toEqual({ n: 1 });
    });

    test('what others noted meanwhile is kept; what the writer notes wins', async () => {
      await save(session('s', { a: { grantId: 'a1' }, b: { grantId: 'b1' } }));
      await save(session('s', { b: { grantId: 'b2' }, c: { grantId: 'c1' } }));
      const all = { a: { grantId: 'a1' }, b: { grantId: 'b2' }, c: { grantId: 'c1' } };
      expect(await noted('s')).toEqual(all);
      await renew('s', session('t', { d: {} }));
      expect(await noted('t')).toEqual({ ...all, d: {} });
      await save(session('t'));
      expect(await noted('t')).toEqual({ ...all, d: {} });
    });

    test('what a writer notes under a retired id goes to every living row, and changes nothing else there', async () => {
      await save(session('s', { a: 1 }));
      await renew('s', session('t'));
      await renew('s', session('t2', {}, { sealed: 'seal', expiresAt: LATER + 5 }));
      const before = await store.find('t2');
      await save(session('s', { b: 1 }, { sealed: 'other', expiresAt: LATER + 99 }));
      for (const key of ['t', 't2']) expect(await noted(key)).toEqual({ a: 1, b: 1 });
      expect(await noted('s')).toEqual({ a: 1 });
      expect(await store.find('t2')).toEqual({ ...before, payload: expect.any(String) });
    });

    test('by uid the living row is found, a retired one only where there is no other', async () => {
      await save(session('s', undefined, { expiresAt: NOW + 20_000 }));
      await retire('s');
      expect((await store.findSessionByUid('u'))?.key).toBe('s');
      await save(session('t', undefined, { expiresAt: NOW + 10_000 }));
      expect((await store.findSessionByUid('u'))?.key).toBe('t');
    });

    test('requests that renew one id at the same moment leave rows that agree', async () => {
      await save(session('s', { first: 1 }));
      const tabs = Array.from({ length: 12 }, (_, index) => index);
      await Promise.all(tabs.map((tab) => renew('s', session(`t${tab}`, { [`c${tab}`]: tab }))));
      const all = Object.fromEntries([['first', 1], ...tabs.map((tab) => [`c${tab}`, tab])]);
      for (const tab of tabs) expect(await noted(`t${tab}`)).toEqual(all);
    });

    test.each([
      ['its uid is ended', (uid: string) => end(uid)],
      ['the sessions of its account are', () => store.endSessions('alice')],
    ])('no renewal on the way survives when %s', async (_, finish) => {
      for (let round = 0; round < 5; round += 1) {
        const sessionUid = `u${round}`;
        await save(session(`s${round}`, {}, { sessionUid }));
        const tabs = (name: string) =>
          Array.from({ length: 4 }, (_item, index) =>
            renew(`s${round}`, session(`${name}${round}-${index}`, { [name]: index }, { sessionUid })),
          );
        await Promise.all([...tabs('before'), finish(sessionUid), ...tabs('zafter')]);
        expect(await store.findSessionByUid(sessionUid)).toBeUndefined();
      }
    });

    test('units that touch several sessions in any order all succeed', async () => {
      const uids = ['u1', 'u2', 'u3'];
      const rows = () => uids.map((uid) => session(uid, { [uid]: Math.random() }, { sessionUid: uid }));
      await save(...rows());
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) => {
          const order = index % 2 ? rows() : rows().reverse();
          return store.apply(unit({ put: puts(...order), retire: new Set([`old${index}`]) }));
        }),
      );
      expect(new Set(outcomes)).toEqual(new Set(['ok']));
    });
  });

  describe('endSessions', () => {
    test('tombstones the Sessions of that account and nothing else', async () => {
      const session = (key: string, accountId: string | null) => row(key, { kind: 'Session', accountId });
      await save(
        session('a1', 'alice'),
        session('a2', 'alice'),
        session('b', 'bob'),
        session('nobody', null),
        row('token', { accountId: 'alice' }),
        grant('grant', { accountId: 'alice' }),
      );
      expect(await store.endSessions('carol')).toBe(0);
      expect(await store.endSessions('alice')).toBe(2);
      expect(await store.endSessions('alice')).toBe(0);
      const dead = ['a1', 'a2'];
      for (const key of [...dead, 'b', 'nobody', 'token', 'grant']) {
        expect((await store.find(key))?.revokedAt).toBe(dead.includes(key) ? NOW : null);
      }
    });
  });

  describe('puts', () => {
    test('a row comes back as it was put', async () => {
      const full = row('k', {
        grantKey: 'g',
        sessionUid: 'uid',
        userCode: 'code',
        accountId: 'alice',
        clientId: 'app',
        payload: `{"text":"ü '\\" \\\\ 漢"}`,
        sealed: 'sealed',
      });
      await save(full);
      const { company: _company, ...found } = (await store.find('k')) ?? {};
      expect(found).toEqual({ ...full, consumedAt: null, revokedAt: null, answer: null });
    });

    test('a row without an end is kept and never expires', async () => {
      await save(grant('g', { expiresAt: null }));
      expect((await store.find('g'))?.expiresAt).toBeNull();
      expect(await store.prune(LATER * 2, 10)).toBe(0);
      expect(await store.apply(unit({ alive: 'g', put: puts(row('t')) }))).toBe('ok');
    });

    test('a put over a used row leaves mark and answer alone', async () => {
      await save(row('refresh'));
      await store.apply(unit({ use: { key: 'refresh', answer: 'sealed answer' } }));
      await save(row('refresh', { payload: 'changed' }));
      expect(await store.find('refresh')).toMatchObject({
        payload: 'changed',
        consumedAt: NOW,
        answer: 'sealed answer',
      });
    });

    test('a put of the very row the unit uses', async () => {
      await save(row('code'));
      const put = puts(row('code', { payload: 'changed' }));
      expect(await store.apply(unit({ use: { key: 'code' }, put }))).toBe('ok');
      expect(await store.find('code')).toMatchObject({ payload: 'changed', consumedAt: NOW });
    });

    test('a row of a dead grant may be put where the unit does not ask for the grant', async () => {
      await save(grant('g'));
      await kill('g');
      expect(await save(row('token', { grantKey: 'g' }))).toBe('ok');
      expect(await store.find('token')).toBeDefined();
    });

    test('guards, puts, deletes, kills and notes of one unit are all done', async () => {
      await save(row('old'), row('code'), grant('g'), grant('other-grant'));
      expect(await store.apply(everyWrite({ alive: 'g', use: { key: 'code', answer: 'x' } }))).toBe('ok');
      expect(await store.find('code')).toMatchObject({ consumedAt: NOW, answer: 'x' });
      expect(await store.find('new')).toBeDefined();
      expect(await store.find('old')).toBeUndefined();
      expect((await store.find('other-grant'))?.revokedAt).toBe(NOW);
      expect(await fixture.notes()).toEqual(['n1']);
    });

    test('an empty unit is ok', async () => {
      expect(await store.apply(unit())).toBe('ok');
    });

    test('once refuses a key that is there, even expired, and leaves it as it is', async () => {
      expect(await store.once(row('jti', { payload: 'first' }))).toBe(true);
      fixture.moveTo(LATER + 1);
      expect(await store.once(row('jti', { payload: 'second' }))).toBe(false);
      expect((await store.find('jti'))?.payload).toBe('first');
    });
  });

  describe('other ways to find', () => {
    test('only sessions by uid, and of two the newest', async () => {
      await save(
        row('token', { sessionUid: 'uid', expiresAt: LATER + 9 }),
        row('s1', { kind: 'Session', sessionUid: 'uid', expiresAt: LATER }),
        row('s2', { kind: 'Session', sessionUid: 'uid', expiresAt: LATER + 5 }),
        row('s3', { kind: 'Session', sessionUid: 'other', expiresAt: LATER + 7 }),
      );
      expect((await store.findSessionByUid('uid'))?.key).toBe('s2');
      expect(await store.findSessionByUid('nobody')).toBeUndefined();
    });

    test('by any of the names of a user code', async () => {
      await save(row('d', { kind: 'DeviceCode', userCode: 'old-name' }));
      expect(await store.findByUserCode([])).toBeUndefined();
      expect(await store.findByUserCode(['new-name'])).toBeUndefined();
      expect((await store.findByUserCode(['new-name', 'old-name']))?.key).toBe('d');
    });
  });

  describe('prune', () => {
    test('removes what expired before, the oldest first, and no more than asked for', async () => {
      await save(...[1, 2, 3, 4].map((index) => row(`k${index}`, { expiresAt: NOW + index })));
      expect(await store.prune(NOW + 4, 2)).toBe(2);
      expect(await store.find('k2')).toBeUndefined();
      expect(await store.find('k3')).toBeDefined();
      expect(await store.prune(NOW + 4, 2)).toBe(1);
      expect(await store.prune(NOW + 4, 2)).toBe(0);
      expect(await store.find('k4')).toBeDefined();
    });
  });
}
