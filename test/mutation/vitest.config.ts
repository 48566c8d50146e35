import { defineConfig } from 'vitest/config';

// What decides about snapshots, and the tests that say how. What survives is explained in
// CONTRIBUTING.md.
export default defineConfig({
  test: {
    include: [
      'test/config/{policy,schedule,schedule-zones,wall-clock}.test.ts',
      'test/snapshots/{cleanup,marker,ownership,retention,selector}.test.ts',
      'test/drill/throw-away.test.ts',
      'test/handlers/{cleanup,volumes}.test.ts',
    ],
    testTimeout: 60_000,
  },
});
