import { defineConfig } from 'vitest/config';

/** `npm run test:aws`: what `serverless deploy` makes of this project, on an AWS emulator that the tests start. */
export default defineConfig({
  test: {
    globalSetup: 'test/aws/setup.ts',
    testTimeout: 600_000,
    hookTimeout: 600_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'deployments',
          include: ['test/aws/{lifecycle,package}.test.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'runs',
          include: ['test/aws/**/*.test.ts'],
          exclude: ['test/aws/{lifecycle,package}.test.ts'],
          // Some are about time.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
