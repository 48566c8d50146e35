import { isoSeconds } from '../config/dates.ts';
import type { SnapshotLine } from '../reporting/report.ts';
import { reported } from '../reporting/sentences.ts';
import type { DeletionResult } from './delete-snapshot.ts';
import type { PlanItem } from './series-plan.ts';

/** An item of a plan as a line of the report; without a result, as planned. */
export function snapshotLine(
  { snapshot, action, reasons: planReasons }: PlanItem,
  result?: DeletionResult,
): SnapshotLine {
  const planned = { keep: 'kept', delete: 'planned', defer: 'deferred' } as const;
  const { outcome, reasons } = result ?? { outcome: planned[action], reasons: planReasons };
  return {
    image: snapshot.id,
    slot: isoSeconds(snapshot.slot),
    status: snapshot.status,
    ...(snapshot.sizeBytes === undefined ? {} : { sizeBytes: snapshot.sizeBytes }),
    outcome,
    ...reported(reasons),
  };
}

/** How many deletions were deferred because the run deadline was reached. */
export function countDeadlineDeferred(lines: readonly SnapshotLine[]): number {
  return lines.filter(({ codes }) => codes.includes('DEADLINE')).length;
}
