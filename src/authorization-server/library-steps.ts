import type { KoaContextWithOIDC } from 'oidc-provider';

/** One of the steps an endpoint of the library consists of. They are the module's, shared by all its providers. */
export type Step = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void> | void;

/**
 * To be called while modules are loaded: a provider takes the steps when it is made.
 * @throws {Error} where the library no longer has a step of that name: what stands in for it is to be read again
 */
export function replaceStep(steps: Step[], name: string, by: (original: Step) => Step): void {
  const at = steps.findIndex((step) => step.name === name);
  const original = steps[at];
  if (!original) throw new Error(`oidc-provider has no step ${name} any more`);
  steps[at] = by(original);
}
