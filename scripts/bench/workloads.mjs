/** What is asked of each target. A workload that a target has no endpoint for is left out there. */
import { createHash, randomBytes } from 'node:crypto';
import { headerOf, requestText } from './connection.mjs';
import { createVisitor, send } from './visitor.mjs';

const VERIFIER = 'v'.repeat(50);
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');
const FORM = 'application/x-www-form-urlencoded';

/**
 * Sessions that log in over and over (W3), refresh chains (W2), tokens that are asked about (W4, W5): one for each
 * connection, of two processes too. Two connections that refreshed one chain would end it, as thieves would.
 */
const ONE_EACH = 32;

const form = (fields) => new URLSearchParams(fields).toString();

const basic = ({ id, secret }) =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;

const formHeaders = (client) => ({ authorization: basic(client), 'content-type': FORM });

/** The same bytes over and over; `good` looks at the answer. */
function steady(text, good = ({ status }) => status === 200) {
  return () => async (ask) => {
    const answer = await ask(text);
    return good(answer) || `${answer.status} ${answer.body.slice(0, 200)}`;
  };
}

/** As `steady`, each connection with bytes of its own: what many ask alike a server may look up once. */
async function steadyEach(makeText, good) {
  const steps = [];
  for (let index = 0; index < ONE_EACH; index += 1) steps.push(steady(await makeText(), good)());
  return (worker) => steps[worker % ONE_EACH];
}

const tokenRequest = ({ place, endpoints }, client, fields) =>
  requestText('POST', endpoints.token, place.host, formHeaders(client), form(fields));

async function askToken({ place, endpoints }, client, fields) {
  const answer = await send(place, {
    method: 'POST',
    path: endpoints.token,
    headers: formHeaders(client),
    body: form(fields),
  });
  if (answer.status !== 200) throw new Error(`token ${answer.status}: ${answer.text.slice(0, 300)}`);
  return JSON.parse(answer.text);
}

function authorizePath({ endpoints, redirectUri, scope }, client) {
  const fields = {
    response_type: 'code',
    client_id: client.id,
    redirect_uri: redirectUri,
    scope,
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  };
  return `${endpoints.authorize}?${form(fields)}`;
}

const fresh = () => `&state=s${randomBytes(4).toString('hex')}&nonce=n${randomBytes(6).toString('hex')}`;

const codeFields = ({ redirectUri }, code) => ({
  grant_type: 'authorization_code',
  code,
  redirect_uri: redirectUri,
  code_verifier: VERIFIER,
});

/** A browser that is signed in and has agreed, so that the next authorization answers at once. */
async function signedIn(target, client) {
  const visitor = createVisitor(target.place);
  await target.signIn?.(visitor);
  await visitor.walk(authorizePath(target, client) + fresh(), target.redirectUri, target.forms);
  return visitor;
}

async function login(target, client, visitor) {
  const path = authorizePath(target, client) + fresh();
  const code = (await visitor.walk(path, target.redirectUri, target.forms)).searchParams.get('code');
  return askToken(target, client, codeFields(target, code));
}

async function refreshes(target, client) {
  const visitor = await signedIn(target, client);
  const chains = [];
  for (let index = 0; index < ONE_EACH; index += 1) {
    chains.push((await login(target, client, visitor)).refresh_token);
  }
  if (chains.includes(undefined)) throw new Error('no refresh token was issued');
  return (worker) => async (ask) => {
    const index = worker % ONE_EACH;
    const fields = { grant_type: 'refresh_token', refresh_token: chains[index] };
    const { status, body } = await ask(tokenRequest(target, client, fields));
    if (status !== 200) return `${status} ${body.slice(0, 200)}`;
    chains[index] = JSON.parse(body).refresh_token ?? chains[index];
    return true;
  };
}

async function logins(target, client) {
  const cookies = [];
  for (let index = 0; index < ONE_EACH; index += 1) {
    cookies.push((await signedIn(target, client)).cookieLine());
  }
  const path = authorizePath(target, client);
  return (worker) => async (ask) => {
    const headers = { cookie: cookies[worker % ONE_EACH] };
    const there = await ask(requestText('GET', path + fresh(), target.place.host, headers));
    const location = headerOf(there.head, 'location') ?? '';
    const code = location.startsWith(target.redirectUri) && new URL(location).searchParams.get('code');
    if (!code) return `authorize ${there.status} ${location} ${there.body.slice(0, 200)}`;
    const back = await ask(tokenRequest(target, client, codeFields(target, code)));
    if (back.status !== 200) return `token ${back.status} ${back.body.slice(0, 200)}`;
    return !target.openid || back.body.includes('"id_token"') || 'no ID Token';
  };
}

const introspection = (target) =>
  steadyEach(
    async () => {
      const { access_token: token } = await askToken(target, target.client, target.machine);
      const headers = formHeaders(target.client);
      return requestText('POST', target.endpoints.introspect, target.place.host, headers, form({ token }));
    },
    ({ status, body }) => status === 200 && /"active"\s*:\s*true/.test(body),
  );

async function userinfo(target) {
  const visitor = await signedIn(target, target.client);
  return steadyEach(async () => {
    const { access_token: token } = await login(target, target.client, visitor);
    const headers = { authorization: `Bearer ${token}` };
    return requestText('GET', target.endpoints.userinfo, target.place.host, headers);
  });
}

const document = (path) => (target) => steady(requestText('GET', target.endpoints[path], target.place.host));

async function passwords(target) {
  const text = await target.passwordRequest();
  return steady(text, ({ status }) => status === 200 || status === 302 || status === 303);
}

const machineJwt = (target, client, jwt) => steady(tokenRequest(target, client, jwt));

/**
 * In the order of the table. `has` says whether a target takes part; `make` prepares the target and answers
 * the task of `runLoad`. Its ratio is to the same workload of the reference, or to `comparedWith`; `warm` is
 * how many requests its warming up takes, where they are dear.
 */
export const WORKLOADS = [
  {
    id: 'w1',
    title: 'W1 client credentials, opaque',
    has: ({ machine }) => machine,
    make: (target) => steady(tokenRequest(target, target.client, target.machine)),
  },
  {
    id: 'w1jwt',
    warm: 1000,
    title: 'W1 client credentials, JWT RS256',
    has: ({ machineJwt: jwt }) => jwt,
    make: (target) => machineJwt(target, target.client, target.machineJwt),
  },
  {
    id: 'w1jwt-es',
    warm: 1000,
    title: 'W1 client credentials, JWT ES256',
    comparedWith: 'w1jwt',
    has: ({ machineJwtEs }) => machineJwtEs,
    make: (target) => machineJwt(target, target.client, target.machineJwtEs),
  },
  {
    id: 'w2',
    warm: 700,
    title: 'W2 refresh, RS256',
    has: ({ refresh }) => refresh,
    make: (target) => refreshes(target, target.client),
  },
  {
    id: 'w2-es',
    warm: 500,
    title: 'W2 refresh, ES256',
    comparedWith: 'w2',
    has: ({ clientEs }) => clientEs,
    make: (target) => refreshes(target, target.clientEs),
  },
  {
    id: 'w3',
    warm: 500,
    title: 'W3 login, RS256',
    has: ({ endpoints }) => endpoints.authorize,
    make: (target) => logins(target, target.client),
  },
  {
    id: 'w3-es',
    warm: 300,
    title: 'W3 login, ES256',
    comparedWith: 'w3',
    has: ({ clientEs }) => clientEs,
    make: (target) => logins(target, target.clientEs),
  },
  {
    id: 'w4',
    title: 'W4 introspection',
    has: ({ machine, endpoints }) => machine && endpoints.introspect,
    make: introspection,
  },
  {
    id: 'w5',
    title: 'W5 UserInfo',
    has: ({ endpoints }) => endpoints.authorize && endpoints.userinfo,
    make: userinfo,
  },
  {
    id: 'w6',
    title: 'W6 discovery',
    has: ({ endpoints }) => endpoints.discovery,
    make: document('discovery'),
  },
  {
    id: 'w6jwks',
    title: 'W6 JWKS',
    has: ({ endpoints }) => endpoints.jwks,
    make: document('jwks'),
  },
  // The dserver endpoints: a target that has them says how they are asked, as text for `steady`.
  {
    id: 'w9verify',
    title: 'W9 dserver /auth/verify',
    has: ({ dserver }) => dserver?.verify,
    make: async (target) => steady(await target.dserver.verify()),
  },
  {
    id: 'w9token',
    title: 'W9 dserver /auth/token',
    has: ({ dserver }) => dserver?.token,
    make: async (target) => steady(await target.dserver.token()),
  },
  {
    id: 'w10',
    warm: 20,
    title: 'W10 password sign-in',
    has: ({ passwordRequest }) => passwordRequest,
    make: passwords,
  },
];
