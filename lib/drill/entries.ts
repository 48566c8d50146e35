import { isoSeconds } from '../config/dates.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Entry } from '../reporting/report.ts';
import { reasonOf } from '../reporting/sentences.ts';
import { type DrillAttempt, type DrillResult, isUnproven } from './attempt.ts';
import type { DrillTarget } from './targets.ts';
import type { VolumeDrill } from './volume-drill.ts';

/** The report entry of a drill, under the server whose snapshot is booted. */
export function drillEntry(target: DrillTarget, { outcome, reasons, recovery }: DrillResult): Entry {
  const { server, region, policy, id, serverName: name } = target;
  const slot = isoSeconds(target.slot);
  return { server, name, region, policy, image: id, slot, outcome, ...reasonOf(...reasons), ...recovery };
}

/** The report entries of the throw-away servers, except those that no drill provably made. */
export function attemptEntries(
  attempts: readonly DrillAttempt[],
  resultOf: (attempt: DrillAttempt) => DrillResult,
): Entry[] {
  return attempts
    .filter(({ step }) => !isUnproven(step))
    .map((attempt) => ofServer(attempt, resultOf(attempt)));
}

/** The report entries of drills that make volumes. */
export function volumeDrillEntries(
  drills: readonly VolumeDrill[],
  resultOf: (drill: VolumeDrill) => DrillResult,
): Entry[] {
  return drills.map((drill) => {
    const { attempt, target, record } = drill;
    if (attempt) return ofServer(attempt, resultOf(drill));
    if (target) return drillEntry(target, resultOf(drill));
    const { policy, region, image } = record;
    return foreignEntry({ server: image, name: '', region, policy, image }, resultOf(drill));
  });
}

function ofServer({ server, target }: DrillAttempt, result: DrillResult): Entry {
  const { id, name, region, policy, image } = server;
  const entry = target
    ? drillEntry(target, result)
    : foreignEntry({ server: id, name, region, policy, image }, result);
  return { ...entry, reason: `${name} (${id}): ${entry.reason}` };
}

/** The entry of a drill whose source is no snapshot of the policy any more. */
function foreignEntry(
  drill: Pick<Entry, 'server' | 'name' | 'region' | 'policy' | 'image'>,
  { outcome, reasons }: DrillResult,
): Entry {
  return { ...drill, outcome, ...reasonOf(...reasons) };
}

/** The entries of the snapshots that can't be booted now. */
export function skippedEntries(skip: readonly { snapshot: DrillTarget; reason: Reason }[]): Entry[] {
  return skip.map(({ snapshot, reason }) =>
    drillEntry(snapshot, {
      outcome: reason.code === 'DRILL_VOLUMES_UNREADABLE' ? 'failed' : 'skipped',
      reasons: [reason],
    }),
  );
}
