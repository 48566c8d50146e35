import { defineConfig } from 'vitest/config';

// What decides about snapshots, and the tests that say how. What survives is explained in CONTRIBUTING.md.
export default defineConfig({
  test: {
    include: [
      'test/{belonging,cleanup,marker,policy,retention,schedule,schedule-zones,selection,wall-clock}.test.ts',
      'test/drill/{ownership,record,throw-away}.test.ts',
      'test/handlers/{cleanup,volumes}.test.ts',
    ],
    testTimeout: 60_000,
  },
});
