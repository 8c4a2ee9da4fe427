import { type FieldFault, InvalidInput } from '../platform/errors/errors.js';
import type { Draft } from './check.js';
import { type ClientMetadata, type ClientRecord, parseMetadata } from './client.js';
import type { Person } from './client-pages.js';
import { completeMetadata } from './complete-metadata.js';
import { quoted } from './quoted.js';
import type { Resources } from './resources.js';

/**
 * A program that acts for itself gets the scopes of an API with nobody being asked (RFC 6749 §4.4). Who may create
 * clients, or owns one, names none of them there that an administrator has not given it before.
 */
export interface MachineScopes {
  faultsOf(person: Person, draft: Draft, former?: ClientRecord): Promise<FieldFault[]>;
  /** @throws {InvalidInput} at `scope` */
  require(person: Person, draft: Draft, former?: ClientRecord): Promise<void>;
}

/** The scopes that it may ask for by itself. */
const ofItself = ({ scope = '', grant_types }: ClientMetadata): string[] =>
  grant_types.includes('client_credentials') ? scope.split(' ').filter(Boolean) : [];

interface Dependencies {
  readonly isAdmin: (person: Person) => boolean;
  readonly resources: Pick<Resources, 'list'>;
  /** What every server has: scopes of who is signed in. Any other name may be an API's one day. */
  readonly ownScopes: ReadonlySet<string>;
}

export function createMachineScopes({ isAdmin, resources, ownScopes }: Dependencies): MachineScopes {
  async function faultsOf(person: Person, draft: Draft, former?: ClientRecord): Promise<FieldFault[]> {
    if (isAdmin(person)) return [];
    const metadata = completeMetadata(parseMetadata(draft.metadata), draft.resourceServer ?? false);
    const given = new Set(former && ofItself(former.metadata));
    const added = ofItself(metadata).filter((scope) => !given.has(scope));
    if (added.length === 0) return [];
    const ofApis = new Set((await resources.list()).flatMap(({ scopes }) => scopes));
    const refused = added.filter((scope) => ofApis.has(scope) || !ownScopes.has(scope));
    if (refused.length === 0) return [];
    const message =
      `${refused.map(quoted).join(', ')}: for an API. Only an administrator gives it to a client that acts for ` +
      'itself (client_credentials).';
    return [{ field: 'scope', message }];
  }

  return {
    faultsOf,
    async require(person, draft, former) {
      const faults = await faultsOf(person, draft, former);
      if (faults.length > 0) throw new InvalidInput(faults);
    },
  };
}
