import { readFile } from 'node:fs/promises';
import { algFault } from '../platform/config/alg-fault.js';
import { readPublicKeys } from '../platform/config/public-key.js';
import { fileVersion } from './file-version.js';
import { type PublicHalf, publicHalf } from './public-half.js';

/** Where public halves are named: a text (PEM) before a file. */
export interface PublicSource {
  readonly text?: string | undefined;
  readonly file?: string | undefined;
}

/**
 * The keys that signed before this one: the public halves that are named beside its own. What they signed stays
 * good until it expires; they never sign. One that cannot be read or used is left out, and the log says so.
 * Never throws: nobody who holds a token of the key in use has to suffer for a former one.
 */
export type FormerKeys = (present: PublicHalf) => Promise<readonly PublicHalf[]>;

export interface Warns {
  warn(fields: object, message: string): void;
}

interface Read {
  readonly version: string;
  readonly halves: readonly PublicHalf[];
  readonly faults: readonly string[];
}

async function read(text: string, alg: string, version: string): Promise<Read> {
  const halves = new Map<string, PublicHalf>();
  const faults: string[] = [];
  for (const [index, found] of readPublicKeys(text).entries()) {
    const fault = 'key' in found ? algFault(alg, found.key) : found.fault;
    if (fault !== undefined) faults.push(`key ${index + 1} ${fault}`);
    else if ('key' in found) {
      const half = await publicHalf(found.key, alg);
      halves.set(half.jwk.kid, half);
    }
  }
  return { version, halves: [...halves.values()], faults };
}

function sourceOf({ text, file }: PublicSource) {
  if (text !== undefined) return { pem: async () => text, version: async () => 'text' };
  return file === undefined
    ? undefined
    : { pem: () => readFile(file, 'utf8'), version: () => fileVersion(file) };
}

export function createFormerKeys({ text, file }: PublicSource, alg: string, log: Warns): FormerKeys {
  const named = sourceOf({ text, file });
  let kept: Read | undefined;
  let told = '';

  /** Once for each new state of things, not for each token. */
  function tell(state: string, fields: object, message: string): void {
    if (state === told) return;
    told = state;
    if (state !== '') log.warn({ ...(text === undefined && { file }), ...fields }, message);
  }

  /** A file is looked at each time, as that of the private half is: a key taken from it is void at once. */
  async function current(from: NonNullable<typeof named>): Promise<Read> {
    const version = await from.version();
    if (kept?.version !== version) kept = await read(await from.pem(), alg, version);
    return kept;
  }

  return async (present) => {
    if (named === undefined) return [];
    try {
      const { version, halves, faults } = await current(named);
      const others = halves.filter(({ jwk }) => jwk.kid !== present.jwk.kid);
      // Whoever exchanges a stolen key and forgets the public half must not leave it good.
      const paired = others.length < halves.length;
      if (halves.length > 0 && !paired) {
        const message = 'the dserver key is not among its public keys: none of them counts as a former one';
        tell(`unpaired ${version}`, { faults }, message);
        return [];
      }
      const state = faults.length === 0 ? '' : `faults ${version}`;
      tell(state, { faults }, 'public keys beside the dserver key are left out');
      return others;
    } catch (err) {
      tell(
        'unreadable',
        { err },
        'the public keys beside the dserver key cannot be read: none counts as a former one',
      );
      return [];
    }
  };
}
