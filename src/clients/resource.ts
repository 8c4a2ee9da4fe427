import { z } from 'zod';
import { canParse } from '../platform/net/can-parse.js';
import { type FieldFault, InvalidInput } from '../platform/errors/errors.js';
import { quoted } from './quoted.js';

/** A resource (RFC 8707) tokens can be asked for. */
export interface Resource {
  readonly identifier: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly tokenFormat: 'opaque' | 'jwt';
  /** JWTs only. */
  readonly signingAlg?: 'RS256' | 'PS256' | 'ES256' | 'EdDSA';
  /** Absent: as the server's access tokens. */
  readonly lifetimeSeconds?: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type ResourceSettings = Omit<Resource, 'createdAt' | 'updatedAt'>;

const MIN_LIFETIME = 30;
const MAX_LIFETIME = 30 * 24 * 3600;
/** Their meaning is the authorization server's own. */
const RESERVED = new Set(['openid', 'offline_access']);

const resourceSchema = z.object({
  identifier: z
    .string()
    .max(500, 'The identifier is longer than 500 characters.')
    .superRefine((value, context) => {
      const wrong = identifierFault(value);
      if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong });
    }),
  name: z
    .string()
    .max(100, 'The name is longer than 100 characters.')
    .regex(/^[^\p{Cc}\p{Cf}]*$/u, 'The name holds invisible characters.')
    .optional(),
  scopes: z.array(z.string().superRefine(checkScope)).max(100).default([]),
  token_format: z.enum(['opaque', 'jwt'], 'Use opaque or jwt.').default('jwt'),
  signing_alg: z.enum(['RS256', 'PS256', 'ES256', 'EdDSA'], 'Use RS256, PS256, ES256 or EdDSA.').optional(),
  lifetime_seconds: z
    .int('The lifetime is a whole number of seconds.')
    .min(MIN_LIFETIME, `The lifetime is at least ${MIN_LIFETIME} seconds.`)
    .max(MAX_LIFETIME, `The lifetime is at most ${MAX_LIFETIME} seconds (30 days).`)
    .optional(),
});

function checkScope(scope: string, context: z.RefinementCtx): void {
  const wrong = !/^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+$/.test(scope)
    ? `${quoted(scope)} is not a scope name.`
    : RESERVED.has(scope)
      ? `${quoted(scope)} cannot be a scope of a resource.`
      : undefined;
  if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong });
}

/** RFC 8707 §2: "an absolute URI", "MUST NOT include a fragment component". */
function identifierFault(value: string): string | undefined {
  if (/[^\x21-\x7e]|[\\"<>^`{|}]/.test(value)) return 'The identifier holds a character no URI may hold.';
  if (value.includes('#')) return 'The identifier must not have a fragment (#…).';
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(value)?.[1]?.toLowerCase();
  if (!canParse(value) || scheme === undefined || !['https', 'http', 'urn'].includes(scheme)) {
    return 'The identifier must be an absolute URI, such as https://api.example.';
  }
  const { username, password } = new URL(value);
  return username === '' && password === ''
    ? undefined
    : 'The identifier must not hold a user name or password.';
}

/** @throws {InvalidInput} field by field */
export function parseResource(input: unknown): ResourceSettings {
  const parsed = resourceSchema.safeParse(input);
  if (!parsed.success) throw new InvalidInput(parsed.error.issues.map(toFault));
  const {
    identifier,
    name,
    scopes,
    token_format: tokenFormat,
    signing_alg: alg,
    lifetime_seconds,
  } = parsed.data;
  if (tokenFormat === 'opaque' && alg !== undefined) {
    throw new InvalidInput([
      { field: 'signing_alg', message: 'Opaque tokens are not signed; leave it out.' },
    ]);
  }
  return {
    identifier,
    name: name ?? identifier,
    scopes: [...new Set(scopes)],
    tokenFormat,
    ...(tokenFormat === 'jwt' ? { signingAlg: alg ?? 'RS256' } : {}),
    ...(lifetime_seconds === undefined ? {} : { lifetimeSeconds: lifetime_seconds }),
  };
}

const toFault = (issue: { path: PropertyKey[]; message: string }): FieldFault => ({
  field: String(issue.path[0] ?? 'resource'),
  message: issue.message,
});
