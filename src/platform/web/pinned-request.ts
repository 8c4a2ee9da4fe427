import type { IncomingMessage } from 'node:http';
import type { TrustedProxies } from './trusted-proxy.js';

/**
 * Koa and the library read scheme, host and address of a request from its forwarded headers. After the
 * untrusted ones are gone they are written anew: scheme and host are always the issuer's, so nothing that
 * is built from a request can name another server, and `Secure` cookies do not hang on a proxy's header.
 */
export function pinRequest(req: IncomingMessage, issuer: URL, proxies: TrustedProxies): void {
  proxies.apply(req);
  const address = proxies.clientAddress(req);
  req.headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1);
  req.headers['x-forwarded-host'] = issuer.host;
  if (address) req.headers['x-forwarded-for'] = address;
}
