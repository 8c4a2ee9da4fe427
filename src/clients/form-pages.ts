import type { Context } from 'koa';
import type { FieldFault } from '../platform/errors/errors.js';
import { InvalidInput } from '../platform/errors/errors.js';
import type { Form } from '../platform/web/body.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { Draft } from './check.js';
import {
  type ClientForm,
  formFaults,
  formMetadata,
  formOptions,
  MORE_FIELDS,
  readClientForm,
} from './form.js';
import type { ClientRecord } from './client.js';
import type { Person } from './client-pages.js';
import { PRESETS } from './presets.js';

/** The page with the form of a client, new or known, and its judgement while somebody types. */

const AUTH_METHODS = [
  { value: 'client_secret_basic', label: 'client_secret_basic: secret in the Authorization header' },
  { value: 'client_secret_post', label: 'client_secret_post: secret in the form body' },
  { value: 'client_secret_jwt', label: 'client_secret_jwt: assertion signed with the secret' },
  { value: 'private_key_jwt', label: 'private_key_jwt: assertion signed with a key of its own' },
  { value: 'none', label: 'none: a public client without a secret' },
];

const ID_TOKEN_ALGS = [
  { value: '', label: 'Not chosen: RS256' },
  { value: 'ES256', label: 'ES256 (recommended)' },
  { value: 'EdDSA', label: 'EdDSA' },
  { value: 'PS256', label: 'PS256' },
  { value: 'RS256', label: 'RS256' },
];

const APPLICATION_TYPES = [
  { value: '', label: 'As the redirect URIs say' },
  { value: 'web', label: 'Web' },
  { value: 'native', label: 'Native' },
];

interface Place {
  readonly person: Person;
  readonly values: ClientForm;
  readonly faults?: readonly FieldFault[];
  /** The client that is edited; absent for a new one. */
  readonly client?: ClientRecord;
  readonly preset?: string;
  /** Instead of 400 with faults, 200 without. */
  readonly status?: number;
}

export function showClientForm(ctx: Context, renderView: RenderView, place: Place): void {
  const { person, values, client, faults = [] } = place;
  const account = { name: person.username };
  const status = place.status ?? (faults.length > 0 ? 400 : 200);
  const shared = {
    values,
    faults,
    moreOpen: MORE_FIELDS.some(
      (field) => isChosen(field, values) || faults.some((one) => one.field === field),
    ),
    ...{ authMethods: AUTH_METHODS, idTokenAlgs: ID_TOKEN_ALGS, applicationTypes: APPLICATION_TYPES },
  };
  if (client) {
    const path = `/clients/${client.clientId}`;
    const model = {
      ...shared,
      heading: 'Edit the client',
      lead: 'Changes hold from the next request on. Tokens already given out stay as they are.',
      submitLabel: 'Save',
      action: `${path}/edit`,
      checkAction: `${path}/check`,
      cancelHref: path,
      hidden: { version: String(client.version) },
      presets: [],
    };
    renderView(ctx, 'create-client', model, { account, status, connects: true, title: 'Edit the client' });
    return;
  }
  const model = {
    ...shared,
    heading: 'Create a client',
    lead: 'A client is an application that may ask for tokens. You can copy its id and secret on the next page.',
    submitLabel: 'Create client',
    action: '/create_client',
    checkAction: '/create_client/check',
    cancelHref: '/',
    presets: PRESETS.map(({ id, label, text, values: fields }) => ({
      ...{ id, label, text, current: id === place.preset },
      fields: JSON.stringify(fields),
    })),
  };
  renderView(ctx, 'create-client', model, { account, status, connects: true });
}

/** Presets and known clients name their application type always: no reason to unfold the rest. */
const isChosen = (field: keyof ClientForm, values: ClientForm): boolean =>
  field !== 'application_type' && values[field] !== '' && values[field] !== false;

/** What a posted form asks for. @throws {InvalidInput} at `jwks` */
export function draftOf(form: ClientForm, former?: ClientRecord): Draft & { requirePkce: boolean } {
  return {
    metadata: formMetadata(form, former?.metadata),
    options: formOptions(form),
    requirePkce: form.require_pkce,
    ...(former ? { resourceServer: former.resourceServer } : {}),
  };
}

/** Answers the page's script with what is wrong so far, by the form's own names; saves nothing. */
export async function answerCheck(
  ctx: Context,
  posted: Form,
  faultsOf: (draft: Draft) => Promise<readonly FieldFault[]>,
  former?: ClientRecord,
): Promise<void> {
  ctx.set('Cache-Control', 'no-store');
  try {
    ctx.body = { faults: formFaults(await faultsOf(draftOf(readClientForm(posted), former))) };
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    ctx.body = { faults: formFaults(error.faults) };
  }
}
