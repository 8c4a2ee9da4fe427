import Router from '@koa/router';
import type { Roles } from '../accounts/roles.js';
import type { Modules } from '../permission-service/modules.js';
import type { NamedGrant } from '../permission-service/service.js';
import type { Services } from '../permission-service/services.js';
import type { AllowedService } from '../platform/config/permission-settings.js';
import type { AdminSection } from '../platform/web/admin-views.js';
import type { AdminServicesModel } from '../platform/web/permission-views.js';
import type { RenderView } from '../platform/web/render-view.js';
import type { AdminPages } from './admin-pages.js';

interface Dependencies {
  readonly pages: AdminPages;
  readonly services: Pick<Services, 'list' | 'listGrants'>;
  readonly allowed: readonly AllowedService[];
  readonly modules: Modules;
  readonly roles: Pick<Roles, 'listFacts'>;
  readonly renderView: RenderView;
}

export const SERVICES: AdminSection = {
  label: 'Services and permissions',
  href: '/admin/services',
  hint: 'who may do what in other services, and the roles',
};
const CLI = 'npm run -s cli --';

const COMMANDS = [
  { title: 'A new service', text: `${CLI} service create editor --title "The editor"` },
  { title: 'What a role may do in it', text: `${CLI} service grant editor read write --role staff` },
  { title: 'What one person may do in it', text: `${CLI} service grant editor publish --user alice` },
  { title: 'Taking it back', text: `${CLI} service revoke editor publish --user alice` },
  { title: 'A role for somebody', text: `${CLI} user role alice add staff` },
];

/** Which services there are, and who may what in them. */
export function createServicePages(deps: Dependencies): Router {
  const router = new Router();
  router.get(
    SERVICES.href,
    deps.pages.only(async (ctx, administrator) =>
      deps.renderView(ctx, 'admin-services', await modelOf(deps), deps.pages.head(administrator)),
    ),
  );
  return router;
}

async function modelOf({ services, allowed, modules, roles }: Dependencies): Promise<AdminServicesModel> {
  const [own, grants, facts] = await Promise.all([services.list(), services.listGrants(), roles.listFacts()]);
  return {
    services: own.map(({ name, title }) => ({
      name,
      ...(title === undefined ? {} : { title }),
      grants: byPermission(grants.filter(({ service }) => service === name)),
    })),
    modules: await Promise.all(
      allowed.map(async ({ name, module }) => ({ name, module, state: await stateOf(modules, module) })),
    ),
    roles: facts.map(({ name, description, holders }) => ({
      name,
      ...(description === undefined ? {} : { description }),
      holders: holders === 1 ? '1 person' : `${holders} people`,
      permissions: grants
        .filter(({ grantee }) => grantee.kind === 'role' && grantee.role === name)
        .map(({ service, permission }) => `${permission} in ${service}`),
    })),
    commands: COMMANDS,
  };
}

async function stateOf(modules: Modules, name: string): Promise<string> {
  const module = await modules.load(name);
  if (module === undefined) return 'missing or broken: nobody may anything';
  return module.find('getPermissions', 'get_permissions')
    ? 'answers'
    : 'has no getPermissions: nobody may anything';
}

function byPermission(grants: readonly NamedGrant[]) {
  const found = new Map<string, string[]>();
  for (const { permission, grantee, granteeName } of grants) {
    const to = grantee.kind === 'role' ? `everybody with the role ${granteeName}` : granteeName;
    found.set(permission, [...(found.get(permission) ?? []), to]);
  }
  return [...found].map(([permission, to]) => ({ permission, to }));
}
