/**
 * What an OIDC upstream publishes about itself: its discovery document (OIDC Discovery §4) and its keys.
 * Both are fetched when first needed, so that an upstream that is down does not keep this server from starting.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../platform/crypto/clock.js';
import { UpstreamError } from '../../platform/errors/errors.js';
import type { GuardedFetch } from '../../platform/net/guarded-fetch.js';
import type { Upstream } from '../upstream.js';
import { createCachedDocument } from './cached-document.js';
import { faultOfFetch, invalid, unreachable } from './upstream-fetch.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const RULES = {
  metadata: { freshMs: HOUR, pauseMs: 30_000, emptyPauseMs: 2_000, keepMs: 7 * 24 * HOUR },
  keys: { freshMs: 10 * MINUTE, pauseMs: 30_000, emptyPauseMs: 2_000, keepMs: 24 * HOUR },
};

const address = z.url({ protocol: /^https?$/ });

/** The members that are used; the rest of the document passes by. */
const schema = z.object({
  issuer: z.string().min(1),
  authorization_endpoint: address,
  token_endpoint: address,
  jwks_uri: address,
  userinfo_endpoint: address.optional(),
  end_session_endpoint: address.optional(),
  revocation_endpoint: address.optional(),
  token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
});

export type UpstreamMetadata = z.output<typeof schema>;

export interface Published {
  /** @throws {UpstreamError} */
  metadata(): Promise<UpstreamMetadata>;
  /** The key of a signature, for `jose`. An unknown one is looked for anew, at most every 30 seconds. */
  readonly key: JWTVerifyGetKey;
}

/** For comparing issuers, of which one may have been told by an address alone. */
export const withoutSlash = (text: string): string => text.replace(/\/$/, '');

function checkedMetadata(upstream: Upstream, document: unknown): UpstreamMetadata {
  const parsed = schema.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(upstream, `discovery: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { endpoints } = upstream;
  const metadata = parsed.data;
  // Another's document would let it speak for this issuer (mix-up). A last slash is all that may differ,
  // because the issuer may have been told by the document's address alone.
  if (withoutSlash(metadata.issuer) !== withoutSlash(upstream.issuer)) {
    throw invalid(upstream, `discovery names the issuer ${metadata.issuer}, not ${upstream.issuer}`);
  }
  const { authorization, token, userinfo, endSession, revocation } = endpoints;
  const all = {
    ...metadata,
    ...(authorization && { authorization_endpoint: authorization }),
    ...(token && { token_endpoint: token }),
    ...(userinfo && { userinfo_endpoint: userinfo }),
    ...(endSession && { end_session_endpoint: endSession }),
    ...(revocation && { revocation_endpoint: revocation }),
  };
  const plain = Object.entries(all).find(([, value]) => /^http:/i.test(String(value)));
  if (plain !== undefined && !isInsecure(upstream))
    throw invalid(upstream, `discovery: ${plain[0]} is not https`);
  return all;
}

/** Configured with http, which goes to opened networks alone (`guarded-fetch.ts`). */
export const isInsecure = ({ metadataUrl }: Upstream): boolean => metadataUrl?.startsWith('http:') ?? false;

/** @param send not through the upstream's circuit: what is kept goes on serving, and has pauses of its own */
export function createPublished(upstream: Upstream, send: GuardedFetch, clock: Clock): Published {
  async function json(url: string): Promise<unknown> {
    const response = await send(url, { headers: { accept: 'application/json' } }).catch((error: unknown) => {
      throw faultOfFetch(upstream, error);
    });
    if (response.status !== 200) throw unreachable(upstream, `${url} answered ${response.status}`);
    return response.json().catch((error: unknown) => {
      throw invalid(upstream, `${url} is not JSON`, error);
    });
  }

  const metadata = createCachedDocument(
    async () => {
      if (upstream.metadataUrl === undefined) {
        throw new UpstreamError('not_configured', `${upstream.title} is not set up.`, { status: 500 });
      }
      return checkedMetadata(upstream, await json(upstream.metadataUrl));
    },
    clock,
    RULES.metadata,
  );
  const keys = createCachedDocument(
    async () => {
      const { jwks_uri } = await metadata.get();
      try {
        return createLocalJWKSet((await json(jwks_uri)) as JSONWebKeySet);
      } catch (error) {
        if (error instanceof errors.JOSEError) throw invalid(upstream, `${jwks_uri} is no key set`, error);
        throw error;
      }
    },
    clock,
    RULES.keys,
  );

  return {
    metadata: () => metadata.get(),
    async key(header, token) {
      const known = await keys.get();
      try {
        return await known(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        const newest = await keys.newest();
        if (newest === known) throw error;
        return newest(header, token);
      }
    },
  };
}
