import fc from 'fast-check';
import { vi } from 'vitest';

// A failure prints the seed and the path of its counterexample: `{ seed: 42, path: "7:1:0", … }`.
// To repeat exactly this case: SEED=42 REPLAY=7:1:0 npx vitest run --project unit
// test/properties/cleanup.test.ts -t 'the name of the property'. SEED alone repeats the whole run.
// RUNS is the number of random histories for each property that talks to the embedded cloud; a
// property that only computes gets five times as many, one that has to wait a quarter. `npm run
// test:thorough` sets a high number.
const { RUNS = '5', SEED, REPLAY } = process.env;

vi.setConfig({ testTimeout: 600_000 });

interface Options {
  /** Whether a run only computes. */
  pure?: boolean;
  /** Whether a run takes a second, because it waits for something. */
  slow?: boolean;
}

/** Fails with the smallest counterexample that fast-check finds to `property`. */
export async function always<T>(
  property: fc.IProperty<T> | fc.IAsyncProperty<T>,
  { pure = false, slow = false }: Options = {},
): Promise<void> {
  await fc.assert(property, {
    numRuns: Math.ceil(Number(RUNS) * (pure ? 5 : slow ? 1 / 4 : 1)),
    ...(SEED ? { seed: Number(SEED) } : {}),
    ...(REPLAY ? { path: REPLAY } : {}),
  });
}
