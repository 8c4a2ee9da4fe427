import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from 'koa';
import type { Config } from '../config/config.js';
import { rootFolder } from '../config/root-folder.js';
import { ConfigFault } from '../config/config-fault.js';
import type { Clock } from '../crypto/clock.js';
import { Unavailable } from '../errors/errors.js';
import type { Logger } from '../observe/logger.js';
import { type Assets, createAssets, isLogoFile, logoName } from './assets.js';
import { type Csrf, createCsrf } from './csrf.js';
import { createFlash, type Flash } from './flash.js';
import { createOriginRule, type OriginRule } from './origin.js';
import { createRenderError, type RenderError } from './render-error.js';
import { createRenderView, type RenderView } from './render-view.js';
import { requestIdOf } from './request-id.js';

/** What the pages share. */
export interface Web {
  readonly viewsDirs: readonly string[];
  readonly assets: Assets;
  readonly origin: OriginRule;
  readonly csrf: Csrf;
  readonly flash: Flash;
  readonly renderView: RenderView;
  readonly renderError: RenderError;
  /** Where a request came from, for the audit trail. */
  readonly requestInfo: (ctx: Context) => { readonly ip: string; readonly requestId: string };
}

export function createWeb(config: Config, log: Logger, clock: Clock): Web {
  const own = join(rootFolder(), 'views');
  if (config.viewsDir && !existsSync(config.viewsDir)) {
    const message = `there is no folder ${config.viewsDir}`;
    throw new ConfigFault([{ setting: 'VIEWS_DIR', variable: 'VIEWS_DIR', message }]);
  }
  const viewsDirs = config.viewsDir ? [own, config.viewsDir] : [own];
  const { name, logo, color } = config.brand;
  const logoFile = logo && isLogoFile(logo) ? logo : undefined;
  const assets = createAssets(viewsDirs, logoFile);
  const origin = createOriginRule({ issuer: config.issuer, acceptedHosts: config.http.acceptedHosts });
  const { secretKeys } = config;
  const secure = config.issuer.startsWith('https:');
  const csrf = createCsrf({ secretKeys, secure, origin });
  const flash = createFlash({ secretKeys, secure, clock });
  const shownLogo = logoFile ? assets.href(logoName(logoFile)) : logo;
  const brand = {
    name,
    ...(shownLogo ? { logo: shownLogo } : {}),
    ...(color ? { color } : {}),
    ...(config.securityContact ? { helpHref: config.securityContact } : {}),
  };
  const renderView = createRenderView({ viewsDirs, brand, assets, csrf, cache: config.production });
  const renderError = createRenderError({
    renderView,
    report: ({ requestId, status, code, detail, error }) => {
      const fields = { request_id: requestId, status, error_code: code, detail };
      // Where a busy server refused says nothing, and a crowd is no time to make stacks: what kept it busy does.
      const why = error instanceof Unavailable ? error.cause : error;
      const told = typeof why === 'string' ? { detail: why } : { err: why };
      if (status >= 500) log.error({ ...fields, ...told }, 'a request failed');
      else log.debug(fields, 'a request was refused');
    },
  });
  const requestInfo = (ctx: Context) => ({ ip: ctx.ip, requestId: requestIdOf(ctx) });
  return { viewsDirs, assets, origin, csrf, flash, renderView, renderError, requestInfo };
}
