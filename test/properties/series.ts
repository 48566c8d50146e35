import fc from 'fast-check';
import { type Keep, parsePolicy } from '../../lib/config/policy.ts';
import type { Snapshot, SnapshotState } from '../../lib/snapshots/snapshot.ts';
import { policy } from '../harness.ts';
import { snapshot } from '../snapshots.ts';
import { keepEvents, NOW } from './worlds.ts';

const HOUR_MS = 3_600_000;

/** The rules of an event, as numbers. */
export const keeps: fc.Arbitrary<Keep> = keepEvents.map((keep) => parsePolicy(policy({ keep })).keep);

const states = fc.constantFrom<SnapshotState>('good', 'good', 'good', 'pending', 'failed', 'unknown');
const holds = fc.constantFrom<Snapshot['hold']>(
  ...Array<undefined>(9).fill(undefined),
  'forever',
  'protected',
  new Date('2026-11-01'),
  new Date('2026-12-01'),
);
/**
 * The hours from the slot to the drill that the snapshot passed, and to the last drill; most
 * snapshots have none.
 */
const drills = fc.constantFrom<[proven: number, drilled: number] | undefined>(
  ...Array<undefined>(6).fill(undefined),
  [5, 5],
  [5, 9],
);
/** The exposure of an image to others; most images have none. */
const exposures = fc.constantFrom<Snapshot['exposure']>(
  ...Array<undefined>(5).fill(undefined),
  'shared',
  'hidden',
);
/** Many times are equal, and some are in the years before. */
const ages = fc.oneof(fc.integer({ min: -48, max: 48 }), fc.integer({ min: 0, max: 20_000 }));

/** Random series, seen at {@link NOW}. */
export const histories: fc.Arbitrary<Snapshot[]> = fc
  .array(fc.record({ hoursAgo: ages, state: states, hold: holds, drill: drills, exposure: exposures }), {
    maxLength: 40,
    size: 'max',
  })
  .map((entries) =>
    entries.map(({ hoursAgo, state, hold, drill, exposure }, i) => {
      const slot = new Date(NOW.getTime() - hoursAgo * HOUR_MS);
      const [proven, drilled] = drill?.map((hours) => new Date(slot.getTime() + hours * HOUR_MS)) ?? [];
      return snapshot(slot, { id: `i${i}`, state, status: state, hold, proven, drilled, exposure });
    }),
  );
