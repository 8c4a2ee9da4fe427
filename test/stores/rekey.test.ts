/** Seed row 98: after `SECRET_KEY` has changed, what is sealed for long is sealed again under the new one. */
import { expect, test } from '@jest/globals';
import { rekeyPlace } from '../../src/platform/crypto/rekey.js';
import { createSecretBox } from '../../src/platform/crypto/secret-box.js';
import { sealContext } from '../../src/relying-party/token-seal.js';
import { createSealedRows } from '../../src/stores/sealed-rows.js';
import { createUpstreamTokenStore } from '../../src/stores/upstream-token-store.js';
import { describeOnBothDatabases } from '../support/databases.js';

const OLD = 'the old secret, long enough to be one';
const NEW = 'the new secret, long enough to be one';
const LOST = 'a secret that nobody has any more, long';
const box = (...secrets: string[]) => createSecretBox(secrets, 'upstream-token');

describeOnBothDatabases('sealing again', (open) => {
  async function world(count: number) {
    const database = await open();
    const store = createUpstreamTokenStore(database);
    const keys = Array.from({ length: count }, (_, at) => ({
      accountId: `account-${String(at).padStart(4, '0')}`,
      upstreamId: at % 2 ? 'lab' : 'other',
    }));
    await database.write(
      keys.map((key) =>
        store.putStep({
          ...key,
          sealed: box(OLD).seal(`token of ${key.accountId}`, sealContext(key)),
          expiresAt: 5,
          revision: `revision of ${key.accountId}`,
          at: 1,
        }),
      ),
    );
    const place = (secrets: string[]) => ({
      name: 'upstream tokens',
      rows: createSealedRows(database, 'upstream_tokens', ['account_id', 'upstream_id']),
      box: box(...secrets),
      contextOf: ({ account_id = '', upstream_id = '' }) =>
        sealContext({ accountId: account_id, upstreamId: upstream_id }),
    });
    return { database, store, keys, place };
  }

  test('row 98: every row, over several pages; nothing else of it changes; again is nothing to do', async () => {
    const { store, keys, place } = await world(405);
    const reports: number[] = [];
    const done = await rekeyPlace(place([NEW, OLD]), ({ resealed }) => reports.push(resealed));
    expect(done).toEqual({ name: 'upstream tokens', resealed: 405, current: 0, unreadable: 0 });
    expect(reports).toEqual([200, 400]);
    for (const key of [keys[0], keys[199], keys[200], keys[404]]) {
      const row = await store.find(key as (typeof keys)[number]);
      expect(row).toMatchObject({ expiresAt: 5, revision: `revision of ${key?.accountId}`, updatedAt: 1 });
      expect(
        box(OLD).open(row?.sealed ?? '', sealContext(row ?? { accountId: '', upstreamId: '' })),
      ).toBeUndefined();
      expect(box(NEW).open(row?.sealed ?? '', sealContext(row ?? { accountId: '', upstreamId: '' }))).toBe(
        `token of ${key?.accountId}`,
      );
    }
    expect(await rekeyPlace(place([NEW]))).toMatchObject({ resealed: 0, current: 405, unreadable: 0 });
  });

  test('what no secret opens is counted and left', async () => {
    const { store, keys, place } = await world(3);
    const before = await store.find(keys[0] as (typeof keys)[number]);
    expect(await rekeyPlace(place([NEW, LOST]))).toMatchObject({ resealed: 0, current: 0, unreadable: 3 });
    expect(await store.find(keys[0] as (typeof keys)[number])).toEqual(before);
  });

  test('a row written while it is sealed again keeps what was written', async () => {
    const { database, store, keys, place } = await world(1);
    const key = keys[0] as (typeof keys)[number];
    const busy = place([NEW, OLD]);
    const fresh = box(NEW).seal('a newer token', sealContext(key));
    const meanwhile = {
      ...busy,
      rows: {
        ...busy.rows,
        replace: async (...args: Parameters<typeof busy.rows.replace>) => {
          await database.write([
            store.putStep({ ...key, sealed: fresh, expiresAt: 9, revision: 'newer', at: 2 }),
          ]);
          return busy.rows.replace(...args);
        },
      },
    };
    expect(await rekeyPlace(meanwhile)).toMatchObject({ resealed: 0, current: 1 });
    expect(await store.find(key)).toMatchObject({ sealed: fresh, revision: 'newer' });
  });
});
