/** Somebody who came to the permission service through an upstream, without the upstream. */
import type { Account } from '../../src/accounts/account.js';
import type { UpstreamIdentity } from '../../src/relying-party/connector.js';
import type { Upstream } from '../../src/relying-party/upstream.js';
import type { TestServer } from './server.js';

const INFO = { ip: '192.0.2.1', requestId: 'r' };

export interface Came {
  readonly account: Account;
  readonly token: string | undefined;
}

/** As often as it is called for one account, it is that person's next login. */
export async function comeIn(
  server: TestServer,
  account: { readonly id: string },
  identity: Partial<UpstreamIdentity> = {},
  upstreamId = 'google',
): Promise<Came> {
  const found = await server.container.accounts.findById(account.id);
  if (!found) throw new Error('no such account');
  const said: UpstreamIdentity = {
    issuer: 'https://up.example',
    subject: '42',
    attributes: {},
    extra: {},
    emailVerified: false,
    claims: {},
    ...identity,
  };
  const upstream = { id: upstreamId } as Upstream;
  const token = await server.container.permissionService.signIn(
    { account: found, identity: said, upstream },
    INFO,
  );
  return { account: found, token };
}

/** A person with a proven address and a user token. */
export async function newUser(
  server: TestServer,
  username: string,
  more: object = {},
): Promise<{ readonly id: string; readonly token: string }> {
  const account = await server.createAccount(username, {
    email: `${username}@example.org`,
    emailVerified: true,
    displayName: `Full ${username}`,
    ...more,
  });
  const { token } = await comeIn(server, account, { username });
  if (token === undefined) throw new Error('no token');
  return { id: account.id, token };
}
