import type { Session } from '../openstack/session.ts';
import { listVolumeSnapshots } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import { snapshotId } from '../volumes/plan.ts';
import type { DeletionResult } from './delete-snapshot.ts';
import { nameOfSeries, type PlanItem, type SeriesPlan } from './series-plan.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * The result of a deletion that waits until the cloud has finished another snapshot of the volume.
 */
export const WAITING_FOR_OTHER: DeletionResult = {
  outcome: 'deferred',
  reasons: [{ code: 'VOLUME_SNAPSHOT_IN_PROGRESS' }],
};

/**
 * Whether Rackspace refuses to delete a snapshot because another one of the volume is being made or
 * deleted. Then it deletes no other one of the volume either.
 */
export async function isWaitingForOther(
  session: Session,
  { id, region, volume }: Snapshot,
  { refused }: DeletionResult,
): Promise<boolean> {
  if (session.provider !== 'rackspace' || volume === undefined || refused !== 'CONFLICT') return false;
  const all = await listVolumeSnapshots(session, region).catch(() => []);
  return all.some(
    (one) => one.volumeId === volume && one.id !== id && ['creating', 'deleting'].includes(one.status),
  );
}

/** Whether this run deleted the snapshot. */
export function isDeletion(result: DeletionResult): boolean {
  return result.outcome === 'deleted' && !isGoneAlready(result);
}

/** Whether the snapshot was gone before this run deleted it. */
export function isGoneAlready({ reasons }: DeletionResult): boolean {
  return reasons.some(({ code }) => code === 'ALREADY_GONE');
}

/**
 * Decides whether a refused deletion is a failure of the run. If the refusal concerns a single
 * image whose data are complete, the image is only reported as kept.
 */
export function classifyRefusal(
  result: DeletionResult | undefined,
  mayDelete: boolean | undefined,
): DeletionResult | undefined {
  if (!result?.refused || result.broken || result.outcome === 'deferred') return result;
  const mayBeMissingRole = result.refused === 'FORBIDDEN' || result.refused === 'BAD_REQUEST';
  return result.refused === 'CONFLICT' || (mayBeMissingRole && mayDelete)
    ? { ...result, outcome: 'kept' }
    : result;
}

/** The warnings about the snapshots that the cloud refused to delete. */
export function refusedDeletions(plan: SeriesPlan, results: ReadonlyMap<PlanItem, DeletionResult>): Reason[] {
  return [...results].flatMap(([{ snapshot }, { refused, reasons }]) =>
    refused ? [{ code: 'NOT_DELETABLE', ...snapshotId(snapshot), of: nameOfSeries(plan), reasons }] : [],
  );
}
