import { noticeText } from '../platform/web/notice-text.js';
import Router from '@koa/router';
import type { Context } from 'koa';
import { InvalidInput, PosternError } from '../platform/errors/errors.js';
import { readForm } from '../platform/web/body.js';
import type { ClientUsageStore } from '../stores/client-usage-store.js';
import { createClientPages, type PageDependencies, type Person, refuseCreation } from './client-pages.js';
import { addEditRoutes } from './edit-routes.js';
import { formFaults, readClientForm } from './form.js';
import { answerCheck, draftOf, showClientForm } from './form-pages.js';
import { createMachineScopes } from './machine-scopes.js';
import { presetForm, withPreset } from './presets.js';
import type { Resources } from './resources.js';
import { addLeaseRoutes, addSecretRoutes } from './secret-routes.js';
import { addTestRoutes, type ClientTests } from './test-routes.js';

/** `/create_client` and the pages of one's own clients. Other people's clients are not there (404). */
export interface ClientRouteDependencies extends PageDependencies {
  readonly mayCreateClients: (account: Person) => boolean;
  readonly isAdmin: (account: Person) => boolean;
  readonly resources: Pick<Resources, 'list'>;
  readonly ownScopes: ReadonlySet<string>;
  /** Ends what was issued to a client that is deleted. */
  readonly revokeGrantsOf: (clientId: string) => Promise<unknown>;
  readonly usageOf: (clientId: string) => ReturnType<ClientUsageStore['of']>;
  readonly tests: ClientTests;
}

/** What just happened, by the word that the page is opened with. */
const NOTICES: Readonly<Record<string, string>> = {
  edited: 'The changes have been saved.',
  'secret-ended': 'The secret has ended.',
  'lease-added': 'The redirect lease has been added.',
  'lease-removed': 'The redirect lease has been removed.',
};

export function createClientRoutes(deps: ClientRouteDependencies): Router {
  const { clients, csrf, renderView, requestInfo } = deps;
  const pages = createClientPages(deps);
  const machineScopes = createMachineScopes(deps);

  async function creator(ctx: Context): Promise<Person | undefined> {
    const person = await pages.signedIn(ctx);
    if (person && !deps.mayCreateClients(person)) refuseCreation();
    return person;
  }

  async function create(ctx: Context): Promise<void> {
    const person = await creator(ctx);
    if (!person) return;
    const posted = await readForm(ctx);
    csrf.require(ctx, posted);
    const values = readClientForm(posted);
    const { preset } = posted;
    // Without a script a preset's button sends the form as it stands: nothing that was typed is lost.
    if (preset)
      return showClientForm(ctx, renderView, { person, values: withPreset(values, preset), preset });
    try {
      const draft = draftOf(values);
      await machineScopes.require(person, draft);
      const { client, secret } = await clients.register({ ...draft, owner: person.id }, requestInfo(ctx));
      const notice = 'The client has been created.';
      pages.leadTo(ctx, { person, client }, { notice, ...(secret ? { newSecret: secret } : {}) });
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      showClientForm(ctx, renderView, { person, values, faults: formFaults(error.faults) });
    }
  }

  async function check(ctx: Context): Promise<void> {
    const person = await deps.currentAccount(ctx);
    if (!person) throw new PosternError(401, 'signed_out', 'Sign in first.');
    if (!deps.mayCreateClients(person)) refuseCreation();
    const posted = await readForm(ctx);
    csrf.require(ctx, posted, '/create_client');
    await answerCheck(ctx, posted, async (draft) => [
      ...(await clients.faultsOf(draft)),
      ...(await machineScopes.faultsOf(person, draft)),
    ]);
  }

  const router = new Router();
  router.get('/create_client', async (ctx) => {
    const person = await creator(ctx);
    const { preset } = ctx.query;
    if (!person) return;
    showClientForm(ctx, renderView, {
      person,
      values: presetForm(preset),
      ...(typeof preset === 'string' ? { preset } : {}),
    });
  });
  router.post('/create_client', create);
  router.post('/create_client/check', check);
  router.get('/clients/:id', async (ctx) => {
    const opened = await pages.opened(ctx);
    if (!opened) return;
    const notice = noticeText(NOTICES, ctx.query.done);
    await pages.show(ctx, opened, {
      ...(notice === undefined ? {} : { notice }),
      ...pages.newsFor(ctx, opened),
    });
  });
  addEditRoutes(router, pages, { ...deps, machineScopes });
  addSecretRoutes(router, pages, deps);
  addLeaseRoutes(router, pages, deps);
  addTestRoutes(router, pages, deps);
  return router;
}
