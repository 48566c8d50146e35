import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

type Options = NonNullable<Extract<TestProjectConfiguration, { test?: unknown }>['test']>;

/** No test measures speed: a test that takes this long hangs. */
const HANGS_MS = 600_000;

/** Neither UTC nor the zone of a developer, so that tests fail if the code depends on it. */
const TZ = 'Asia/Kathmandu';

/** The processes of the tests need not compile the same modules each time. */
const NODE_COMPILE_CACHE = join(tmpdir(), 'autosnap-compile-cache');

/** The options of suites that run the real functions, with all cases of all clouds. */
const THROUGH_HANDLERS: Options = {
  env: { TZ, CASES: 'all', NODE_COMPILE_CACHE },
  setupFiles: 'test/short-pauses.ts',
  isolate: false,
  testTimeout: HANGS_MS,
  maxWorkers: Math.ceil(1.5 * availableParallelism()),
};

/** The suites of `npm run`, by the names of their projects. CONTRIBUTING.md describes them. */
const suites: Record<string, Options> = {
  unit: {
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/{real,chaos,cli,clients,aws,browser,faults,fleet,recovery,volumes,thorough}/**',
      // Slow ones of those that test:thorough runs anyway.
      'test/properties/{volume-series,volume-sets,year}.test.ts',
    ],
    // The tests wait for a part of their time, for retries and for other processes; each further
    // worker compiles the modules once more.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    setupFiles: 'test/short-pauses.ts',
    // A new process for each file would spend half of its time on warming up.
    isolate: false,
    // The tests make much short-lived data: a larger nursery, without threads of its own, is cheaper.
    execArgv: ['--max-semi-space-size=64', '--single-threaded-gc'],
    testTimeout: HANGS_MS,
    env: { TZ, NODE_COMPILE_CACHE },
  },
  volumes: { include: ['test/volumes/**/*.test.ts'], ...THROUGH_HANDLERS },
  recovery: { include: ['test/recovery/**/*.test.ts'], ...THROUGH_HANDLERS },
  thorough: {
    include: ['test/{properties,thorough}/**/*.test.ts'],
    env: { TZ, RUNS: process.env.RUNS ?? '360', CASES: 'all', NODE_COMPILE_CACHE },
    setupFiles: 'test/short-pauses.ts',
    testTimeout: HANGS_MS,
    maxWorkers: 2,
  },
  fleet: {
    include: ['test/fleet/**/*.test.ts'],
    env: { FLEET: process.env.FLEET ?? 'whole' },
    testTimeout: HANGS_MS,
  },
  faults: { include: ['test/faults/**/*.test.ts'], maxWorkers: 2, hookTimeout: 3 * HANGS_MS },
  // The suites share .build, so they run one at a time.
  cli: {
    include: ['test/cli/**/*.test.ts'],
    env: { NODE_COMPILE_CACHE },
    fileParallelism: false,
    testTimeout: HANGS_MS,
    hookTimeout: HANGS_MS,
  },
  clients: {
    include: ['test/clients/**/*.test.ts'],
    globalSetup: 'test/clients/setup.ts',
    maxWorkers: 2,
    testTimeout: HANGS_MS,
    hookTimeout: HANGS_MS,
  },
  browser: {
    include: ['test/browser/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: HANGS_MS,
    hookTimeout: HANGS_MS,
  },
  'aws-deployments': {
    include: ['test/aws/{lifecycle,package}.test.ts'],
    globalSetup: 'test/aws/setup.ts',
    maxWorkers: 2,
    testTimeout: HANGS_MS,
    hookTimeout: HANGS_MS,
  },
  'aws-runs': {
    include: ['test/aws/**/*.test.ts'],
    exclude: ['test/aws/{lifecycle,package}.test.ts'],
    globalSetup: 'test/aws/setup.ts',
    // Some tests measure time.
    fileParallelism: false,
    testTimeout: HANGS_MS,
    hookTimeout: HANGS_MS,
  },
  // One cloud with its servers, for one test at a time.
  openstack: {
    include: ['test/real/**/*.test.ts'],
    globalSetup: ['test/real/environment.ts', 'test/real/detachments.ts'],
    fileParallelism: false,
    testTimeout: HANGS_MS,
    hookTimeout: HANGS_MS,
  },
  chaos: {
    include: ['test/chaos/**/*.test.ts'],
    globalSetup: ['test/chaos/setup.ts', 'test/real/detachments.ts'],
    testTimeout: 2 * HANGS_MS,
    hookTimeout: HANGS_MS,
  },
};

export default defineConfig({
  test: {
    projects: Object.entries(suites).map(([name, test], i) => ({
      test: { ...test, name, sequence: { groupOrder: i } },
    })),
  },
});
