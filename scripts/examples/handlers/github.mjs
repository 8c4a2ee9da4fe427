/**
 * Sign-ins through the upstream `github`: only members of one organisation come in, their teams become roles,
 * and who disconnects takes the permission back at GitHub too. Copy it into HANDLERS_DIR, under the id of your
 * upstream; the scope of that upstream must contain read:org. Export only what you need.
 */
const ORGANISATION = 'example-lab';
const API = 'https://api.github.com';

async function ask(tools, path) {
  const response = await tools.fetch(`${API}${path}`, {
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${await tools.accessToken()}`,
      'user-agent': 'postern',
    },
  });
  return { status: response.status, body: response.status === 200 ? await response.json() : undefined };
}

/** Asked at each login. Throwing refuses the login too: nobody comes in while GitHub does not answer. */
export async function authorized({ identity }, tools) {
  const { status, body } = await ask(tools, `/user/memberships/orgs/${ORGANISATION}`);
  if (status === 200 && body.state === 'active') return undefined;
  if (status !== 404 && status !== 403 && status !== 200) throw new Error(`GitHub answered ${status}`);
  return { refuse: `${identity.username ?? 'This account'} is not a member of ${ORGANISATION} at GitHub.` };
}

export const signup = {
  /** May put right what is known of the person, never who they are. */
  info: ({ identity }) => (identity.displayName ? undefined : { displayName: identity.username }),
  /** Kept with the link, as Invenio keeps `extra_data`. */
  setup: ({ identity }) => ({ login: identity.username, id: identity.subject }),
  /** Shown where data is missing. */
  view: () => ({ notice: `Welcome, member of ${ORGANISATION}. Please complete your profile.` }),
};

/** Teams of the organisation. A name that a role of this server has already gives nothing, unless it is mapped. */
export async function groups(_login, tools) {
  const { status, body } = await ask(tools, '/user/teams?per_page=100');
  if (status !== 200) throw new Error(`GitHub answered ${status}`);
  return body
    .filter(({ organization }) => organization.login === ORGANISATION)
    .map(({ slug, name, description }) => ({
      id: `${ORGANISATION}:${slug}`,
      name,
      ...(description ? { description } : {}),
    }));
}

/** Takes the permission back at GitHub. The link goes in any case: a failure here is logged and nothing more. */
export async function disconnect(_link, tools) {
  // Of the environment itself: what stands in .env is Postern's alone.
  const { UPSTREAM_GITHUB_CLIENT_ID: id, UPSTREAM_GITHUB_CLIENT_SECRET: secret } = process.env;
  if (!id || !secret) throw new Error('UPSTREAM_GITHUB_CLIENT_ID and _SECRET are not in the environment');
  const { status } = await tools.fetch(`${API}/applications/${id}/grant`, {
    method: 'DELETE',
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
      'user-agent': 'postern',
    },
    body: JSON.stringify({ access_token: await tools.accessToken() }),
  });
  if (status !== 204) throw new Error(`GitHub answered ${status}`);
}
