import { inlinePem } from './named-keys.js';
import type { SettingValues } from './settings.js';

/** Where the dserver key is named; with neither, one is made in `KEYS_DIR`. */
function keyOf(values: SettingValues) {
  return {
    /** PEM texts. */
    privateText: values.PRIVATE_KEY === undefined ? undefined : inlinePem(values.PRIVATE_KEY),
    publicText: values.PUBLIC_KEY === undefined ? undefined : inlinePem(values.PUBLIC_KEY),
    /** Paths, read again whenever the files change. */
    privateFile: values.JWT_PRIVATE_KEY_FILE,
    publicFile: values.JWT_PUBLIC_KEY_FILE,
  };
}

/** Nothing says whether there are several machines; a database they could share says that there may be. */
export const dserverAdvice = (values: SettingValues, production: boolean): string[] =>
  production &&
  values.DATABASE_URL.dialect === 'postgres' &&
  values.PRIVATE_KEY === undefined &&
  values.JWT_PRIVATE_KEY_FILE === undefined
    ? [
        'JWT_PRIVATE_KEY_FILE is not set: name one dserver key for all machines at this database, or each makes its own in KEYS_DIR and refuses the tokens of the others.',
      ]
    : [];

/** The settings of dserver tokens and of the doors they are given out at. */
export function dserverOf(values: SettingValues, issuer: URL) {
  return {
    key: keyOf(values),
    algorithm: values.JWT_ALGORITHM,
    issuer: values.JWT_ISSUER,
    audience: values.JWT_AUDIENCE,
    /** Hours. */
    expiryHours: values.JWT_TOKEN_EXPIRY_HOURS,
    refreshMaxDays: values.JWT_REFRESH_MAX_DAYS,
    defaultPermissions: values.OAUTH2_DEFAULT_USER_PERMISSIONS,
    localAccounts: values.DSERVER_LOCAL_ACCOUNTS,
    /** Without a slash at the end. */
    baseUrl: (values.OAUTH2_BASE_URL ?? issuer.origin).replace(/\/+$/, ''),
    frontendUrl: values.OAUTH2_FRONTEND_URL,
    successRedirect: values.OAUTH2_LOGIN_SUCCESS_REDIRECT,
    errorRedirect: values.OAUTH2_LOGIN_ERROR_REDIRECT,
    inFragment: values.OAUTH2_DELIVER_TOKEN_IN_FRAGMENT,
    tokenCookie: values.OAUTH2_TOKEN_COOKIE,
    providerName: values.OAUTH2_PROVIDER_NAME,
    apiKey: values.OAUTH2_API_KEY,
    apiKeyUsers: values.DSERVER_API_KEY_USERS,
    sync: { url: values.DSERVER_SYNC_URL, admin: values.DSERVER_SYNC_ADMIN },
  };
}
