/** For fetching the token an account has at an upstream; see `resource-server/upstream-token.ts`. */
export const UPSTREAM_TOKEN_SCOPE = 'upstream_token';

/**
 * The scopes of Postern's own as a person would say them. A Map, because scope names are anybody's: `constructor`
 * is one too.
 */
const TEXTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    openid: 'Know which account you are signed in with',
    profile: 'See your name and username',
    email: 'See your e-mail address',
    roles: 'See the roles you have here',
    offline_access: 'Keep this access when you are not using the application, until you take it back',
    [UPSTREAM_TOKEN_SCOPE]: 'Act for you at the services you sign in through, such as GitHub or ORCID',
  }),
);

/** The consent page's line for a scope: plain words where known, the bare name otherwise. */
export const scopeText = (name: string): { readonly name: string; readonly text: string } => ({
  name,
  text: TEXTS.get(name) ?? `Use the permission “${name}”`,
});
