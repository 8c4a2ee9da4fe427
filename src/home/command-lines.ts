import { DEMO_CLIENT_ID } from '../clients/demo-client.js';
import type { CommandLine } from '../platform/web/views.js';

/** What one can do with an access token, ready to be copied. */
export function commandLines(issuer: string, accessToken: string): CommandLine[] {
  const bearer = `curl -H 'Authorization: Bearer ${accessToken}' ${issuer}`;
  return [
    {
      title: 'UserInfo',
      text: 'The claims about the person, as OpenID Connect defines them. Any client may ask.',
      command: `${bearer}/oauth/userinfo`,
    },
    {
      title: 'A protected API',
      text: 'This server’s own example of one. It looks at the token’s scope, then answers about the person.',
      command: `${bearer}/api/me`,
    },
    {
      title: 'Introspection',
      text:
        'How an API asks whether a token is still good. The API needs a client of its own for it: its own ' +
        'tokens, or all of them once an administrator has marked it as a resource server. Put in its id and secret.',
      command: `curl -u 'CLIENT_ID:SECRET' -d token=${accessToken} ${issuer}/oauth/introspect`,
    },
    {
      title: 'Revocation',
      text: 'Ends the token. Send it, then ask UserInfo again: the answer is now “invalid_token”.',
      command: `curl -d client_id=${DEMO_CLIENT_ID} -d token=${accessToken} ${issuer}/oauth/revoke`,
    },
  ];
}
