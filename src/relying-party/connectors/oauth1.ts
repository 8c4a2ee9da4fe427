/**
 * OAuth 1.0a (RFC 5849 §2): temporary credentials, the person's word, token credentials. The protocol knows no
 * `state`, so ours rides in the callback's query; the verifier and the temporary token bind the rest.
 */
import type { Clock } from '../../platform/crypto/clock.js';
import { randomToken, sameText } from '../../platform/crypto/ids.js';
import type { Connector, Returned, Started } from '../connector.js';
import type { Upstream } from '../upstream.js';
import { checkError, checkShape, denied, refused } from './callback-answer.js';
import { isRecord, readFields } from './http-body.js';
import { toIdentity } from './identity.js';
import { plainSignOut, required } from './oauth2.js';
import { authorizationHeader, type ToSign } from './oauth1-signature.js';
import { invalid, type UpstreamFetch } from './upstream-fetch.js';

export interface OAuth1Deps {
  readonly fetchOf: (upstream: Upstream) => UpstreamFetch;
  readonly clock: Clock;
}

interface Credentials {
  readonly token: string;
  readonly secret: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Token and secret of the temporary credentials in one text, as the transaction keeps it. */
const packed = ({ token, secret }: Credentials): string => new URLSearchParams({ token, secret }).toString();

function unpacked(upstream: Upstream, text: string | undefined): Credentials {
  const params = new URLSearchParams(text);
  const [token, secret] = [params.get('token'), params.get('secret')];
  if (!token || secret === null) throw invalid(upstream, 'no temporary credentials were kept');
  return { token, secret };
}

/** How upstreams say that the person said no: the protocol has no word for it. */
const saidNo = (params: URLSearchParams): boolean =>
  params.has('denied') || /refused|denied|rejected/.test(params.get('oauth_problem') ?? '');

export function createOAuth1Connector({ fetchOf, clock }: OAuth1Deps): Connector {
  async function send(
    upstream: Upstream,
    address: string,
    signing: Pick<ToSign, 'method' | 'token' | 'tokenSecret' | 'more'>,
  ): Promise<Fields> {
    const url = new URL(address);
    const header = authorizationHeader({
      ...signing,
      url,
      clientId: required(upstream, upstream.clientId, 'client id'),
      clientSecret: upstream.clientSecret ?? '',
      timestamp: Math.floor(clock.now() / 1000),
      nonce: randomToken(16),
    });
    const response = await fetchOf(upstream)(url, {
      method: signing.method,
      headers: { authorization: header, accept: 'application/json, */*', 'user-agent': 'Postern' },
    });
    if (response.status !== 200) throw refused(upstream, `${url.pathname} answered ${response.status}`);
    return readFields(upstream, response);
  }

  function credentialsOf(upstream: Upstream, fields: Fields): Credentials {
    const { oauth_token: token, oauth_token_secret: secret } = fields;
    if (typeof token === 'string' && token !== '' && typeof secret === 'string') return { token, secret };
    throw invalid(upstream, 'no oauth_token and oauth_token_secret');
  }

  async function begin(upstream: Upstream, redirectUri: string, state: string): Promise<Started> {
    const { authorization, requestToken } = upstream.endpoints;
    const callback = new URL(redirectUri);
    callback.searchParams.set('state', state);
    const fields = await send(upstream, required(upstream, requestToken, 'request token endpoint'), {
      method: upstream.accessTokenMethod,
      more: { oauth_callback: callback.href },
    });
    // RFC 5849 §2.1: what does not confirm the callback speaks 1.0, whose sign-in can be fixed by an attacker.
    if (fields.oauth_callback_confirmed !== 'true') throw invalid(upstream, 'the callback was not confirmed');
    const temporary = credentialsOf(upstream, fields);
    const url = new URL(required(upstream, authorization, 'authorization endpoint'));
    url.searchParams.set('oauth_token', temporary.token);
    return { location: url.href, temporarySecret: packed(temporary) };
  }

  async function redeem(answer: Returned) {
    const { upstream, params } = answer;
    checkShape(answer);
    checkError(answer);
    if (saidNo(params)) throw denied(upstream);
    const temporary = unpacked(upstream, answer.temporarySecret);
    if (!sameText(params.get('oauth_token') ?? '', temporary.token))
      throw invalid(upstream, 'another oauth_token');
    const verifier = params.get('oauth_verifier');
    if (!verifier) throw invalid(upstream, 'no oauth_verifier');
    const fields = await send(upstream, required(upstream, upstream.endpoints.token, 'token endpoint'), {
      method: upstream.accessTokenMethod,
      token: temporary.token,
      tokenSecret: temporary.secret,
      more: { oauth_verifier: verifier },
    });
    const { token, secret } = credentialsOf(upstream, fields);
    const { userinfo } = upstream.endpoints;
    const said = userinfo
      ? await send(upstream, userinfo, { method: 'GET', token, tokenSecret: secret })
      : {};
    const identity = toIdentity(upstream, upstream.mappings[answer.dialect], {
      issuer: upstream.issuer,
      said: { ...fields, ...(isRecord(said) ? said : {}) },
    });
    return { identity, tokens: { accessToken: token, secret } };
  }

  return {
    start: ({ upstream, redirectUri, state }) => begin(upstream, redirectUri, state),
    redeem,
    async signOutAddress({ logoutUrl }, { returnTo }) {
      return plainSignOut(logoutUrl, returnTo);
    },
  };
}
