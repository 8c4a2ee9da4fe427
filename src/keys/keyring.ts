import { publicJwks } from './jwks.js';
import type { PrivateSigningKey } from './signing-keys.js';
import type { StoredKeys } from './stored-keys.js';

/** The keys this process signs with and publishes now. */
export interface Keyring {
  readonly keys: () => readonly PrivateSigningKey[];
  /** As published. */
  readonly publicKeys: () => ReturnType<typeof publicJwks>;
  /** Looks whether something changed; `onChange` has been called when it answers. */
  refresh(): Promise<void>;
  onChange(listener: (keys: readonly PrivateSigningKey[]) => void): void;
}

/** Sees first that there are keys to sign with. @param lostBy who withdraws those that cannot be opened */
export async function createKeyring(
  stored: Pick<StoredKeys, 'mark' | 'load' | 'publishedKids' | 'ensure' | 'revokeLost'>,
  lostBy?: string,
): Promise<Keyring> {
  if (lostBy !== undefined) await stored.revokeLost(lostBy);
  await stored.ensure();
  const listeners: ((keys: readonly PrivateSigningKey[]) => void)[] = [];
  // Read before the keys: a change that comes between is seen at the next look.
  let mark = await stored.mark();
  let keys = await stored.load();
  let looking = Promise.resolve();

  async function look(): Promise<void> {
    const seen = await stored.mark();
    if (seen === mark) return;
    try {
      use(await stored.load());
      mark = seen;
    } catch (error) {
      await dropWithdrawn();
      throw error;
    }
  }

  /** What else changed cannot be followed yet; what was withdrawn has to go all the same. */
  async function dropWithdrawn(): Promise<void> {
    const kids = await stored.publishedKids();
    const left = keys.filter(({ kid }) => kids.has(kid));
    if (left.length < keys.length) use(left);
  }

  function use(those: readonly PrivateSigningKey[]): void {
    keys = those;
    for (const listener of listeners) listener(keys);
  }

  return {
    keys: () => keys,
    publicKeys: () => publicJwks(keys),
    onChange: (listener) => void listeners.push(listener),
    refresh() {
      // One after the other: of two that overlap the earlier might end last and bring a revoked key back.
      const turn = looking.then(look);
      looking = turn.catch(() => {});
      return turn;
    },
  };
}
