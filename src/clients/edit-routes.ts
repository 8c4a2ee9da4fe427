import type Router from '@koa/router';
import type { Context } from 'koa';
import { InvalidInput } from '../platform/errors/errors.js';
import type { ClientUsage } from '../stores/client-usage-store.js';
import { type ClientPages, counted, nameOf, type PageDependencies } from './client-pages.js';
import { isChangedMeanwhile } from './change.js';
import type { Draft } from './check.js';
import { differences, formFaults, formOf, readClientForm } from './form.js';
import { answerCheck, draftOf, showClientForm } from './form-pages.js';
import type { MachineScopes } from './machine-scopes.js';
import { needsSecret } from './secrets.js';

/** Changing a client and taking it away. */
interface Dependencies extends PageDependencies {
  readonly revokeGrantsOf: (clientId: string) => Promise<unknown>;
  readonly usageOf: (clientId: string) => Promise<ClientUsage>;
  readonly machineScopes: MachineScopes;
}

/** Of the form as a whole; the fields that differ say how. */
const CHANGED_MEANWHILE = {
  field: '',
  message:
    'Somebody else changed this client meanwhile, so nothing was saved. Your entries are still here. ' +
    'Where they differ, the field says what is saved now; “Save” puts yours in its place.',
};

function consequences({ grants, consents }: ClientUsage, hasSecret: boolean): string[] {
  return [
    grants === 0
      ? 'It has no live grants, so no tokens end.'
      : `${counted(grants, 'live grant ends, with its tokens', 'live grants end, with their tokens')}.`,
    consents === 0
      ? 'Nobody has consented to it yet.'
      : `${counted(consents, 'person’s consent is', 'people’s consents are')} forgotten.`,
    hasSecret
      ? 'Its id and its secrets are refused; the application can sign nobody in.'
      : 'Its id is refused; the application can sign nobody in.',
  ];
}

export function addEditRoutes(router: Router, pages: ClientPages, deps: Dependencies): void {
  const { clients, renderView, requestInfo } = deps;

  async function save(ctx: Context): Promise<void> {
    const asked = await pages.posted(ctx);
    if (!asked) return;
    const { person, client, form } = asked;
    const values = readClientForm(form);
    const version = Number(form.version);
    try {
      const draft = draftOf(values, client);
      await deps.machineScopes.require(person, draft, client);
      const change = { options: {}, ...draft, version };
      const by = { actorId: person.id };
      const { client: changed, secret } = await clients.update(client, change, by, requestInfo(ctx));
      if (secret !== undefined) {
        const notice = 'The changes have been saved. The new authentication method needs a new secret.';
        return pages.leadTo(ctx, { person, client: changed }, { newSecret: secret, notice });
      }
      ctx.status = 303;
      ctx.redirect(`/clients/${client.clientId}?done=edited`);
    } catch (error) {
      if (isChangedMeanwhile(error)) {
        const now = await pages.ownClient(ctx, person);
        const faults = [CHANGED_MEANWHILE, ...differences(values, formOf(now))];
        return showClientForm(ctx, renderView, { person, values, faults, client: now, status: 409 });
      }
      if (!(error instanceof InvalidInput)) throw error;
      const faults = formFaults(error.faults);
      showClientForm(ctx, renderView, { person, values, faults, client: { ...client, version } });
    }
  }

  async function askDelete(ctx: Context): Promise<void> {
    const opened = await pages.opened(ctx);
    if (!opened) return;
    const { person, client } = opened;
    const path = `/clients/${client.clientId}`;
    const hasSecret = needsSecret(client.metadata.token_endpoint_auth_method);
    renderView(
      ctx,
      'client-delete',
      {
        client: { name: nameOf(client) },
        action: `${path}/delete`,
        consequences: consequences(await deps.usageOf(client.clientId), hasSecret),
        stayHref: path,
      },
      { account: { name: person.username, roles: person.roles } },
    );
  }

  async function remove(ctx: Context): Promise<void> {
    const asked = await pages.posted(ctx);
    if (!asked) return;
    const { person, client } = asked;
    await clients.remove(client.clientId, { actorId: person.id }, requestInfo(ctx));
    await deps.revokeGrantsOf(client.clientId);
    ctx.status = 303;
    ctx.redirect('/');
  }

  router.get('/clients/:id/edit', async (ctx) => {
    const opened = await pages.opened(ctx);
    if (opened) showClientForm(ctx, renderView, { ...opened, values: formOf(opened.client) });
  });
  router.post('/clients/:id/edit', save);
  router.post('/clients/:id/check', async (ctx) => {
    const asked = await pages.posted(ctx);
    if (!asked) return;
    const { person, client, form } = asked;
    const faultsOf = async (draft: Draft) => [
      ...(await clients.faultsOf(draft)),
      ...(await deps.machineScopes.faultsOf(person, draft, client)),
    ];
    await answerCheck(ctx, form, faultsOf, client);
  });
  router.get('/clients/:id/delete', askDelete);
  router.post('/clients/:id/delete', remove);
}
