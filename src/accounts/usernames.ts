/** How a username is written, compared and refused. */

const MAX_CHARACTERS = 64;

// Invisible or reordering characters would let two names look the same on a page or in a log.
const HIDDEN = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u;
const BLANK = /[\s\p{Z}]/u;

// An ORCID iD names one researcher to dserver; nobody may claim it by typing it.
const ORCID = /^(\d{4}-?){3}\d{3}[\dx]$/;
const EMAIL = /^[^@]+@[^@]+$/;

const RESERVED: ReadonlySet<string> = new Set([
  'abuse',
  'account',
  'accounts',
  'admin',
  'administration',
  'administrator',
  'anonymous',
  'api',
  'auth',
  'bootstrap',
  'cli',
  'client',
  'daemon',
  'dserver',
  'everyone',
  'guest',
  'help',
  'helpdesk',
  'hostmaster',
  'info',
  'localhost',
  'login',
  'logout',
  'mail',
  'me',
  'moderator',
  'nobody',
  'noreply',
  'null',
  'oauth',
  'oauth2',
  'oidc',
  'openid',
  'operator',
  'owner',
  'postern',
  'postmaster',
  'root',
  'security',
  'self',
  'service',
  'signup',
  'staff',
  'superuser',
  'support',
  'sysadmin',
  'sysop',
  'system',
  'undefined',
  'user',
  'webmaster',
  'www',
]);

/** The name as it is stored and shown. */
export const cleanUsername = (username: string): string => username.normalize('NFKC').trim();

/** What two names that count as one have in common. */
export function usernameKey(username: string): string {
  // Lower-casing can undo the normal form (İ, ϓ), hence twice.
  return cleanUsername(username).toLowerCase().normalize('NFKC');
}

/** What is wrong with a cleaned name whoever asks for it, or `undefined`. */
export function usernameFault(username: string): string | undefined {
  if (username === '') return 'Choose a username.';
  if ([...username].length > MAX_CHARACTERS) return `Use at most ${MAX_CHARACTERS} characters.`;
  if (BLANK.test(username)) return 'A username cannot contain spaces.';
  if (HIDDEN.test(username)) return 'A username cannot contain invisible characters.';
  if (/[/\\]/.test(username) || /^\.+$/.test(username)) return 'A username cannot look like a path.';
  return undefined;
}

/** What more is wrong with a cleaned name where a stranger chooses it, or `undefined`. */
export function strangerFault(username: string): string | undefined {
  const key = usernameKey(username);
  if (RESERVED.has(key.replace(/[._-]/g, ''))) return 'This username is reserved. Choose another one.';
  if (ORCID.test(key)) return 'A username cannot look like an ORCID iD.';
  if (EMAIL.test(key)) return 'A username cannot look like an e-mail address.';
  return undefined;
}
