import { sendWire } from './raw.js';
import type { TestClient, TestServer } from './server.js';

export interface Asked {
  readonly status: number;
  readonly retryAfter: boolean;
  readonly milliseconds: number;
}

/**
 * A token of the node that listens there, asked for as a proxy would: with the issuer's Host. It is a write, so
 * nothing kept in memory can answer for it.
 */
export async function tokenAt(
  port: number,
  { issuer }: Pick<TestServer, 'issuer'>,
  { clientId, secret }: Pick<TestClient, 'clientId' | 'secret'>,
): Promise<Asked> {
  const { status, text, milliseconds } = await sendWire(port, {
    method: 'POST',
    path: '/oauth/token',
    headers: {
      host: new URL(issuer).host,
      authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials',
  });
  return { status, retryAfter: /^retry-after: [1-9]/im.test(text), milliseconds };
}
