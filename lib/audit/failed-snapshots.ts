import type { ReasonCode } from '../reporting/reasons.ts';
import type { AuditedSeries, AuditedSnapshot } from './model.ts';

/**
 * The failed snapshots that are trouble. One that is held stays until somebody releases it, so it
 * is none once a newer snapshot is good; nor is an ad-hoc snapshot that was taken again.
 */
export function failedSnapshotsOf({ snapshots, newestGood = '' }: AuditedSeries): AuditedSnapshot[] {
  const failed = snapshots.filter(({ state }) => state === 'failed');
  return failed.filter((one) => !one.takenAgain && (!isHeld(one) || one.slot > newestGood));
}

const HOLDS: readonly ReasonCode[] = ['PROTECTED', 'HELD', 'HELD_UNTIL'];

/** Whether a hold, or the protection of its image, keeps a snapshot. */
export function isHeld({ reasons }: Pick<AuditedSnapshot, 'reasons'>): boolean {
  return reasons.some(({ code }) => HOLDS.includes(code));
}
