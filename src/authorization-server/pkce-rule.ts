import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { ClientRecord } from '../clients/client.js';
import type { Config } from '../platform/config/config.js';

/** Who has to use PKCE (RFC 7636). The refusal names the box that asked for it. */
export function requirePkce(config: Pick<Config, 'requirePkce'>, recordOf: (client: Client) => ClientRecord) {
  return (ctx: KoaContextWithOIDC, client: Client): boolean => {
    const byBox = recordOf(client).requirePkce;
    const required = byBox || config.requirePkce === 'all' || client.clientAuthMethod === 'none';
    if (byBox && !ctx.oidc.params?.code_challenge) {
      throw new errors.InvalidRequest(
        "code_challenge is missing: this client's 'Require PKCE' box is ticked",
      );
    }
    return required;
  };
}
