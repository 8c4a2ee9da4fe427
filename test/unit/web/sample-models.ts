import type { ViewModels, ViewName } from '../../../src/platform/web/views.js';

/** What an attacker would call a client, an account or a scope. */
export const HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\'';

const client = { name: HOSTILE, uri: 'https://photos.example' };
const faults = [
  { field: 'username', message: HOSTILE },
  { field: '', message: HOSTILE },
];
const form = { action: '/x', faults, hidden: { uid: HOSTILE } };
const links = [{ label: HOSTILE, href: '/y' }];
const rows = [{ label: HOSTILE, values: [HOSTILE, 'second'] }];

/** A model with every part of every view, each text hostile. */
export const SAMPLES: { readonly [N in ViewName]: ViewModels[N] } = {
  home: {
    issuer: 'http://localhost:5000',
    account: { name: HOSTILE, username: HOSTILE, roles: [HOSTILE] },
    clients: [{ name: HOSTILE, clientId: 'abc', href: '/clients/abc' }],
    createClientHref: '/create_client',
    links,
    notice: HOSTILE,
  },
  login: {
    ...form,
    username: HOSTILE,
    client,
    signUpHref: '/signup',
    cancelAction: '/c',
    upstreams: links,
    notice: HOSTILE,
  },
  signup: {
    ...form,
    username: HOSTILE,
    minimumLength: 10,
    askInvite: true,
    invite: HOSTILE,
    loginHref: '/login',
  },
  'set-password': { ...form, username: HOSTILE, minimumLength: 10, reason: HOSTILE, askCurrent: true },
  consent: {
    ...form,
    client,
    redirectHost: HOSTILE,
    account: { name: HOSTILE, switchHref: '/z' },
    scopes: [{ name: HOSTILE, text: HOSTILE, isNew: true }],
    resources: [{ name: HOSTILE, scopes: [HOSTILE] }],
    claims: [HOSTILE],
  },
  'create-client': {
    ...form,
    faults: [
      { field: 'redirect_uri', message: HOSTILE },
      { field: 'require_pkce', message: HOSTILE },
    ],
    values: {
      client_name: HOSTILE,
      client_uri: HOSTILE,
      scope: HOSTILE,
      redirect_uri: `${HOSTILE}\n</textarea>${HOSTILE}`,
      grant_type: HOSTILE,
      response_type: HOSTILE,
      token_endpoint_auth_method: 'none',
      require_pkce: true,
    },
    authMethods: [{ value: 'none', label: 'none' }],
    cancelHref: '/',
  },
  client: {
    client,
    clientId: HOSTILE,
    newSecret: HOSTILE,
    notice: HOSTILE,
    rows,
    snippets: [{ title: HOSTILE, text: HOSTILE }],
    rotate: { action: '/r', text: HOSTILE },
    deleteAction: '/d',
  },
  logout: { ...form, accountName: HOSTILE, client },
  'signed-out': { client, continueHref: 'https://photos.example', loginHref: '/login' },
  'device-input': { ...form, userCode: HOSTILE },
  'device-confirm': { ...form, client, userCode: HOSTILE, device: { ip: HOSTILE, userAgent: HOSTILE } },
  'device-done': { client, allowed: true },
  'form-post': { action: `https://app.example/${HOSTILE}`, fields: [{ name: HOSTILE, value: HOSTILE }] },
  error: {
    title: HOSTILE,
    message: HOSTILE,
    help: HOSTILE,
    code: HOSTILE,
    requestId: HOSTILE,
    faults,
    waysOn: links,
  },
  account: { username: HOSTILE, rows, links, notice: HOSTILE },
};
