/**
 * What dserver does with a token (flask-jwt-extended over PyJWT, as dserver configures it), written from its
 * rules: RS256 only, a static PEM, no look at `aud` and `iss`, times without leeway, `sub` a text.
 */
import { createPublicKey, verify } from 'node:crypto';

export class FlaskRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const json = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));

/** The user name dserver looks up. @throws {FlaskRefusal} with the status dserver answers */
export function acceptedByDserver(token: string, pem: string, nowMs: number): string {
  const parts = token.split('.');
  const [head = '', body = '', signature = ''] = parts;
  if (parts.length !== 3) throw new FlaskRefusal(422, 'Not enough segments');
  if (json(head).alg !== 'RS256') throw new FlaskRefusal(422, 'The specified alg value is not allowed');
  const signed = verify(
    'sha256',
    Buffer.from(`${head}.${body}`),
    createPublicKey(pem),
    Buffer.from(signature, 'base64url'),
  );
  if (!signed) throw new FlaskRefusal(422, 'Signature verification failed');
  const { exp, nbf, iat, sub, type, jti } = json(body);
  const now = nowMs / 1000;
  if (exp !== undefined && Number(exp) <= now) throw new FlaskRefusal(401, 'Token has expired');
  if (nbf !== undefined && Number(nbf) > now) throw new FlaskRefusal(422, 'The token is not yet valid (nbf)');
  if (iat !== undefined && Number(iat) > now) throw new FlaskRefusal(422, 'The token is not yet valid (iat)');
  if (typeof sub !== 'string') throw new FlaskRefusal(422, 'Subject must be a string');
  if (jti !== undefined && typeof jti !== 'string') throw new FlaskRefusal(422, 'JWT ID must be a string');
  if (type !== undefined && type !== 'access')
    throw new FlaskRefusal(422, 'Only non-refresh tokens are allowed');
  return sub;
}
