import { changeNotice } from '../platform/database/change-notices.js';
import type { Database, Step } from '../platform/database/database.js';

/** A signing key as it is kept. What it is used for at a time follows from its dates; see `keys/key-uses.ts`. */
export interface KeyRecord {
  readonly kid: string;
  readonly alg: string;
  /** 1, 2, … of its algorithm. */
  readonly generation: number;
  readonly sealed: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly signsAt: number;
  readonly revokedAt: number | null;
}

/** The signing keys, shared by all nodes. */
export interface SigningKeyStore {
  /** By algorithm and generation. */
  list(): Promise<KeyRecord[]>;
  /** @throws {UniqueViolation} where another node made this generation: then its key is the one that counts */
  insert(record: KeyRecord, also: readonly Step[]): Promise<void>;
  /** `false`: there is no such key, or it was revoked before. `also` is then not written. */
  revoke(kid: string, at: number, also: readonly Step[]): Promise<boolean>;
  remove(kid: string, also: readonly Step[]): Promise<boolean>;
}

interface KeyRow {
  kid: string;
  alg: string;
  generation: number;
  sealed: string;
  created_at: number;
  signs_at: number;
  revoked_at: number | null;
}

export function createSigningKeyStore(database: Database): SigningKeyStore {
  const { sql } = database;
  const table = () => sql('signing_keys');
  const told = changeNotice(database, 'signing_keys');
  return {
    async list() {
      const rows = await database.all<KeyRow>(table().select('*').orderBy(['alg', 'generation']));
      return rows.map(toRecord);
    },
    async insert(record, also) {
      await database.write([{ query: table().insert(toRow(record)) }, ...also, ...told]);
    },
    revoke: (kid, at, also) =>
      database.write([
        { query: table().where({ kid }).whereNull('revoked_at').update({ revoked_at: at }), guard: true },
        ...also,
        ...told,
      ]),
    remove: (kid, also) =>
      database.write([{ query: table().where({ kid }).delete(), guard: true }, ...also, ...told]),
  };
}

const toRow = ({ createdAt, signsAt, revokedAt, ...same }: KeyRecord): KeyRow => ({
  ...same,
  created_at: createdAt,
  signs_at: signsAt,
  revoked_at: revokedAt,
});

const toRecord = ({ created_at, signs_at, revoked_at, ...same }: KeyRow): KeyRecord => ({
  ...same,
  createdAt: created_at,
  signsAt: signs_at,
  revokedAt: revoked_at,
});
