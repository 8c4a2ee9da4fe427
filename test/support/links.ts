import { linkField, linkPath, type LinkPurpose } from '../../src/accounts/links.js';
import { randomToken, sha256 } from '../../src/platform/crypto/ids.js';
import type { TestServer } from './server.js';

/** The path of a link as a mail would bring it. */
export async function linkFor(
  { container, clock }: TestServer,
  purpose: LinkPurpose,
  about: { readonly accountId?: string; readonly email?: string },
): Promise<string> {
  const token = randomToken();
  const now = clock.now();
  const times = { createdAt: now, expiresAt: now + 600_000 };
  const link = { id: token, key: sha256(token), purpose, detail: {}, ...about, ...times };
  await container.links.write([container.links.insertStep(link)]);
  return `${linkPath(purpose)}?${linkField(purpose)}=${token}`;
}
