import type { JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../platform/crypto/clock.js';
import type { LogoutToken } from '../connector.js';
import { type Expected, verifySigned } from './signed-token.js';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Seconds. One that is older says nothing about now, and need not be remembered against replay. */
const MAX_AGE = 300;

/** OIDC Back-Channel Logout §2.4. */
const schema = z
  .object({
    iss: z.string(),
    iat: z.number(),
    jti: z.string().min(1).max(255),
    sub: z.string().min(1).max(255).optional(),
    sid: z.string().min(1).max(255).optional(),
    events: z.looseObject({ [EVENT]: z.looseObject({}) }),
    // An ID Token must not pass for one.
    nonce: z.undefined().optional(),
  })
  .refine(({ sub, sid }) => sub !== undefined || sid !== undefined, 'names neither a person nor a session');

/** @throws a `JOSEError` or `ZodError` where it is none, is old, or is not for us */
export async function readLogoutToken(
  token: string,
  key: JWTVerifyGetKey,
  expected: Expected,
  clock: Clock,
): Promise<LogoutToken> {
  const { claims } = await verifySigned(token, key, expected, clock);
  const { iss, sub, sid, jti, iat } = schema.parse(claims);
  if (Math.abs(clock.now() / 1000 - iat) > MAX_AGE) throw new RangeError('the logout token is old');
  return { issuer: iss, subject: sub, sid, jti, expiresAt: (iat + MAX_AGE) * 1000 };
}
