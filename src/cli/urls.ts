import type { Command } from 'commander';
import { listRoutes } from '../app.js';
import { createHealth } from '../platform/observe/health.js';
import type { Cli } from './desk.js';
import { table } from './table.js';

/** A route for every method names dozens; these are the ones a person looks for. */
const SHOWN = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

export function addUrlsVerb(program: Command, cli: Cli): void {
  program
    .command('urls')
    .description('every address the server answers')
    .action(() =>
      cli.withContainer(async (container) => {
        const health = createHealth({ checks: [], draining: () => false });
        const routes = listRoutes(container, health)
          .map((route) => ({ ...route, methods: SHOWN.filter((method) => route.methods.includes(method)) }))
          // What answers preflights alone is no address to look for.
          .filter(({ methods }) => methods.length > 0)
          .toSorted((a, b) => (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0));
        cli.progress('[*] Listing urls');
        cli.print(
          routes,
          table(
            ['Rule', 'Endpoint', 'Methods'],
            routes.map(({ rule, endpoint, methods }) => [rule, endpoint, methods.join(', ')]),
          ),
        );
      }),
    );
}
