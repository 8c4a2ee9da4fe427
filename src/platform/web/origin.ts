import type { Context } from 'koa';
import { PageError } from '../errors/errors.js';

/** Whether a form post comes from a page of ours, as far as the browser tells. */
export interface OriginRule {
  /** Throws a 403 page for a post that another site caused. */
  require(ctx: Context): void;
}

/** @param settings `acceptedHosts` as `host[:port]`; pages may be served under each of them. */
export function createOriginRule(settings: {
  readonly issuer: string;
  readonly acceptedHosts: readonly string[];
}): OriginRule {
  const { protocol } = new URL(settings.issuer);
  const ours = new Set(
    [settings.issuer, ...settings.acceptedHosts.map((host) => `${protocol}//${host}`)].map(asOrigin),
  );

  return {
    require(ctx) {
      const origin = ctx.get('Origin');
      const site = ctx.get('Sec-Fetch-Site');
      // `same-site` is refused too: a neighbour under the same registrable domain is not us.
      const foreign = site !== '' && site !== 'same-origin' && site !== 'none';
      if (foreign || (origin !== '' && !ours.has(origin))) throw crossSite(origin, site);
    },
  };
}

/** Browsers leave a default port out of `Origin`, settings may not. */
const asOrigin = (address: string): string => new URL(address).origin;

const crossSite = (origin: string, site: string): PageError =>
  new PageError(
    403,
    'cross_site_request',
    'This form was sent from another site',
    'For your safety nothing was changed. Open the page here and send the form again.',
    {
      detail: `origin=${JSON.stringify(origin)} sec-fetch-site=${JSON.stringify(site)}`,
      waysOn: [{ label: 'Home page', href: '/' }],
    },
  );
