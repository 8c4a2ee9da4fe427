/**
 * The adapter that is written first and copied most: one table, JSON payloads, the query builder for every
 * statement, a transaction for each write. WAL with `synchronous=NORMAL`, which may lose the last commits.
 */
import knexFactory from 'knex';

const TABLE = 'oidc_payloads';

export async function naiveKnexAdapter(filename) {
  const knex = knexFactory({
    client: 'better-sqlite3',
    connection: { filename },
    useNullAsDefault: true,
    pool: {
      min: 1,
      max: 1,
      afterCreate(handle, done) {
        handle.pragma('journal_mode = WAL');
        handle.pragma('synchronous = NORMAL');
        done();
      },
    },
  });
  await knex.schema.createTable(TABLE, (table) => {
    table.text('id');
    table.text('type');
    table.text('payload');
    table.text('grantId').index();
    table.text('userCode').index();
    table.text('uid').index();
    table.integer('expiresAt');
    table.integer('consumedAt');
    table.primary(['id', 'type']);
  });
  const seconds = () => Math.floor(Date.now() / 1000);

  return class NaiveKnexAdapter {
    constructor(type) {
      this.type = type;
    }

    get rows() {
      return knex(TABLE).where('type', this.type);
    }

    async upsert(id, payload, expiresIn) {
      const { grantId, userCode, uid } = payload;
      const row = { id, type: this.type, payload: JSON.stringify(payload), grantId, userCode, uid };
      const expiresAt = expiresIn ? seconds() + expiresIn : null;
      await knex(TABLE)
        .insert({ ...row, expiresAt })
        .onConflict(['id', 'type'])
        .merge();
    }

    found(row) {
      if (!row || (row.expiresAt && row.expiresAt < seconds())) return undefined;
      return { ...JSON.parse(row.payload), ...(row.consumedAt ? { consumed: row.consumedAt } : {}) };
    }

    find = async (id) => this.found(await this.rows.where('id', id).first());
    findByUid = async (uid) => this.found(await this.rows.where('uid', uid).first());
    findByUserCode = async (userCode) => this.found(await this.rows.where('userCode', userCode).first());

    async consume(id) {
      await this.rows.where('id', id).update({ consumedAt: seconds() });
    }

    async destroy(id) {
      await this.rows.where('id', id).delete();
    }

    async revokeByGrantId(grantId) {
      await this.rows.where('grantId', grantId).delete();
    }
  };
}
