import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import type { Clock } from '../platform/crypto/clock.js';
import { sha256 } from '../platform/crypto/ids.js';
import type { SecretBox } from '../platform/crypto/secret-box.js';
import { type MaybeLater, whenThere } from '../platform/database/maybe-later.js';
import type { Company, PayloadRow, PayloadStore, StoredPayload } from '../stores/payload-store.js';
import { isWithin, SameAnswer } from './grant-unit.js';
import type { PayloadSecrets } from './payload-secrets.js';
import { newUnit, type ReadSession, type UnitsOfWork } from './unit-of-work.js';

/**
 * Translates between the library's adapter contract and the payload store. Ids are bearer values: rows are
 * keyed by their hash. Decisions live elsewhere: what is sealed in `payload-secrets.ts`, what is written
 * together in `unit-of-work.ts` and `grant-unit.ts`.
 */
interface Dependencies {
  readonly store: PayloadStore;
  readonly units: UnitsOfWork;
  readonly secrets: PayloadSecrets;
  /** Purpose `user-code`: user codes are short, so they are looked up by HMAC. */
  readonly userCodes: SecretBox;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly grace: number;
}

/** Who lost a one-time object outside a grant handler gets the error of its kind. */
function alreadyUsed(kind: string): Error {
  return kind === 'PushedAuthorizationRequest'
    ? new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used')
    : new errors.InvalidGrant(`${kind} already used`);
}

/** A session that a request leaves as it was is saved again only so long after the last time. */
const lazyFor = (expiresIn: number): number => Math.min(60 * 60_000, expiresIn * 100);

/** `ReadSession.content`: how long it lasts is compared apart, and by its id it was found. */
const contentOf = ({ exp: _exp, iat: _iat, kind: _kind, jti: _jti, ...rest }: AdapterPayload): string =>
  JSON.stringify(rest);

const inOrder = (content: string): string =>
  JSON.stringify(Object.entries(JSON.parse(content)).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The library may say the same in another order; as a rule it does not. */
const saysTheSame = (content: string, before: string): boolean =>
  content === before || inOrder(content) === inOrder(before);

const entriesOf = (payload: AdapterPayload) =>
  Object.entries((payload.authorizations ?? {}) as Record<string, unknown>);

/** Notes of clients are compared only while they are of one session and account. */
const ownerOf = ({ uid, accountId }: AdapterPayload): string => JSON.stringify([uid, accountId]);

/**
 * Without the notes that this request found and left as they were: the store has them, perhaps newer ones
 * by now, and unites what it has with what is written.
 */
function withOwnChanges(payload: AdapterPayload, before: ReadSession | undefined): AdapterPayload {
  if (!payload.authorizations || !before) return payload;
  const found = JSON.parse(before.content) as AdapterPayload;
  if (ownerOf(found) !== ownerOf(payload)) return payload;
  const known = new Map(entriesOf(found).map(([clientId, entry]) => [clientId, JSON.stringify(entry)]));
  const changed = entriesOf(payload).filter(
    ([clientId, entry]) => known.get(clientId) !== JSON.stringify(entry),
  );
  return { ...payload, authorizations: Object.fromEntries(changed) as AdapterPayload['authorizations'] };
}

/** Its id was renewed: only requests that were under way may find it. */
const isRetired = ({ kind, consumedAt }: StoredPayload) => kind === 'Session' && consumedAt !== null;

/** The same id is asked for several times in a row: by each kind of token it may be, and when it is used up. */
function createKeys(): (id: string) => string {
  let last: { readonly id: string; readonly key: string } | undefined;
  return (id) => {
    if (last?.id !== id) last = { id, key: sha256(id) };
    return last.key;
  };
}

const orNull = <T>(value: T | undefined): T | null => value ?? null;

export function createAdapterFactory(deps: Dependencies): (kind: string) => Adapter {
  const { store, units, secrets, userCodes, clock, grace } = deps;
  const keyOf = createKeys();
  const grantKeyOf = createKeys();
  function toRow(
    kind: string,
    id: string,
    payload: AdapterPayload,
    expiresIn: number | undefined,
  ): PayloadRow {
    const key = keyOf(id);
    return {
      key,
      kind,
      grantKey: payload.grantId && kind !== 'Interaction' ? grantKeyOf(payload.grantId) : null,
      sessionUid: orNull(kind === 'Session' ? payload.uid : payload.sessionUid),
      userCode: payload.userCode ? userCodes.name(payload.userCode) : null,
      accountId: orNull(payload.accountId),
      clientId: orNull(payload.clientId),
      expiresAt: expiresIn === undefined ? null : clock.now() + expiresIn * 1000,
      ...secrets.close(kind, key, payload, id),
    };
  }

  /** Whether this row's earlier answer may be given again instead of "already used". */
  function answerable(row: StoredPayload): boolean {
    const inGrace = row.answer !== null && isWithin(clock.now() - (row.consumedAt ?? 0), grace);
    return row.kind === 'RefreshToken' && inGrace && units.current()?.grant !== undefined;
  }

  function live(kind: string, row: StoredPayload | undefined, id?: string): AdapterPayload | undefined {
    if (!row || row.kind !== kind || row.revokedAt !== null) return undefined;
    const payload = secrets.restore(kind, row, id);
    if (isRetired(row)) return (row.expiresAt ?? 0) > clock.now() ? payload : undefined;
    if (payload && row.consumedAt !== null) {
      if (answerable(row)) units.current()?.answered.push(row.key);
      else {
        payload.consumed = Math.floor(row.consumedAt / 1000);
        // The library asks first whether it has expired; but a late replay, too, must end the grant.
        if (units.current()?.grant) payload.exp = Math.floor(clock.now() / 1000) + 60;
      }
    }
    return payload;
  }

  /** What was read along with a token is good for one question: whoever asks again wants to know anew. */
  function alongWith(
    which: keyof Company,
    isAsked: (row: StoredPayload) => boolean,
  ): StoredPayload | undefined {
    const writes = units.current();
    const row = writes?.company[which];
    if (!writes || !row || !isAsked(row)) return undefined;
    writes.company = { ...writes.company, [which]: undefined };
    return row;
  }

  function noteCompany(row: StoredPayload | undefined): StoredPayload | undefined {
    const writes = row?.company && units.current();
    if (writes) writes.company = row.company;
    return row;
  }

  const read = (key: string): MaybeLater<StoredPayload | undefined> =>
    whenThere(
      units.reading(() => store.find(key)),
      noteCompany,
    );

  function rememberSession(row: StoredPayload | undefined, payload: AdapterPayload | undefined): void {
    const writes = units.current();
    if (!writes || !row || !payload || row.kind !== 'Session') return;
    writes.session = {
      key: row.key,
      content: contentOf(payload),
      expiresAt: row.expiresAt ?? 0,
      retired: isRetired(row),
    };
  }

  /**
   * Makes the unit conditional on a living Grant, also where the tokens themselves are not stored (JWTs).
   */
  function requireLife(grantKey: string): void {
    const grant = units.current()?.grant;
    if (grant) grant.alive = grantKey;
  }

  /**
   * The library saves the session of every request whole. Where nothing changed, that would only cost a
   * commit; a retired one is not prolonged either.
   */
  function isIdle(key: string, payload: AdapterPayload, expiresIn = 0): boolean {
    const writes = units.current();
    const before = writes?.session;
    if (before?.key !== key || !saysTheSame(contentOf(payload), before.content)) return false;
    if (before.retired) return true;
    const longer = clock.now() + expiresIn * 1000 - before.expiresAt;
    return longer < lazyFor(expiresIn) && !writes?.plain.put.has(key);
  }

  return (kind) => ({
    async find(id) {
      const key = keyOf(id);
      return whenThere(alongWith('grant', (grant) => grant.key === key) ?? read(key), (row) => {
        const payload = live(kind, row, id);
        rememberSession(row, payload);
        if (payload && row?.grantKey) requireLife(row.grantKey);
        return payload;
      });
    },
    async findByUid(uid) {
      const known = alongWith('session', (session) => session.sessionUid === uid);
      const found = known ?? units.reading(() => store.findSessionByUid(uid));
      return whenThere(found, (row) => live(kind, row));
    },
    async findByUserCode(userCode) {
      return live(kind, await units.reading(() => store.findByUserCode(userCodes.names(userCode))));
    },
    async upsert(id, payload, expiresIn) {
      const session = kind === 'Session';
      if (session && isIdle(keyOf(id), payload, expiresIn)) return;
      const written = session ? withOwnChanges(payload, units.current()?.session) : payload;
      const row = toRow(kind, id, written, expiresIn);
      await units.write((unit) => {
        if (row.grantKey !== null && !unit.put.has(row.grantKey)) requireLife(row.grantKey);
        unit.put.set(row.key, row);
      });
    },
    async consume(id) {
      const key = keyOf(id);
      const writes = units.current();
      if (writes?.answered.includes(key)) throw new SameAnswer();
      if (writes?.grant) {
        writes.grant.use = { key };
        return;
      }
      // At once: the library must still be able to render the loser's error.
      const outcome = await store.apply({ ...newUnit(), use: { key } });
      if (outcome !== 'ok') throw alreadyUsed(kind);
    },
    async destroy(id) {
      const key = keyOf(id);
      // A grant handler destroys tokens only of a grant that it revokes: the tombstone does both.
      if (kind !== 'Grant' && units.current()?.grant) return;
      await units.write((unit) => {
        if (kind === 'Grant') unit.kill.add(key);
        // Its id was renewed; signing out ends it by its uid (`session-rules.ts`).
        else if (kind === 'Session') {
          unit.put.delete(key);
          unit.retire.add(key);
        } else unit.put.set(key, null);
      });
    },
    async revokeByGrantId(grantId) {
      await units.write((unit) => void unit.kill.add(grantKeyOf(grantId)));
    },
  });
}
