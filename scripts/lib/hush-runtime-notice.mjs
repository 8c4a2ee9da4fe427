/**
 * Keeps one line of oidc-provider out of a newcomer's sight:
 *
 *   oidc-provider WARNING: Unsupported runtime. Use Node.js v22.x LTS, or a later LTS release.
 *
 * The library prints it on every Node whose release carries no LTS name of "Jod" (22) or later: on Node 20,
 * and also on 26, which is not an LTS line yet. It is a statement of what its author tests, not a fault that
 * was found: Postern's own suite passes on 20, 22, 24 and 26, and `scripts/lib/environment.mjs` refuses what
 * really does not work. Every other warning passes unchanged.
 */
const warn = console.warn.bind(console);

console.warn = (...args) => {
  if (typeof args[0] === 'string' && args[0].includes('oidc-provider WARNING: Unsupported runtime.')) return;
  warn(...args);
};
