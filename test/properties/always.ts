import fc from 'fast-check';
import { vi } from 'vitest';

// A failure prints the seed and the path that led to it: `{ seed: 42, path: "7:1:0", … }`. To see
// it again, and only it:
//
//   SEED=42 REPLAY=7:1:0 npx vitest run --project unit test/properties/cleanup.test.ts -t 'the name
//   of the property'
//
// SEED alone repeats the whole run. RUNS says how many histories each property sees that talks to
// the embedded cloud; one that only computes sees five times as many, one that has to wait a
// quarter. `npm run test:thorough` sets it high.
const { RUNS = '15', SEED, REPLAY } = process.env;

vi.setConfig({ testTimeout: 600_000 });

interface Options {
  /** Whether a run costs no more than some computing. */
  pure?: boolean;
  /** Whether a run takes a second, because something in it waits. */
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
