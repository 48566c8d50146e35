import { ADHOC } from '../config/adhoc-event.ts';
import { DAY_MS, isoSeconds } from '../config/dates.ts';
import type { Server } from '../openstack/compute.ts';
import { isTakenAgain } from '../snapshots/adhoc-snapshot.ts';
import { hasPassed } from '../snapshots/retention.ts';
import type { SeriesPlan } from '../snapshots/series-plan.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { isStuck } from '../snapshots/snapshot-state.ts';
import { isBackingUp } from '../snapshots/volume-snapshot-status.ts';
import { isStuckCreating } from '../volumes/plan.ts';
import type { RunForecast } from './forecast.ts';
import type { AuditedSeries, AuditedSnapshot } from './model.ts';

/** The snapshots of a series, with their number in each state. */
export type SnapshotFacts = Pick<
  AuditedSeries,
  'newestGood' | 'ageSeconds' | 'good' | 'pending' | 'stuck' | 'failed' | 'unknown' | 'bytes' | 'snapshots'
>;

/**
 * The facts of the snapshots of a series, newest first as in its plan.
 *
 * @param server undefined if it is not here.
 * @param expiryOf when a snapshot is deleted; undefined if that is unknown for all.
 */
export function snapshotFacts(
  items: SeriesPlan['items'],
  {
    server,
    now,
    expiryOf,
  }: { server: Server | undefined; now: Date; expiryOf: RunForecast['expiryOf'] | undefined },
): SnapshotFacts {
  const all = items.map(({ snapshot }) => snapshot);
  const snapshots = items.map(({ snapshot, action, reasons }): AuditedSnapshot => {
    const stuck =
      snapshot.state === 'pending' &&
      (now.getTime() - snapshot.createdAt.getTime() > DAY_MS ||
        (snapshot.volume === undefined
          ? isStuck(snapshot, server?.taskState ?? null, now)
          : isStuckCreating(snapshot, now)));
    const expiry = expiryOf?.(snapshot);
    return {
      image: snapshot.id,
      slot: isoSeconds(snapshot.slot),
      madeAt: isoSeconds(snapshot.createdAt),
      status: snapshot.status,
      // A snapshot that is being backed up is not in trouble, and is good again afterwards.
      state: stuck ? 'stuck' : isBackingUp(snapshot) ? 'pending' : snapshot.state,
      ...(snapshot.sizeBytes === undefined ? {} : { sizeBytes: snapshot.sizeBytes }),
      action,
      reasons,
      ...(isFailedAdhoc(snapshot) && isTakenAgain(snapshot, all) ? { takenAgain: true } : {}),
      ...(expiry ? { expiresAt: isoSeconds(expiry.at) } : {}),
      ...(expiry?.condition ? { condition: expiry.condition } : {}),
      ...drillResultOf(snapshot),
    };
  });
  const having = (state: AuditedSnapshot['state']) => snapshots.filter((s) => s.state === state);
  const newestGood = newestGoodSlot(all, now);
  return {
    ...newestGoodFacts(newestGood, now),
    good: having('good').length,
    pending: having('pending').length,
    stuck: having('stuck').length,
    failed: having('failed').filter(({ takenAgain }) => !takenAgain).length,
    unknown: having('unknown').length,
    bytes: snapshots.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
    snapshots,
  };
}

/** The facts of a series whose newest good snapshot counts as that of another slot, or as none. */
export function withNewestGood(
  { newestGood: _, ageSeconds: __, ...facts }: SnapshotFacts,
  slot: Date | undefined,
  now: Date,
): SnapshotFacts {
  return { ...facts, ...newestGoodFacts(slot, now) };
}

/** The slot of the first good one of some snapshots, which are sorted, newest first. */
export function newestGoodSlot(snapshots: readonly Snapshot[], now: Date): Date | undefined {
  return snapshots.find(({ state, slot }) => state === 'good' && slot <= now)?.slot;
}

function newestGoodFacts(
  slot: Date | undefined,
  now: Date,
): Pick<SnapshotFacts, 'newestGood' | 'ageSeconds'> {
  if (!slot) return {};
  const ageSeconds = Math.floor((now.getTime() - slot.getTime()) / 1000);
  return { newestGood: isoSeconds(slot), ageSeconds };
}

function isFailedAdhoc({ policy, state }: Snapshot): boolean {
  return policy === ADHOC && state === 'failed';
}

function drillResultOf(snapshot: Snapshot): Pick<AuditedSnapshot, 'proven' | 'provenVolumes' | 'unproven'> {
  const { proven, provenVolumes, drilled } = snapshot;
  if (hasPassed(snapshot)) {
    return { proven: isoSeconds(proven!), ...(provenVolumes ? { provenVolumes } : {}) };
  }
  return drilled ? { unproven: isoSeconds(drilled) } : {};
}
