import { DEVICE_CODE } from './client.js';
import { type ClientForm, EMPTY_FORM } from './form.js';

/** What most applications are: a starting point for the form, with nothing that could not be typed there. */
export interface Preset {
  readonly id: string;
  readonly label: string;
  readonly text: string;
  readonly values: Partial<ClientForm>;
}

const CODE_FLOW = {
  scope: 'openid profile email',
  grant_type: 'authorization_code\nrefresh_token',
  response_type: 'code',
  require_pkce: true,
} satisfies Partial<ClientForm>;

export const PRESETS: readonly Preset[] = [
  {
    id: 'web',
    label: 'Web app',
    text: 'Pages made by a server, which can keep a secret.',
    values: { ...CODE_FLOW, token_endpoint_auth_method: 'client_secret_basic', application_type: 'web' },
  },
  {
    id: 'spa',
    label: 'Single-page app',
    text: 'Runs in the browser, where nothing stays secret.',
    values: { ...CODE_FLOW, token_endpoint_auth_method: 'none', application_type: 'web' },
  },
  {
    id: 'native',
    label: 'Native app',
    text: 'On a phone or a desktop: any port of the loopback address, or a scheme of its own.',
    values: {
      ...CODE_FLOW,
      redirect_uri: 'http://127.0.0.1/callback',
      token_endpoint_auth_method: 'none',
      application_type: 'native',
    },
  },
  {
    id: 'service',
    label: 'Service',
    text: 'A program without people; it gets tokens for itself.',
    values: {
      scope: '',
      grant_type: 'client_credentials',
      response_type: '',
      token_endpoint_auth_method: 'client_secret_basic',
      application_type: 'web',
      require_pkce: true,
    },
  },
  {
    id: 'device',
    label: 'Device',
    text: 'A television or a command line: people type a code elsewhere.',
    values: {
      scope: 'openid profile',
      grant_type: `${DEVICE_CODE}\nrefresh_token`,
      response_type: '',
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      require_pkce: true,
    },
  },
];

const presetOf = (id: unknown): Preset | undefined => PRESETS.find((one) => one.id === id);

/** The form a preset begins with; an unknown one is the plain form. */
export const presetForm = (id: unknown): ClientForm => ({ ...EMPTY_FORM, ...presetOf(id)?.values });

/** The same over what somebody has typed already, as the page's script does it: a preset has no better address. */
export function withPreset(typed: ClientForm, id: unknown): ClientForm {
  const filled = { ...typed, ...presetOf(id)?.values };
  return typed.redirect_uri.trim() === '' ? filled : { ...filled, redirect_uri: typed.redirect_uri };
}
