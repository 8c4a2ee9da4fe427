import type { Provider } from 'oidc-provider';

/**
 * The liveness rule for access tokens presented to our own resources, in one place: the token is known,
 * unexpired, its session lives if it is bound to one, and its Grant has not been revoked.
 */
export interface LiveToken {
  readonly clientId: string;
  /** Absent for tokens a client got for itself. */
  readonly accountId: string | undefined;
  readonly scopes: ReadonlySet<string>;
  /** Whether it may only be used with a proof of possession (RFC 9449). */
  readonly senderConstrained: boolean;
  /** RFC 8707: the resource it is for; absent for UserInfo and our own resources. */
  readonly audience: string | undefined;
}

export interface Tokens {
  findLive(value: string): Promise<LiveToken | undefined>;
}

export function createTokens(current: () => Provider): Tokens {
  async function granted(grantId: string | undefined, clientId: string | undefined): Promise<boolean> {
    if (!grantId) return true;
    const grant = await current().Grant.find(grantId);
    return grant !== undefined && grant.clientId === clientId;
  }

  return {
    async findLive(value) {
      const { AccessToken, ClientCredentials } = current();
      const token = (await AccessToken.find(value)) ?? (await ClientCredentials.find(value));
      if (!token?.isValid || !token.clientId) return undefined;
      // A deleted client has no Grant to revoke where it got tokens for itself.
      if (!(await current().Client.find(token.clientId))) return undefined;
      const { accountId, grantId } = token as { accountId?: string; grantId?: string };
      if (!(await granted(grantId, token.clientId))) return undefined;
      return {
        clientId: token.clientId,
        accountId,
        scopes: new Set(token.scope?.split(' ')),
        senderConstrained: token.isSenderConstrained(),
        audience: typeof token.aud === 'string' ? token.aud : undefined,
      };
    },
  };
}
