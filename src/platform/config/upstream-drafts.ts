/** What has been said about upstreams so far, from several places, before any of it is checked. */
import type { SettingFault } from './config-fault.js';
import type { SettingValues } from './settings.js';
import type { ReadFile, SettingSource } from './sources.js';

export type Sources = ReadonlyMap<string, SettingSource>;

export interface Draft {
  readonly id: string;
  readonly variable: string;
  readonly lenient?: boolean;
  /** Option → what was written, and where. */
  readonly options: Map<string, { readonly given: unknown; readonly variable: string }>;
}

export interface Gathering {
  readonly values: SettingValues;
  readonly sources: Sources;
  readonly readFile: ReadFile;
  readonly faults: SettingFault[];
  readonly warnings: string[];
  readonly drafts: Map<string, Draft>;
}

/** Adds options to the upstream of an id. `over`: they may replace what another source said. */
export function addOptions(
  to: Gathering,
  {
    id,
    variable,
    lenient,
    over = false,
  }: { id: string; variable: string; lenient?: boolean; over?: boolean },
  options: Readonly<Record<string, { given: unknown; variable: string } | undefined>>,
): void {
  const draft: Draft = to.drafts.get(id) ?? { id, variable, lenient: lenient ?? false, options: new Map() };
  to.drafts.set(id, draft);
  for (const [name, option] of Object.entries(options)) {
    if (option === undefined) continue;
    const earlier = draft.options.get(name);
    if (earlier !== undefined && !over && earlier.given !== option.given) {
      const message = `says something else about the upstream ${id} than ${earlier.variable}; keep one`;
      to.faults.push({ setting: option.variable, variable: option.variable, message });
    }
    draft.options.set(name, option);
  }
}
