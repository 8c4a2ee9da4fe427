import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type JWK, type JWTPayload, SignJWT } from 'jose';
import { PosternError } from '../platform/errors/errors.js';
import { fileVersion } from './file-version.js';
import { createFormerKeys, type Warns } from './former-keys.js';
import { generatedDserverKey, generatedPrivateFile, generatedPublicFile } from './generated-dserver-key.js';
import { type PublicHalf, publicHalf } from './public-half.js';
import { type Expected, verifyBy } from './verify-by.js';

/**
 * The dserver key: one key that signs dserver and permission-service tokens and nothing else.
 * The authorization server never has it, so no ID Token or access token is ever signed by it; JWKS only
 * publishes its public half. Consumers such as dserver hold that half as a PEM file. Public halves named beside
 * it are those of former keys (`former-keys.ts`), by which tokens are still verified.
 */
export interface DserverKey {
  readonly alg: DserverAlg;
  /**
   * A JWT (RFC 7519) with exactly these claims. `typ` tells the kinds apart (RFC 8725 §3.11); dserver tokens
   * are plain `JWT`.
   * @throws {KeyUnavailable}
   */
  sign(claims: JWTPayload, typ?: string): Promise<string>;
  /**
   * The claims of a plain `JWT` this key or a former one has signed, and of no other type. Issuer, audience and
   * times are judged as told; what else a token must be is its reader's to say. Throws where it is no such JWT.
   * @throws {KeyUnavailable}
   */
  verify(token: string, expected: Omit<Expected, 'typ'>): Promise<JWTPayload>;
  /**
   * The public keys that may have signed what names this `kid`: this one or a former one, or none; without a
   * `kid` all of them, this one first.
   * @throws {KeyUnavailable}
   */
  verifiers(kid: string | undefined): Promise<readonly KeyObject[]>;
  /** When the file of the private half was written (milliseconds); `undefined` where a setting holds it, or it is not there. */
  since(): Promise<number | undefined>;
  /** Of this key alone: its readers take one key. @throws {KeyUnavailable} */
  publicPem(): Promise<string>;
  /** With `kid`, `alg` and `use`. @throws {KeyUnavailable} */
  publicJwk(): Promise<JWK>;
  /**
   * For the key set, with former ones after it: none while it cannot be read, which must not take the other keys
   * from their readers.
   */
  published(): Promise<readonly JWK[]>;
}

/**
 * Whoever holds the public half may check times without any leeway (dserver does, by flask-jwt-extended's
 * default), so a token is dated back, its end with it, by more than clocks of one site differ.
 */
export const BACKDATED_SECONDS = 10;

export type DserverAlg =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA';

/** The key was named and cannot be read now. Nobody signs with another one meanwhile. */
export class KeyUnavailable extends PosternError {
  constructor(cause: unknown) {
    super(503, 'key_unavailable', 'Tokens cannot be made at the moment: the signing key cannot be read.', {
      cause,
    });
  }
}

/**
 * Where it is named: texts (PEM) before files. With no private half named, one is made in `keysDir`. A public
 * text or file may hold those of former keys too.
 */
export interface DserverKeySource {
  readonly privateText?: string | undefined;
  readonly privateFile?: string | undefined;
  readonly publicText?: string | undefined;
  readonly publicFile?: string | undefined;
  readonly keysDir: string;
}

interface Loaded {
  /** What the file was when it was read. */
  readonly version: string;
  readonly privateKey: KeyObject;
  readonly half: PublicHalf;
}

async function load(pem: string, alg: DserverAlg, version: string): Promise<Loaded> {
  const privateKey = createPrivateKey(pem);
  return { version, privateKey, half: await publicHalf(createPublicKey(privateKey), alg) };
}

function publicSource(
  { privateText, privateFile, publicText, publicFile, keysDir }: DserverKeySource,
  alg: DserverAlg,
) {
  const made = (privateText ?? privateFile ?? publicText ?? publicFile) === undefined;
  return { text: publicText, file: made ? generatedPublicFile(keysDir, alg) : publicFile };
}

const SILENT: Warns = { warn: () => undefined };

export function createDserverKey(source: DserverKeySource, alg: DserverAlg, log = SILENT): DserverKey {
  let kept: Loaded | undefined;
  const formerKeys = createFormerKeys(publicSource(source, alg), alg, log);

  /** A named file is looked at each time: one that was exchanged signs from then on, one that is gone does not. */
  async function read(): Promise<{ pem: () => Promise<string>; version: string }> {
    const { privateText, privateFile, publicText, publicFile } = source;
    if (privateText !== undefined) return { pem: async () => privateText, version: 'text' };
    if (privateFile === undefined && (publicText ?? publicFile) !== undefined) {
      throw new Error('only the public half of the key was named');
    }
    if (privateFile === undefined) {
      return { pem: () => generatedDserverKey(source.keysDir, alg), version: 'made' };
    }
    return { version: await fileVersion(privateFile), pem: () => readFile(privateFile, 'utf8') };
  }

  async function current(): Promise<Loaded> {
    try {
      const { pem, version } = await read();
      if (kept?.version !== version) kept = await load(await pem(), alg, version);
      return kept;
    } catch (cause) {
      throw new KeyUnavailable(cause);
    }
  }

  async function all(): Promise<readonly PublicHalf[]> {
    const { half } = await current();
    return [half, ...(await formerKeys(half))];
  }

  async function verifiers(kid: string | undefined): Promise<readonly KeyObject[]> {
    const { half } = await current();
    // What is signed now names its key, so the former ones are not looked at for it.
    if (kid === half.jwk.kid) return [half.key];
    const fitting = (await all()).filter(({ jwk }) => kid === undefined || jwk.kid === kid);
    return fitting.map(({ key }) => key);
  }

  return {
    alg,
    async sign(claims, typ = 'JWT') {
      const { privateKey, half } = await current();
      const header = { alg, typ, kid: half.jwk.kid };
      return new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
    },
    verify: (token, expected) => verifyBy({ alg, verifiers }, token, { ...expected, typ: 'JWT' }),
    verifiers,
    async since() {
      if (source.privateText !== undefined) return undefined;
      const file = source.privateFile ?? generatedPrivateFile(source.keysDir, alg);
      return stat(file).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      );
    },
    async publicPem() {
      return (await current()).half.key.export({ type: 'spki', format: 'pem' }).toString();
    },
    publicJwk: async () => (await current()).half.jwk,
    published: () =>
      all().then(
        (halves) => halves.map(({ jwk }) => jwk),
        () => [],
      ),
  };
}
