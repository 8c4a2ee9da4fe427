import type { Page } from 'playwright-core';
import type { LinkPurpose } from '../../src/accounts/links.js';
import { post } from './flow.js';
import { linkFor } from './links.js';
import { PASSWORD, REDIRECT_URI, startServer, type TestClient, type TestServer } from './server.js';

/** Every page there is, with an empty and an error state where it has one: for measuring and for looking. */
export interface PageRow {
  readonly name: string;
  /** What its `h1` says. */
  readonly heading: RegExp;
  /** Gets there in a browser that has seen nothing yet. */
  readonly open: (page: Page, world: World) => Promise<void>;
}

/** A server with people, clients and devices that the pages are about. */
export interface World {
  readonly server: TestServer;
  /** With the longest names that are allowed; Alice's own. */
  readonly client: TestClient;
  /** As an ordinary application is called; Alice's own. */
  readonly ordinary: TestClient;
  /** Somebody else's, to run its test. */
  readonly tried: TestClient;
  readonly device: TestClient;
}

export async function createWorld(): Promise<World> {
  const server = await startServer({ SIGN_UP: 'open' });
  const alice = await server.createAccount('alice', { displayName: 'Alice', email: 'alice@example.org' });
  await server.createAccount('starter', { mustChangePassword: true });
  await server.createAccount('empty');
  const root = await server.createAccount('root', { roles: ['admin'] });
  await server.container.upstreamSide.access.vault.keep(alice.id, `lab-${'long'.repeat(12)}`, {
    accessToken: 'an access token of the lab',
    expiresAt: server.clock.now(),
  });
  await grantEverything(server, root.id);
  const client = await server.createClient(
    { client_name: 'W'.repeat(90), client_uri: `https://app.example/${'long'.repeat(40)}` },
    { owner: alice.id },
  );
  const ordinary = await server.createClient(
    { client_name: 'Photo prints', client_uri: 'https://prints.example' },
    { owner: alice.id },
  );
  const tester = await server.createAccount('tester');
  const tried = await server.createClient({ client_name: 'Ticket desk' }, { owner: tester.id });
  const device = await server.createClient({
    client_name: 'Living room',
    redirect_uris: [],
    response_types: [],
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
    token_endpoint_auth_method: 'none',
    scope: 'openid profile',
  });
  return { server, client, ordinary, tried, device };
}

/** A service with the longest names, for the page that lists them. */
async function grantEverything({ container }: TestServer, accountId: string): Promise<void> {
  const { services } = container.permissionService;
  const by = { actorId: 'cli' };
  const name = 'w'.repeat(60);
  await services.create({ name, title: 'W'.repeat(100) }, by);
  for (const grantee of [
    { kind: 'account', accountId },
    { kind: 'role', role: 'admin' },
  ] as const) {
    await services.grant({ service: name, permission: 'p'.repeat(90), grantee }, by);
  }
}

export const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click();

export async function signIn(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await press(page, 'Sign in');
}

export const authorizeAddress = (
  { server, client }: Pick<World, 'server' | 'client'>,
  params: Record<string, string> = {},
): string =>
  server.url(
    `/oauth/authorize?${new URLSearchParams({
      client_id: client.clientId,
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      scope: 'openid profile email offline_access',
      ...params,
    })}`,
  );

type Open = PageRow['open'];

async function deviceCode({ server, device }: World): Promise<string> {
  const { body } = await post(server, '/oauth/device_authorization', { scope: 'openid profile' }, device);
  return body.user_code;
}

const open =
  (path: string): Open =>
  async (page, { server }) =>
    void (await page.goto(server.url(path)));

/** Signs in on the way; as Alice unless somebody else is named. */
const signedIn =
  (
    path: string | ((world: World) => string),
    username = 'alice',
    then?: (page: Page) => Promise<void>,
  ): Open =>
  async (page, world) => {
    const to = typeof path === 'string' ? path : path(world);
    await page.goto(world.server.url(`/login?next=${encodeURIComponent(to)}`));
    await signIn(page, username);
    await then?.(page);
  };

/** Opens what a mail would bring. */
const openLink =
  (purpose: LinkPurpose, then?: (page: Page) => Promise<void>): Open =>
  async (page, { server }) => {
    const email = `${'long'.repeat(15)}@example.org`;
    const account =
      (await server.container.accounts.findByUsernameKey('mailed')) ??
      (await server.createAccount('mailed', { email }));
    await page.goto(server.url(await linkFor(server, purpose, { accountId: account.id, email })));
    await then?.(page);
  };

const clientPath = ({ client }: World) => `/clients/${client.clientId}`;
const triedPath = ({ tried }: World) => `/clients/${tried.clientId}`;
const ordinaryPath = ({ ordinary }: World) => `/clients/${ordinary.clientId}`;

/** Types a device's code and goes on. */
const atDevice =
  (then?: (page: Page, world: World) => Promise<void>): Open =>
  async (page, world) => {
    await open('/oauth/device')(page, world);
    await page.getByLabel('Code').fill(await deviceCode(world));
    await press(page, 'Continue');
    await then?.(page, world);
  };

const row = (name: string, heading: RegExp, open: Open): PageRow => ({ name, heading, open });

const atStart: readonly PageRow[] = [
  row('home', /One sign-in/, open('/')),
  row('home-broken', /One sign-in/, async (page, world) => {
    const { database } = world.server.container;
    const { ping } = database;
    Object.assign(database, { ping: () => Promise.reject(new Error('does not answer')) });
    await open('/')(page, world);
    Object.assign(database, { ping });
  }),
  row('login', /Sign in/, open('/login')),
  row('login-refused', /Sign in/, async (page, world) => {
    await open('/login')(page, world);
    await signIn(page, 'nobody-here');
  }),
  row('signup', /Create an account/, open('/signup')),
  row('signup-refused', /Create an account/, async (page, world) => {
    await open('/signup')(page, world);
    await page.getByLabel('Username').fill('alice');
    await page.getByLabel('Password', { exact: true }).fill('password');
    await press(page, 'Create account');
  }),
  row('signup-invited', /Create an account/, openLink('invitation')),
  row('set-password', /Choose a new password/, async (page, world) => {
    await open('/login')(page, world);
    await signIn(page, 'starter');
  }),
  row('set-password-refused', /Choose a new password/, async (page, world) => {
    await open('/login')(page, world);
    await signIn(page, 'starter');
    await page.getByLabel('New password', { exact: true }).fill('password');
    await press(page, 'Save the password');
  }),
  row('home-signed-in', /Hello, Alice/, signedIn('/')),
  row('home-empty', /Hello, empty/, signedIn('/', 'empty')),
  row(
    'demo',
    /The flow worked/,
    signedIn('/demo', 'alice', (page) => press(page, 'Allow')),
  ),
  row(
    'demo-declined',
    /You said no/,
    signedIn('/demo', 'alice', (page) => press(page, 'Deny')),
  ),
  row('demo-stale', /another attempt/, open('/demo/callback?code=x')),
];

const ownAccount: readonly PageRow[] = [
  row('account', /Your account/, signedIn('/account')),
  row('account-empty', /Your account/, signedIn('/account', 'empty')),
  row('account-profile', /Your profile/, signedIn('/account/profile')),
  row(
    'account-profile-refused',
    /Your profile/,
    signedIn('/account/profile', 'alice', async (page) => {
      await page.getByLabel('Language').fill('no such tag!');
      await press(page, 'Save the profile');
    }),
  ),
  row('account-password', /Change your password/, signedIn('/account/password')),
  row(
    'account-password-refused',
    /Change your password/,
    signedIn('/account/password', 'alice', async (page) => {
      await page.getByLabel('Current password', { exact: true }).fill(PASSWORD);
      await page.getByLabel('New password', { exact: true }).fill('password');
      await press(page, 'Save the password');
    }),
  ),
  row('account-email', /Your e-mail address/, signedIn('/account/email')),
  row('account-email-none', /Your e-mail address/, signedIn('/account/email', 'empty')),
  row(
    'account-email-refused',
    /Your e-mail address/,
    signedIn('/account/email', 'alice', async (page) => {
      await page.getByLabel('New address').fill('new@example.org');
      await page.getByLabel('Your password', { exact: true }).fill('not the one');
      await press(page, 'Send the mail');
    }),
  ),
  row('account-sessions', /Where you are signed in/, signedIn('/account/sessions')),
  row('account-sessions-one', /Where you are signed in/, async (page, world) => {
    await world.server.createAccount('lonely');
    await signedIn('/account/sessions', 'lonely')(page, world);
  }),
  row('account-applications', /Connected applications/, async (page, world) => {
    const { server, client, ordinary } = world;
    const { id } = await server.createAccount('connected');
    const agreed = { scopes: ['openid', 'profile', 'email'], claims: ['locale'], resources: {} };
    for (const { clientId } of [client, ordinary]) await server.container.consents.add(id, clientId, agreed);
    await signedIn('/account/applications', 'connected')(page, world);
  }),
  row('account-applications-none', /Connected applications/, signedIn('/account/applications', 'empty')),
  row('account-delete', /Delete your account/, signedIn('/account/delete')),
  row(
    'account-delete-refused',
    /Delete your account/,
    signedIn('/account/delete', 'alice', async (page) => {
      await page.getByLabel('Your password', { exact: true }).fill('not the one');
      await press(page, 'Delete my account');
    }),
  ),
  row('keep-account', /Keep your account/, async (page, world) => {
    const { id } = await world.server.createAccount('leaver');
    await world.server.container.leaving.ask(id, { ip: '127.0.0.1', requestId: 'r' });
    await page.goto(world.server.url('/login'));
    await signIn(page, 'leaver');
  }),
  row('logout', /Sign out\?/, signedIn('/logout')),
  row('signed-out', /You are signed out/, open('/logout')),
];

const clientPages: readonly PageRow[] = [
  row('create-client', /Create a client/, signedIn('/create_client')),
  row(
    'create-client-refused',
    /Create a client/,
    signedIn('/create_client', 'alice', async (page) => {
      await page.locator('[name=client_name]').fill('x');
      await page.locator('[name=grant_type]').fill('authorization_code,password');
      await press(page, 'Create client');
    }),
  ),
  row('client', /^Photo prints$/, signedIn(ordinaryPath)),
  row('client-longest', /^W+$/, signedIn(clientPath)),
  row(
    'client-new-secret',
    /^Photo prints$/,
    signedIn(ordinaryPath, 'alice', async (page) => {
      await page.locator('[name=keep_days]').selectOption('7');
      await press(page, 'Make a new secret');
    }),
  ),
  row(
    'client-lease',
    /^Photo prints$/,
    signedIn(ordinaryPath, 'alice', async (page) => {
      await page.locator('[name=redirect_uri]').fill('https://pull-42.preview.example/callback');
      await press(page, 'Add the lease');
    }),
  ),
  row(
    'client-lease-refused',
    /^Photo prints$/,
    signedIn(ordinaryPath, 'alice', async (page) => {
      await page.locator('[name=redirect_uri]').fill('https://*.preview.example/');
      await press(page, 'Add the lease');
    }),
  ),
  row(
    'client-edit',
    /Edit the client/,
    signedIn((world) => `${clientPath(world)}/edit`),
  ),
  row(
    'client-edit-refused',
    /Edit the client/,
    signedIn(
      (world) => `${ordinaryPath(world)}/edit`,
      'alice',
      async (page) => {
        await page.locator('[name=redirect_uri]').fill('https://*.app.example/cb');
        await press(page, 'Save');
      },
    ),
  ),
  row(
    'client-delete',
    /^Delete W+/,
    signedIn((world) => `${clientPath(world)}/delete`),
  ),
  row(
    'client-test-refused',
    /The test was refused/,
    signedIn(triedPath, 'tester', async (page) => {
      await press(page, 'Test this client');
      await press(page, 'Deny');
    }),
  ),
  row(
    'client-test',
    /The test worked/,
    signedIn(triedPath, 'tester', async (page) => {
      await press(page, 'Test this client');
      await press(page, 'Allow');
    }),
  ),
  row(
    'client-test-none',
    /no test to show/,
    signedIn((world) => `${ordinaryPath(world)}/test`),
  ),
];

const byMail: readonly PageRow[] = [
  row('forgot-password', /Forgot your password/, open('/forgot-password')),
  row('forgot-password-refused', /Forgot your password/, async (page, world) => {
    await open('/forgot-password')(page, world);
    await page.getByLabel('Username or e-mail address').fill(' ');
    await press(page, 'Send the mail');
  }),
  row('forgot-password-told', /Look into your mailbox/, async (page, world) => {
    await open('/forgot-password')(page, world);
    await page.getByLabel('Username or e-mail address').fill('nobody-here');
    await press(page, 'Send the mail');
  }),
  row('reset-password', /Choose a new password/, openLink('reset_password')),
  row(
    'reset-password-refused',
    /Choose a new password/,
    openLink('reset_password', async (page) => {
      await page.getByLabel('New password', { exact: true }).fill('password');
      await press(page, 'Save the password');
    }),
  ),
  row('verify-email', /Confirm your address/, openLink('verify_email')),
  row(
    'verify-email-done',
    /The address is confirmed/,
    openLink('verify_email', (page) => press(page, 'Confirm the address')),
  ),
  row('confirm-email', /Use this e-mail address/, openLink('change_email')),
  row('undo-email-change', /Undo the change of address/, openLink('undo_email_change')),
  row('link-ended', /does not work any more/, open('/reset-password?token=x')),
];

const onTheWay: readonly PageRow[] = [
  row('interaction', /Sign in/, async (page, world) => void (await page.goto(authorizeAddress(world)))),
  row('interaction-refused', /Sign in/, async (page, world) => {
    await page.goto(authorizeAddress({ server: world.server, client: world.ordinary }));
    await signIn(page, 'nobody-here');
  }),
  row('consent', /^Allow Photo prints to use your account/, async (page, world) => {
    await page.goto(authorizeAddress({ server: world.server, client: world.ordinary }));
    await signIn(page, 'alice');
  }),
  row('consent-longest', /^Allow W+… to use your account/, async (page, world) => {
    await page.goto(authorizeAddress(world));
    await signIn(page, 'alice');
  }),
  row('device', /Connect a device/, open('/oauth/device')),
  row('device-refused', /Connect a device/, async (page, world) => {
    await open('/oauth/device')(page, world);
    await page.getByLabel('Code').fill('WRNG-CODE');
    await press(page, 'Continue');
  }),
  row('device-confirm', /Is this your device/, atDevice()),
  row(
    'device-declined',
    /was not connected/,
    atDevice((page) => press(page, 'No, stop')),
  ),
  row(
    'device-done',
    /Your device is connected/,
    atDevice(async (page, { server }) => {
      await server.createAccount('viewer');
      await press(page, 'Yes, continue');
      await signIn(page, 'viewer');
      await press(page, 'Allow');
    }),
  ),
  row('not-found', /Page not found/, open('/nothing/here')),
  row('wrong-redirect-uri', /not registered/, async (page, world) => {
    const evil = { redirect_uri: `https://evil.example/${'x'.repeat(300)}` };
    await page.goto(authorizeAddress(world, evil));
  }),
  row('expired', /expired/, open('/interaction/nothing-of-the-kind')),
];

const ofUpstreams: readonly PageRow[] = [
  row('linked-accounts-none', /Linked accounts/, signedIn('/account/settings/linkedaccounts/')),
  row('api-keys', /API keys/, signedIn('/account/api-keys')),
  row('admin', /Administration/, signedIn('/admin', 'root')),
  row('admin-upstream-tokens', /Upstream tokens/, signedIn('/admin/upstream-tokens', 'root')),
  row('admin-linked-none', /Linked accounts/, signedIn('/admin/linked-accounts?account=nobody', 'root')),
  row('admin-services', /Services and permissions/, signedIn('/admin/services', 'root')),
];

export const EVERY_PAGE: readonly PageRow[] = [
  ...atStart,
  ...ownAccount,
  ...ofUpstreams,
  ...clientPages,
  ...byMail,
  ...onTheWay,
];
