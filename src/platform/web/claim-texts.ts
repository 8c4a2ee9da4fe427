import type { ExplainedClaim } from './views.js';

/** What the members of an ID Token mean (OIDC Core §2, §5.1), for somebody who meets them the first time. */
const MEANINGS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    iss: 'Who made this token: this server. An application accepts tokens of no other.',
    sub: 'The account, as an id that never changes. Applications should remember people by it, not by name.',
    aud: 'The client the token is for. Another application must refuse it.',
    azp: 'The client that asked for the token.',
    exp: 'Until when the token may be accepted.',
    iat: 'When the token was made.',
    nbf: 'Before this moment the token must not be accepted.',
    auth_time: 'When the person last proved who they are.',
    nonce:
      'A random value of the request, given back: the token belongs to this browser and to this attempt.',
    at_hash: 'A fingerprint of the access token that came along, so that neither can be exchanged.',
    c_hash: 'A fingerprint of the code that came along.',
    s_hash: 'A fingerprint of the state that came along.',
    sid: 'The sign-in in this browser. An application learns by it which sign-in has ended.',
    jti: 'The identifier of this token.',
    acr: 'How strongly the person proved who they are.',
    amr: 'How the person proved who they are: "pwd" is a password.',
    name: 'The name to show.',
    preferred_username: 'The username. It may change: for showing, not for remembering.',
    given_name: 'The first name.',
    family_name: 'The family name.',
    picture: 'The address of a picture.',
    locale: 'The preferred language.',
    updated_at: 'When the profile was last changed.',
    email: 'The mail address.',
    email_verified: 'Whether the person has shown that mail to this address reaches them.',
    roles: 'The roles the account has on this server.',
    alg: 'How the token is signed.',
    kid: 'Which of the published keys signed it.',
    typ: 'What kind of token it is.',
  }),
);

const TIMES: ReadonlySet<string> = new Set(['exp', 'iat', 'nbf', 'auth_time', 'updated_at']);

const ORDER = [...MEANINGS.keys()];

/** Known ones first, in the order of the list above. */
const place = (name: string): number => (MEANINGS.has(name) ? ORDER.indexOf(name) : ORDER.length);

export function explainClaims(claims: Readonly<Record<string, unknown>>): ExplainedClaim[] {
  const ordered = Object.entries(claims).sort(([a], [b]) => place(a) - place(b));
  return ordered.map(([name, value]) => ({
    name,
    value: typeof value === 'string' ? value : JSON.stringify(value),
    ...(TIMES.has(name) && typeof value === 'number' ? { readable: moment(value) } : {}),
    meaning: MEANINGS.get(name) ?? 'A claim of this server’s own.',
  }));
}

/** `2026-01-31 12:00:00 UTC` */
const moment = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
