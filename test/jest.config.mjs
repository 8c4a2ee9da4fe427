/**
 * Five jest projects, one per kind of test (`test/<project>/**\/*.test.ts`), all native ES modules.
 * Only the projects that name a globalSetup cause it to run, so unit tests never wait for PostgreSQL.
 */
import { fileURLToPath } from 'node:url';

const rootDir = fileURLToPath(new URL('..', import.meta.url));

const swc = [
  '@swc/jest',
  {
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    // Without this @swc/jest emits CommonJS, and oidc-provider, jose and openid-client cannot be loaded.
    module: { type: 'es6' },
    sourceMaps: 'inline',
  },
];

const project = (name, more = {}) => ({
  displayName: name,
  rootDir,
  // Not test/<name>: git keeps no empty folders, and jest wants its roots to exist.
  roots: ['<rootDir>/test'],
  testEnvironment: 'node',
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  extensionsToTreatAsEsm: ['.ts'],
  // NodeNext imports say './x.js' for what is x.ts on disk.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  // A `data/` or `.dist-*` folder full of passing files would only slow the file map down.
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/\\.dist-', '<rootDir>/data/'],
  transform: { '^.+\\.ts$': swc },
  setupFiles: ['<rootDir>/scripts/lib/hush-runtime-notice.mjs'],
  ...more,
});

const withPostgres = {
  globalSetup: '<rootDir>/test/support/start-postgres.ts',
  globalTeardown: '<rootDir>/test/support/stop-postgres.ts',
};

export default {
  rootDir,
  projects: [
    project('unit'),
    project('stores', withPostgres),
    project('flows', withPostgres),
    project('races', withPostgres),
    project('drills', {
      ...withPostgres,
      // `*.drill.ts` needs a program from apt, so it is for `npm run drill` alone.
      testMatch: [
        '<rootDir>/test/drills/*.test.ts',
        ...(process.env.DRILL ? ['<rootDir>/test/drills/*.drill.ts'] : []),
      ],
    }),
    project('pages', withPostgres),
  ],
  maxWorkers: 2,
  // A guard against hanging, not a measure: two busy cores take their time over a browser.
  testTimeout: 90_000,
};
