/**
 * Settings of the linked-account doors under the names Invenio gave them. What was Python there (forms,
 * handlers, application dictionaries) has another place here, which the warning names.
 */
import { addOptions, type Gathering } from './upstream-drafts.js';

export interface LinkedSettings {
  /** Seconds a login begun at these doors may take. */
  readonly stateTtl: number;
  /** `/oauth/login` leads to the only visible upstream where local sign-in is off. */
  readonly autoRedirect: boolean;
  /** Where the REST doors send a login whose state is worth nothing. */
  readonly restErrorRedirect: string;
  /** How the REST doors answer: by redirect with the message in the query, or by a page that posts it. */
  readonly restResponse: 'redirect' | 'postmessage';
  /** Seconds before its end at which a kept token counts as expired. */
  readonly tokenLeeway: number;
}

const PREFIX = 'OAUTHCLIENT_';

const MOVED: Readonly<Record<string, string>> = {
  REMOTE_APPS: 'name upstreams in UPSTREAMS_FILE or UPSTREAM_<ID>_*',
  REST_REMOTE_APPS: 'name upstreams in UPSTREAMS_FILE or UPSTREAM_<ID>_*',
  SESSION_KEY_PREFIX: 'no upstream token is kept in a session',
  STATE_ENABLED: 'state is always checked',
  SIGNUP_FORM: 'the form has the fields of an account',
  SIGNUP_TEMPLATE: 'put a template of the same name into VIEWS_DIR',
  REMOTE_APP: 'write a handler into HANDLERS_DIR',
};

/** Per application: checks that cannot be switched off here. */
const ALWAYS = /_(VERIFY_AUD|VERIFY_EXP|AUD|USER_INFO_FROM_ENDPOINT|ALLOWED_ROLES|REFRESH_TIMEDELTA)$/;

function credentials(text: string): { key: string; secret: string } | undefined {
  // As JSON, or as the Python dictionary that stood in the configuration file.
  for (const candidate of [text, text.replaceAll("'", '"')]) {
    try {
      const { consumer_key: key, consumer_secret: secret } = JSON.parse(candidate);
      if (typeof key === 'string' && typeof secret === 'string') return { key, secret };
    } catch {
      // The other way of writing it may do.
    }
  }
  return undefined;
}

/** `<APP>_APP_CREDENTIALS`, `<APP>_CONSUMER_KEY`, `<APP>_REALM_URL` … switch on the preset of that name. */
function readApp(to: Gathering, name: string, text: string, variable: string): boolean {
  const [, app = '', what = ''] =
    /^([A-Z0-9_]+?)_(APP_CREDENTIALS|CONSUMER_KEY|CONSUMER_SECRET|REALM_URL|USER_INFO_URL)$/.exec(name) ?? [];
  if (app === '') return false;
  const id = app.toLowerCase();
  const add = (options: Readonly<Record<string, string>>) =>
    addOptions(
      to,
      { id, variable },
      Object.fromEntries(Object.entries(options).map(([option, given]) => [option, { given, variable }])),
    );
  if (what === 'REALM_URL') add({ protocol: 'oidc', issuer: text });
  else if (what === 'USER_INFO_URL') add({ userinfo_url: text });
  else {
    const pair = what === 'APP_CREDENTIALS' ? credentials(text) : { key: text, secret: text };
    if (pair === undefined) {
      const message = 'is not {"consumer_key": "…", "consumer_secret": "…"}';
      to.faults.push({ setting: 'OAUTHCLIENT_*', variable, message });
    } else if (what === 'CONSUMER_KEY') add({ client_id: pair.key });
    else if (what === 'CONSUMER_SECRET') add({ client_secret: pair.secret });
    else add({ client_id: pair.key, client_secret: pair.secret });
  }
  return true;
}

/** An application without a realm of its own is the preset of its name. */
function presetsByName(to: Gathering, ids: ReadonlySet<string>): void {
  for (const id of ids) {
    const draft = to.drafts.get(id);
    const named = ['preset', 'protocol', 'issuer', 'metadata_url', 'authorization_url'];
    if (draft === undefined || named.some((option) => draft.options.has(option))) continue;
    draft.options.set('preset', { given: id, variable: draft.variable });
  }
}

export function readLinkedApps(to: Gathering): LinkedSettings {
  const out = { stateTtl: 300, autoRedirect: false, restErrorRedirect: '/', tokenLeeway: 10 };
  let restResponse: LinkedSettings['restResponse'] = 'redirect';
  const apps = new Set<string>();
  for (const [full, { text, variable }] of to.sources) {
    if (!full.startsWith(PREFIX)) continue;
    const name = full.slice(PREFIX.length);
    const refuse = (message: string) => to.faults.push({ setting: 'OAUTHCLIENT_*', variable, message });
    const whole = (min: number, max: number): number => {
      const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
      if (!(number >= min && number <= max)) refuse(`is not a whole number of seconds from ${min} to ${max}`);
      return number;
    };
    if (name === 'STATE_EXPIRES') out.stateTtl = whole(30, 86_400);
    else if (name === 'TOKEN_EXPIRES_LEEWAY') out.tokenLeeway = whole(0, 3600);
    else if (name === 'AUTO_REDIRECT_TO_EXTERNAL_LOGIN') {
      out.autoRedirect = /^(on|true|yes|1)$/i.test(text);
      if (!out.autoRedirect && !/^(off|false|no|0)$/i.test(text)) refuse('is neither on nor off');
    } else if (name === 'REST_DEFAULT_ERROR_REDIRECT_URL') out.restErrorRedirect = text;
    else if (name === 'REST_DEFAULT_RESPONSE_HANDLER') {
      if (text === 'redirect' || text === 'postmessage') restResponse = text;
      else refuse('is neither redirect nor postmessage');
    } else if (name in MOVED) to.warnings.push(`${variable} has no effect: ${MOVED[name]}.`);
    else if (ALWAYS.test(name))
      to.warnings.push(`${variable} has no effect: an upstream has options for that.`);
    else if (readApp(to, name, text, variable)) {
      apps.add(
        name
          .replace(/_(APP_CREDENTIALS|CONSUMER_KEY|CONSUMER_SECRET|REALM_URL|USER_INFO_URL)$/, '')
          .toLowerCase(),
      );
    } else to.warnings.push(`${variable} is not a setting of the linked-account doors.`);
  }
  presetsByName(to, apps);
  return { ...out, restResponse };
}
