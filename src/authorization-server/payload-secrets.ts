import { createHmac } from 'node:crypto';
import type { AdapterPayload } from 'oidc-provider';
import type { SealedPlace, SealedRows } from '../platform/crypto/rekey.js';
import {
  createSecretBox,
  openWith,
  purposeKey,
  type SecretBox,
  sealWith,
} from '../platform/crypto/secret-box.js';

/**
 * Which members of the library's payloads are bearer values, and how they leave the payload before it is
 * stored. An id comes back only for rows found by another key (Session by uid, DeviceCode by user code).
 */

/** Stands in `returnTo` for the interaction's raw uid, which is the value of two cookies. */
const UID_PLACEHOLDER = '{uid}';

interface Stripped {
  readonly payload: AdapterPayload;
  /** Members that must come back, `undefined` where there are none. */
  readonly secret: AdapterPayload | undefined;
}

function stripSession(payload: AdapterPayload): Stripped {
  // `state` holds a form secret and, while accounts are switched, the address of the pending interaction.
  const { jti, state, ...rest } = payload;
  return { payload: rest, secret: { jti, state } };
}

function stripDeviceCode(payload: AdapterPayload): Stripped {
  const { jti, userCode, params, ...rest } = payload;
  // It may name an ID Token as hint.
  return { payload: rest, secret: { jti, userCode, params } };
}

function stripInteraction(payload: AdapterPayload): Stripped {
  const { jti, returnTo, session, deviceCode, parJti, params, prompt, ...rest } = payload;
  // Nothing reads `session.cookie`, the raw session id, nor a request_uri once it has been loaded.
  const { cookie: _cookie, ...keptSession } = (session ?? {}) as Record<string, unknown>;
  const { request_uri: _uri, ...keptParams } = (params ?? {}) as Record<string, unknown>;
  const { id_token_hint: hint, ...plainParams } = keptParams;
  // The prompt repeats the hint among its details, for pages; ours do not read it.
  const { id_token_hint: _hint, ...details } = (prompt?.details ?? {}) as Record<string, unknown>;
  const secret = {
    ...(deviceCode ? { deviceCode } : {}),
    ...(parJti ? { parJti } : {}),
    ...(hint ? { params: keptParams } : {}),
  };
  return {
    payload: {
      ...rest,
      params: plainParams,
      ...(prompt ? { prompt: { ...prompt, details } } : {}),
      ...(session ? { session: keptSession as AdapterPayload['session'] } : {}),
      ...(returnTo ? { returnTo: returnTo.replaceAll(String(jti), UID_PLACEHOLDER) } : {}),
    },
    secret: Object.keys(secret).length > 0 ? secret : undefined,
  };
}

/** A pushed request is a whole authorization request, with the ID Token it may hint with. */
function stripPushedRequest(payload: AdapterPayload): Stripped {
  const { jti: _jti, request, ...rest } = payload;
  return { payload: rest, secret: { request } };
}

/** Of every other kind only the id is a bearer value. */
const STRIPPERS: ReadonlyMap<string, (payload: AdapterPayload) => Stripped> = new Map([
  ['Session', stripSession],
  ['DeviceCode', stripDeviceCode],
  ['Interaction', stripInteraction],
  ['PushedAuthorizationRequest', stripPushedRequest],
]);

export interface PayloadSecrets {
  /** The JSON to store and what is sealed beside it; `key` binds the seal to its row, `id` is the raw id. */
  close(
    kind: string,
    key: string,
    payload: AdapterPayload,
    id: string,
  ): { payload: string; sealed: string | null };
  /** The payload as the library gave it. `id` is the raw id where the caller knows it. */
  restore(
    kind: string,
    row: { key: string; payload: string; sealed: string | null },
    id: string | undefined,
  ): AdapterPayload | undefined;
}

function withoutId({ jti: _jti, ...rest }: AdapterPayload): string {
  return JSON.stringify(rest);
}

const contextOf = (kind: string, key: string): string => `${kind}:${key}`;

/** For sealing them again. @param rows by `key` and `kind` */
export const sealedPayloads = (rows: SealedRows, secrets: readonly string[]): SealedPlace => ({
  name: 'sessions and requests under way',
  rows,
  box: createSecretBox(secrets, 'payload'),
  contextOf: ({ key = '', kind = '' }) => contextOf(kind, key),
});
/** Opening costs more than the read: a session is looked up by every request with a token bound to it. */
const KEPT_OPEN = 1000;

/** @param box purpose `payload` */
export function createPayloadSecrets(box: SecretBox): PayloadSecrets {
  const opened = new Map<string, { readonly context: string; readonly secret: string }>();

  /** A seal is never written twice, so what it held stays true. */
  function open(sealed: string, context: string): string | undefined {
    const known = opened.get(sealed);
    if (known?.context === context) return known.secret;
    const secret = box.open(sealed, context);
    if (secret === undefined) return undefined;
    const [oldest] = opened.keys();
    if (opened.size >= KEPT_OPEN && oldest !== undefined) opened.delete(oldest);
    opened.set(sealed, { context, secret });
    return secret;
  }

  return {
    close(kind, key, payload, id) {
      const strip = STRIPPERS.get(kind);
      if (strip === undefined) return { payload: withoutId(payload), sealed: null };
      const stripped = strip({ ...payload, jti: id });
      const sealed = stripped.secret && box.seal(JSON.stringify(stripped.secret), contextOf(kind, key));
      return { payload: JSON.stringify(stripped.payload), sealed: sealed ?? null };
    },
    restore(kind, row, id) {
      const payload = JSON.parse(row.payload) as AdapterPayload;
      if (row.sealed !== null) {
        const secret = open(row.sealed, contextOf(kind, row.key));
        if (secret === undefined) return undefined;
        Object.assign(payload, JSON.parse(secret));
      }
      if (id !== undefined) {
        payload.jti = id;
        if (payload.returnTo) payload.returnTo = payload.returnTo.replaceAll(UID_PLACEHOLDER, id);
      }
      return payload;
    },
  };
}

/**
 * The winner's answer to a refresh, sealed under a key that only the presented refresh token yields: the
 * database alone cannot open it. Whatever binds the answer is authenticated, so a repeat by another
 * client, for another scope, resource or DPoP key simply does not open it.
 */
export interface RefreshAnswers {
  seal(refreshToken: string, binding: readonly string[], body: string): string;
  open(refreshToken: string, binding: readonly string[], sealed: string): string | undefined;
}

export function createRefreshAnswers(secrets: readonly string[]): RefreshAnswers {
  const keys = secrets.map((secret) => purposeKey(secret, 'refresh-answer'));
  const derive = (key: Buffer, token: string) => createHmac('sha256', key).update(token).digest();
  return {
    seal: (token, binding, body) => sealWith(derive(keys[0] as Buffer, token), body, JSON.stringify(binding)),
    open(token, binding, sealed) {
      for (const key of keys) {
        const body = openWith(derive(key, token), sealed, JSON.stringify(binding));
        if (body !== undefined) return body;
      }
      return undefined;
    },
  };
}
