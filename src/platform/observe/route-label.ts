/**
 * The route of a request as a label: the pattern a router matched, or that of a route the library answers.
 * Whatever else was asked for is `other`, or strangers could make as many series as they like.
 */
export function createRouteLabels(rules: readonly string[]) {
  const plain = new Set(rules.filter((rule) => !rule.includes(':')));
  const patterns = rules
    .filter((rule) => rule.includes(':'))
    .map((rule) => ({ rule, start: rule.slice(0, rule.indexOf(':')) }));

  return (matched: unknown, path: string): string => {
    if (typeof matched === 'string') return matched;
    if (plain.has(path)) return path;
    return patterns.find(({ start }) => path.startsWith(start))?.rule ?? 'other';
  };
}
