import type { Upstream } from '../upstream.js';
import { type Claims, isRecord, readFields } from './http-body.js';
import { invalid, type UpstreamFetch } from './upstream-fetch.js';

interface Asking {
  readonly send: UpstreamFetch;
  readonly upstream: Upstream;
  readonly accessToken: string;
}

const authorized = ({ upstream, accessToken }: Asking): RequestInit => ({
  headers: {
    accept: 'application/json',
    authorization: `${upstream.authorizationScheme} ${accessToken}`,
    // GitHub refuses requests that do not say who asks.
    'user-agent': 'Postern',
  },
});

/** @throws {UpstreamError} */
export async function askUserInfo(asking: Asking, url: string): Promise<Claims> {
  const response = await asking.send(url, authorized(asking));
  if (response.status !== 200) throw invalid(asking.upstream, `UserInfo answered ${response.status}`);
  return readFields(asking.upstream, response);
}

/** GitHub: a profile may hide its address, and the one it shows need not be verified. */
interface ListedEmail {
  readonly email: string;
  readonly primary: boolean;
  readonly verified: boolean;
}

function listedEmails(body: unknown): ListedEmail[] {
  if (!Array.isArray(body)) return [];
  return body
    .filter(isRecord)
    .flatMap(({ email, primary, verified }) =>
      typeof email === 'string' ? [{ email, primary: primary === true, verified: verified === true }] : [],
    );
}

/**
 * The claims a list of addresses stands for: the verified and primary one as `email`, all verified ones as
 * `verified_emails`. Without one the address of the profile is left, unproven.
 * @throws {UpstreamError}
 */
export async function askEmails(asking: Asking, url: string): Promise<Claims> {
  const response = await asking.send(url, authorized(asking));
  if (response.status !== 200) throw invalid(asking.upstream, `the list of addresses: ${response.status}`);
  const body: unknown = await response.json().catch((error: unknown) => {
    throw invalid(asking.upstream, 'the list of addresses is not JSON', error);
  });
  const verified = listedEmails(body).filter((one) => one.verified);
  const primary = verified.find((one) => one.primary);
  return {
    email_verified: primary !== undefined,
    ...(primary && { email: primary.email }),
    verified_emails: verified.map(({ email }) => email),
  };
}
