import { type Account, toClaims } from '../accounts/account.js';
import { ADMIN } from '../accounts/role-names.js';
import type { PendingInteraction } from '../authorization-server/interactions.js';
import type { ClientRecord } from '../clients/client.js';
import { DEMO_CLIENT_ID } from '../clients/demo-client.js';
import type { Form } from '../platform/web/body.js';
import { displayText } from '../platform/web/display-text.js';
import { scopeText } from '../platform/web/scope-texts.js';
import { dayText } from '../platform/web/time-texts.js';
import type { ClientCard, ConsentItem, ConsentModel } from '../platform/web/views.js';

/** What a person is told of the client that asks. The texts are the client's own and untrusted. */
export function clientCard({ clientId, metadata }: ClientRecord): ClientCard {
  const name = displayText(metadata.client_name ?? '', clientId);
  return metadata.client_uri ? { name, uri: metadata.client_uri } : { name };
}

/** The host a browser is sent back to; a native application is named by its scheme. */
export function redirectHost(redirectUri: string | undefined): string {
  if (!redirectUri) return 'your device';
  const { protocol, host } = new URL(redirectUri);
  return protocol === 'http:' || protocol === 'https:' ? host : protocol.slice(0, -1);
}

/** Without it there is no sign-in to allow. */
const REQUIRED = 'openid';

/** The claims behind a scope, with their names for people. */
const SHOWN: ReadonlyMap<string, readonly (readonly [claim: string, label: string])[]> = new Map([
  [
    'profile',
    [
      ['name', 'Name'],
      ['preferred_username', 'Username'],
      ['given_name', 'Given name'],
      ['family_name', 'Family name'],
      ['locale', 'Language'],
      ['picture', 'Picture'],
    ],
  ],
  ['email', [['email', 'E-mail']]],
  ['roles', [['roles', 'Roles']]],
]);

function claimText(account: Account, claim: string): string {
  const value = toClaims(account)[claim];
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '';
  const text = displayText(Array.isArray(value) ? value.join(', ') : String(value));
  return claim === 'email' && !account.emailVerified ? `${text} (not verified)` : text;
}

/** The values that a scope would give away today. */
function valuesOf(account: Account, scope: string): string[] {
  const shown = SHOWN.get(scope) ?? [];
  const values = shown.flatMap(([claim, label]) => {
    const text = claimText(account, claim);
    return text ? [`${label}: ${text}`] : [];
  });
  return shown.length > 0 && values.length === 0 ? ['Nothing there yet'] : values;
}

/** Who is answerable for the client, and whether anybody but its own maker has looked at it. */
function registrationOf(client: ClientRecord, owner: Account | undefined) {
  if (client.clientId === DEMO_CLIENT_ID)
    return { registered: 'Part of this server.', selfRegistered: false };
  const on = `on ${dayText(client.createdAt)}`;
  if (client.ownerId === undefined) {
    return { registered: `Registered by an administrator ${on}.`, selfRegistered: false };
  }
  const name = owner === undefined ? 'a former account' : displayText(owner.username);
  return { registered: `Registered by ${name} ${on}.`, selfRegistered: !owner?.roles.includes(ADMIN) };
}

function reasonOf({ reasons, asked, missing }: PendingInteraction): string {
  const news = [...missing.scopes, ...missing.claims, ...Object.values(missing.resources).flat()];
  const before = asked.scopes.some((scope) => !missing.scopes.includes(scope));
  if (news.length > 0) {
    return before
      ? 'You are asked because it wants more than you allowed so far.'
      : 'You are asked because you have not allowed this application anything yet.';
  }
  return reasons.includes('native_client_prompt')
    ? 'You allowed this before. You are asked each time because an application on a device cannot prove that it is the same one.'
    : 'You allowed this before. You are asked again because the application wants you to confirm it.';
}

/** The consent page: who asks, who is asked, what for, and what of it is new. */
export function consentModel(
  pending: PendingInteraction,
  people: { readonly account: Account; readonly owner: Account | undefined },
  path: (step: string) => string,
): ConsentModel {
  const { account, owner } = people;
  const { asked } = pending;
  const news = new Set(pending.missing.scopes);
  const before = asked.scopes.some((scope) => !news.has(scope));
  const itemOf = (scope: string): ConsentItem => ({
    ...scopeText(scope),
    values: valuesOf(account, scope),
    isNew: before && news.has(scope),
    optional: scope !== REQUIRED,
  });
  return {
    action: path('/consent'),
    client: clientCard(pending.client),
    ...registrationOf(pending.client, owner),
    reason: reasonOf(pending),
    redirectHost: redirectHost(pending.redirectUri),
    account: { name: account.username, switchAction: path('/switch') },
    scopes: asked.scopes.map(itemOf),
    resources: Object.entries(asked.resources).map(([name, scopes]) => ({ name, scopes })),
    claims: asked.claims.map((name) => {
      const text = claimText(account, name);
      return { name, values: text ? [text] : [] };
    }),
  };
}

/** The scopes whose box came back empty. */
export const untickedOf = ({ asked }: PendingInteraction, form: Form): string[] =>
  asked.scopes.filter((scope) => scope !== REQUIRED && form[`scope:${scope}`] !== 'yes');
