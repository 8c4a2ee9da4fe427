/**
 * The ledger of the drills: what the server promised by an answer, written down when the answer is there and
 * before the next request goes out. After the fault it is held against the server.
 *
 * What was asked and never answered may have happened or not: such things are in no column.
 */
export interface Ledger {
  /** An answer brought this token. `family`: what is revoked together (the grant of its code). */
  gave(token: string, family?: string): void;
  /** A one-time thing is about to be used. Until `took`, nobody can say whether it was. */
  using(thing: string): void;
  /** Its use was answered with `gain`. */
  took(thing: string, gain: string): void;
  /** About to be revoked. With `family`, everything given of it. */
  revoking(token: string, family?: string): void;
  /** The revocation was answered. */
  revoked(token: string, family?: string): void;
  readonly counts: { readonly given: number; readonly revoked: number; readonly used: number };
  /** Holds it against the server. */
  check(server: Checked): Promise<Verdict>;
  /** What must hold at this moment; later entries do not change it. */
  snapshot(): Ledger;
  /** What held at this moment and still holds in a later one: all that is certain of any moment in between. */
  heldUntil(later: Ledger): Ledger;
  stateOf(token: string): State | undefined;
}

export interface Checked {
  isActive(token: string): Promise<boolean>;
  /** Uses a one-time thing again, answering what was got. Destructive (a replay ends a family), so done last. */
  useAgain?(thing: string): Promise<string | undefined>;
}

export interface Verdict {
  readonly checked: number;
  /** Given and never revoked, but dead. */
  readonly lost: number;
  /** Revoked or used, but alive. */
  readonly resurrected: number;
  /** One-time things that worked twice. */
  readonly doubled: number;
}

export const SOUND = { lost: 0, resurrected: 0, doubled: 0 };

export type State = 'live' | 'dead' | 'unknown';

interface Entry {
  state: State;
  readonly family: string | undefined;
}

interface Use {
  gains: Set<string>;
  answered: boolean;
}

export function createLedger(tokens = new Map<string, Entry>(), uses = new Map<string, Use>()): Ledger {
  const set = (token: string, state: State) => {
    const entry = tokens.get(token);
    // What is dead stays dead, whatever is answered afterwards.
    if (entry === undefined) tokens.set(token, { state, family: undefined });
    else if (entry.state !== 'dead') entry.state = state;
  };
  const setAll = (token: string, family: string | undefined, state: State) => {
    set(token, state);
    if (family === undefined) return;
    for (const [other, entry] of tokens) if (entry.family === family) set(other, state);
  };
  const inState = (state: State) => [...tokens].filter(([, entry]) => entry.state === state);
  const used = () => [...uses].filter(([, { answered }]) => answered);

  const copy = (keep: (token: string) => boolean): Ledger =>
    createLedger(
      new Map([...tokens].filter(([token]) => keep(token)).map(([token, entry]) => [token, { ...entry }])),
      new Map([...uses].map(([thing, use]) => [thing, { ...use, gains: new Set(use.gains) }])),
    );

  return {
    gave(token, family) {
      if (!tokens.has(token)) tokens.set(token, { state: 'live', family });
    },
    using(thing) {
      if (!uses.has(thing)) uses.set(thing, { gains: new Set(), answered: false });
      if (tokens.has(thing)) set(thing, 'unknown');
    },
    took(thing, gain) {
      const use = uses.get(thing) ?? { gains: new Set(), answered: false };
      use.gains.add(gain);
      use.answered = true;
      uses.set(thing, use);
      if (tokens.has(thing)) set(thing, 'dead');
    },
    revoking: (token, family) => setAll(token, family, 'unknown'),
    revoked: (token, family) => setAll(token, family, 'dead'),
    get counts() {
      return { given: inState('live').length, revoked: inState('dead').length, used: used().length };
    },
    async check({ isActive, useAgain }) {
      let [lost, resurrected, doubled] = [0, 0, 0];
      const [live, dead] = [inState('live'), inState('dead')];
      await eightAtOnce(live, async ([token]) => {
        if (!(await isActive(token))) lost += 1;
      });
      await eightAtOnce(dead, async ([token]) => {
        if (await isActive(token)) resurrected += 1;
      });
      for (const [thing, { gains }] of used()) {
        const again = tokens.has(thing) ? undefined : await useAgain?.(thing);
        if (again !== undefined) gains.add(again);
        if (gains.size > 1) doubled += 1;
      }
      return { checked: live.length + dead.length + used().length, lost, resurrected, doubled };
    },
    snapshot: () => copy(() => true),
    heldUntil: (later) => copy((token) => later.stateOf(token) === tokens.get(token)?.state),
    stateOf: (token) => tokens.get(token)?.state,
  };
}

async function eightAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}
