import type { Config } from '../../platform/config/config.js';
import type { Upstream } from '../../relying-party/upstream.js';
import { createUpstreams } from '../../relying-party/upstreams.js';
import { UsageFault } from '../faults.js';

/**
 * The one provider these verbs speak of, as the plugin knew no other: the one of its own settings, else the
 * first a person would be shown, unless `--provider` names another.
 */
export function providerOf(config: Config, id: string | undefined): Upstream | undefined {
  const upstreams = createUpstreams(config);
  if (id !== undefined) {
    const found = upstreams.find(id);
    if (found === undefined) throw new UsageFault(`There is no upstream ${id}.`);
    return found;
  }
  const { pluginId } = config.upstreams;
  return (pluginId === undefined ? undefined : upstreams.find(pluginId)) ?? upstreams.visible()[0];
}

export interface ProviderOption {
  readonly provider?: string;
}

export const PROVIDER_OPTION = ['--provider <id>', 'another upstream than the one of OAUTH2_*'] as const;
