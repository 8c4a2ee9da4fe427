import { type ClientRecord, DEVICE_CODE } from './client.js';

interface Snippet {
  readonly title: string;
  readonly text: string;
}

/** For one client; `secret` is a word to replace, never the secret. */
interface Facts {
  readonly issuer: string;
  readonly id: string;
  readonly method: string;
  readonly scope: string;
  readonly redirectUri: string;
  /** Spring Security 6 leaves PKCE out where there is a secret, and this client would be refused. */
  readonly pkceBySelf: boolean;
}

const SECRETLESS = new Set(['none', 'private_key_jwt']);

/** In single quotes of a shell. */
const shell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** A string of JavaScript, Python and YAML alike. */
const text = (value: string): string => JSON.stringify(value);

/** Ready lines for what this client may do, filled in but for the secret. */
export function snippets(issuer: string, { clientId, metadata, requirePkce }: ClientRecord): Snippet[] {
  const { grant_types: grants, token_endpoint_auth_method: method, scope = '' } = metadata;
  const pkceBySelf = requirePkce && !SECRETLESS.has(method);
  const facts = { issuer, id: clientId, method, scope, pkceBySelf };
  const [redirectUri] = metadata.redirect_uris;
  const withCode = grants.includes('authorization_code') && redirectUri !== undefined;
  return [
    ...(withCode ? codeByHand({ ...facts, redirectUri }) : []),
    ...withoutBrowser(facts, grants),
    ...(withCode ? libraries({ ...facts, redirectUri }) : []),
  ];
}

/** A token request of curl's, as the client authenticates. */
function curl({ issuer, id, method }: Omit<Facts, 'redirectUri'>, path: string, rest: string): string {
  const credentials: Readonly<Record<string, string>> = {
    client_secret_basic: `-u '${id}:SECRET'`,
    client_secret_post: `-d client_id=${id} -d client_secret=SECRET`,
    none: `-d client_id=${id}`,
  };
  const assertion =
    `-d client_id=${id} -d client_assertion=SIGNED_JWT ` +
    '-d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return `curl ${credentials[method] ?? assertion} ${issuer}${path} ${rest}`;
}

function codeByHand(facts: Facts): Snippet[] {
  const { issuer, id, scope, redirectUri } = facts;
  const query = new URLSearchParams({
    client_id: id,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope,
  });
  const rest = `-d grant_type=authorization_code --data-urlencode ${shell(`redirect_uri=${redirectUri}`)}`;
  return [
    { title: 'Open in a browser', text: `${issuer}/oauth/authorize?${query}` },
    { title: 'curl: exchange the code', text: curl(facts, '/oauth/token', `${rest} -d code=CODE`) },
  ];
}

function withoutBrowser(facts: Omit<Facts, 'redirectUri'>, grants: readonly string[]): Snippet[] {
  const scope = `--data-urlencode ${shell(`scope=${facts.scope}`)}`;
  const found: [string, Snippet][] = [
    [
      'password',
      {
        title: 'curl: token for a name and password',
        text: curl(
          facts,
          '/oauth/token',
          `-d grant_type=password -d username=NAME -d password=PASSWORD ${scope}`,
        ),
      },
    ],
    [
      'client_credentials',
      {
        title: 'curl: token for the client itself',
        text: curl(facts, '/oauth/token', '-d grant_type=client_credentials'),
      },
    ],
    [
      DEVICE_CODE,
      { title: 'curl: begin on a device', text: curl(facts, '/oauth/device_authorization', scope) },
    ],
  ];
  return found.filter(([grant]) => grants.includes(grant)).map(([, snippet]) => snippet);
}

const libraries = (facts: Facts): Snippet[] => [
  { title: 'openid-client (Node.js)', text: openidClient(facts) },
  { title: 'Authlib (Python)', text: authlib(facts) },
  { title: 'Spring Security (application.yml)', text: spring(facts) },
  { title: 'mod_auth_openidc (Apache)', text: apache(facts) },
];

function openidClient({ issuer, id, method, scope, redirectUri }: Facts): string {
  const authentication: Readonly<Record<string, string>> = {
    client_secret_basic: "client.ClientSecretBasic('SECRET')",
    client_secret_post: "client.ClientSecretPost('SECRET')",
    client_secret_jwt: "client.ClientSecretJwt('SECRET')",
    private_key_jwt: 'client.PrivateKeyJwt(privateKey)',
  };
  const insecure = issuer.startsWith('http:') ? ',\n  { execute: [client.allowInsecureRequests] }' : '';
  return `import * as client from 'openid-client';

const config = await client.discovery(
  new URL(${text(issuer)}), ${text(id)}, undefined,
  ${authentication[method] ?? 'client.None()'}${insecure},
);
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
const url = client.buildAuthorizationUrl(config, {
  redirect_uri: ${text(redirectUri)},
  scope: ${text(scope)},
  state,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
});
// Send the browser to url; where it comes back:
const tokens = await client.authorizationCodeGrant(config, currentUrl, {
  pkceCodeVerifier: verifier,
  expectedState: state,
});`;
}

function authlib({ issuer, id, method, scope }: Facts): string {
  const secret = SECRETLESS.has(method) ? '' : "\n    client_secret='SECRET',";
  return `oauth = OAuth(app)
oauth.register(
    'postern',
    client_id=${text(id)},${secret}
    server_metadata_url=${text(`${issuer}/.well-known/openid-configuration`)},
    client_kwargs={
        'scope': ${text(scope)},
        'code_challenge_method': 'S256',
        'token_endpoint_auth_method': ${text(method)},
    },
)
# return oauth.postern.authorize_redirect(redirect_uri), with the redirect URI registered here`;
}

function spring({ issuer, id, method, scope, redirectUri, pkceBySelf }: Facts): string {
  const pkce = pkceBySelf
    ? '\n# Before Spring Security 7, give the request resolver OAuth2AuthorizationRequestCustomizers.withPkce().'
    : '';
  const secret = SECRETLESS.has(method) ? '' : '\n            client-secret: "SECRET"';
  return `spring:
  security:
    oauth2:
      client:
        registration:
          postern:
            client-id: ${text(id)}${secret}
            client-authentication-method: ${method}
            authorization-grant-type: authorization_code
            redirect-uri: ${text(redirectUri)}
            scope: [${scope.split(' ').filter(Boolean).map(text).join(', ')}]
        provider:
          postern:
            issuer-uri: ${text(issuer)}${pkce}`;
}

function apache({ issuer, id, method, scope, redirectUri }: Facts): string {
  const secret = SECRETLESS.has(method) ? '' : '\nOIDCClientSecret "SECRET"';
  return `OIDCProviderMetadataURL ${text(`${issuer}/.well-known/openid-configuration`)}
OIDCClientID ${text(id)}${secret}
OIDCProviderTokenEndpointAuth ${method}
OIDCRedirectURI ${text(redirectUri)}
OIDCScope ${text(scope)}
OIDCPKCEMethod S256
OIDCCryptoPassphrase "A-LONG-RANDOM-TEXT"`;
}
