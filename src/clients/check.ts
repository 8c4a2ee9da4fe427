import { canParse } from '../platform/net/can-parse.js';
import { type FieldFault, InvalidInput } from '../platform/errors/errors.js';
import { type ClientMetadata, type ClientOptions, parseMetadata } from './client.js';
import { completeMetadata } from './complete-metadata.js';
import { metadataFaults } from './metadata-rules.js';
import { quoted } from './quoted.js';
import { isLoopbackHttp } from './redirect-uris.js';
import type { ServerRules } from './server-rules.js';

/** A client as somebody asks for it, new or changed. */
export interface Draft {
  /** RFC 7591 members; unknown ones are ignored, never stored. */
  readonly metadata: unknown;
  readonly options?: ClientOptions;
  readonly resourceServer?: boolean;
}

const MAX_ORIGINS = 20;

/** The rules of this server, the library's still to be asked. @throws {InvalidInput} field by field */
export function checkedMetadata(draft: Draft, rules: ServerRules): ClientMetadata {
  const resourceServer = draft.resourceServer ?? false;
  const metadata = completeMetadata(parseMetadata(draft.metadata), resourceServer);
  const faults = [
    ...metadataFaults(metadata, rules, { resourceServer }),
    ...originFaults(draft.options?.allowedOrigins ?? [], metadata),
  ];
  if (faults.length > 0) throw new InvalidInput(faults);
  return metadata;
}

function originFaults(origins: readonly string[], metadata: ClientMetadata): FieldFault[] {
  const fault = (message: string): FieldFault => ({ field: 'allowed_origins', message });
  if (origins.length === 0) return [];
  if (origins.length > MAX_ORIGINS) return [fault(`Name at most ${MAX_ORIGINS} origins.`)];
  if (metadata.token_endpoint_auth_method !== 'none') {
    return [fault('Only browser clients (method none) are called from pages; leave the origins out.')];
  }
  return origins.flatMap((origin) => {
    const wrong = originFault(origin);
    return wrong === undefined ? [] : [fault(`${quoted(origin)} ${wrong}`)];
  });
}

function originFault(origin: string): string | undefined {
  if (origin.includes('*')) return 'holds a wildcard; write out each origin.';
  if (!/^https?:\/\//.test(origin) || !canParse(origin)) {
    return 'is not an origin; it must look like https://app.example.';
  }
  const plain = new URL(origin).origin;
  if (plain !== origin) return `must be the origin alone: ${plain}.`;
  return origin.startsWith('https:') || isLoopbackHttp(origin) ? undefined : 'must use https.';
}
