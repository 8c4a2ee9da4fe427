import type { ClientRecord } from './client.js';

interface Snippet {
  readonly title: string;
  readonly text: string;
}

/** Ready command lines for what this client may do; the secret is never in them. */
export function snippets(issuer: string, { clientId, metadata }: ClientRecord): Snippet[] {
  const { grant_types: grants, token_endpoint_auth_method: method, scope = '' } = metadata;
  const credentials =
    method === 'client_secret_basic' ? `-u '${clientId}:SECRET'` : `-d client_id=${clientId}`;
  const secret = method === 'client_secret_post' ? ' -d client_secret=SECRET' : '';
  const token = (rest: string) => `curl ${credentials}${secret} ${issuer}/oauth/token ${rest}`;
  const found: Snippet[] = [];
  const [redirectUri] = metadata.redirect_uris;
  if (grants.includes('authorization_code') && redirectUri) {
    const query = new URLSearchParams({
      client_id: clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope,
    });
    found.push({ title: 'Open in a browser', text: `${issuer}/oauth/authorize?${query}` });
    found.push({
      title: 'Exchange the code',
      text: token(`-d grant_type=authorization_code -d redirect_uri=${redirectUri} -d code=CODE`),
    });
  }
  if (grants.includes('password')) {
    const rest = '-d grant_type=password -d username=NAME -d password=PASSWORD';
    found.push({
      title: 'Token for a name and password',
      text: token(`${rest} --data-urlencode 'scope=${scope}'`),
    });
  }
  if (grants.includes('client_credentials')) {
    found.push({ title: 'Token for the client itself', text: token('-d grant_type=client_credentials') });
  }
  return found;
}
