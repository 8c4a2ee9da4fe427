import type Router from '@koa/router';
import { InvalidInput } from '../platform/errors/errors.js';
import type { ClientPages, PageDependencies } from './client-pages.js';
import { MAX_LEASE_DAYS } from './leases.js';
import { MAX_KEEP_DAYS } from './register.js';

/** What comes and goes while the client stays: its secrets and its redirect leases. */

const DAY_MS = 86_400_000;

function keepDays(text = '0'): number {
  const days = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (days <= MAX_KEEP_DAYS) return days;
  throw new InvalidInput([
    { field: 'keep_days', message: `The former secret can be kept for 0 to ${MAX_KEEP_DAYS} days.` },
  ]);
}

export function addSecretRoutes(router: Router, pages: ClientPages, deps: PageDependencies): void {
  const { clients, requestInfo } = deps;

  router.post('/clients/:id/rotate', async (ctx) => {
    const asked = await pages.posted(ctx);
    if (!asked) return;
    const { person, client, form } = asked;
    const days = keepDays(form.keep_days);
    const by = { actorId: person.id, keepOldMs: days * DAY_MS };
    const newSecret = await clients.rotateSecret(client.clientId, by, requestInfo(ctx));
    const notice =
      days === 0
        ? 'The old secret has ended.'
        : `Both secrets work now; the old one ends in ${days === 1 ? '1 day' : `${days} days`} at the latest.`;
    pages.leadTo(ctx, { person, client }, { newSecret, notice });
  });

  router.post('/clients/:id/end-secret', async (ctx) => {
    const asked = await pages.posted(ctx);
    if (!asked) return;
    const { person, client, form } = asked;
    await clients.endSecret(client, form.secret_id ?? '', { actorId: person.id }, requestInfo(ctx));
    ctx.status = 303;
    ctx.redirect(`/clients/${client.clientId}?done=secret-ended`);
  });
}

export function addLeaseRoutes(router: Router, pages: ClientPages, deps: PageDependencies): void {
  const { leases, requestInfo } = deps;

  router.post('/clients/:id/leases', async (ctx) => {
    const asked = await pages.posted(ctx);
    if (!asked) return;
    const { person, client, form } = asked;
    const redirectUri = (form.redirect_uri ?? '').trim();
    const days = (form.days ?? '').trim();
    const seconds = /^\d{1,3}$/.test(days) ? (Number(days) * DAY_MS) / 1000 : Number.NaN;
    try {
      await leases.add(client, { redirectUri, seconds }, { actorId: person.id }, requestInfo(ctx));
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      const faults = error.faults.map(({ field, message }) =>
        field === 'seconds'
          ? { field: 'days', message: `Write 1 to ${MAX_LEASE_DAYS} days.` }
          : { field, message },
      );
      return pages.show(ctx, { person, client }, { lease: { redirectUri, days, faults } });
    }
    ctx.status = 303;
    ctx.redirect(`/clients/${client.clientId}?done=lease-added`);
  });

  router.post('/clients/:id/leases/remove', async (ctx) => {
    const asked = await pages.posted(ctx);
    if (!asked) return;
    const { person, client, form } = asked;
    const by = { actorId: person.id };
    await leases.remove(client.clientId, form.lease_id ?? '', by, requestInfo(ctx));
    ctx.status = 303;
    ctx.redirect(`/clients/${client.clientId}?done=lease-removed`);
  });
}
