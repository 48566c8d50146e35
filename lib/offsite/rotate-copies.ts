import { isoSeconds } from '../config/dates.ts';
import type { SnapshotLine } from '../reporting/report.ts';
import { reported } from '../reporting/sentences.ts';
import type { PlanItem } from '../snapshots/series-plan.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { serversOf } from '../volumes/set.ts';
import type { CopyContext } from './copy.ts';
import type { CopyResult } from './copy-result.ts';
import type { CheckedCopy } from './copy-state.ts';
import { type CopyAction, type OffsitePolicy, planRetention, snapshotOfCopy } from './plan.ts';
import { deleteCopy } from './rotate.ts';
import {
  type BackupsOfRegion,
  keepWholeCopies,
  type SetStays,
  seriesOfCopies,
  setStaysOf,
} from './whole-copies.ts';

/** A server of which copies are rotated. */
interface CopiedServer {
  server: string;
  /** Undefined when the server is not listed. */
  name: string | undefined;
  region: string;
  /** The backups of the volumes of the region; undefined if the policy makes none. */
  backups?: BackupsOfRegion | undefined;
}

/**
 * Deletes the copies that are no longer kept, the oldest first. A copy whose deletion failed does
 * not count towards `maxDeletes`. A copy stays with the backups of its set; see whole-copies.ts.
 */
export async function rotateCopies(
  context: CopyContext,
  policy: OffsitePolicy,
  series: CopiedServer,
  checked: readonly CheckedCopy[],
): Promise<{ lines: [key: string, SnapshotLine][]; lost: Set<CheckedCopy> }> {
  const { store, scope, session, now } = context;
  const { dryRun, maxDeletes } = policy;
  const serverIsListed = series.name !== undefined;
  const alone = planRetention(checked, policy, { now, serverIsListed });
  const { actions, setStays } = withBackups(context, policy, series, alone);
  const floor = policy.offsite.keep.atLeast;
  const rotating = {
    ...{ store, scope, floor, deadline: session.deadline },
    setStays: (copy: CheckedCopy) => setStays(snapshotOfCopy(copy, policy.policy), floor),
  };
  const there = new Set(actions.map(({ copy }) => copy));
  let deleted = 0;
  const lines: [string, SnapshotLine][] = [];
  const lost = new Set<CheckedCopy>();
  for (const { copy, action, reasons } of actions.toReversed()) {
    const remove = async (): Promise<CopyResult> => {
      if (deleted >= maxDeletes) {
        return {
          outcome: 'deferred',
          reasons: [...reasons, { code: 'MAX_DELETES', most: maxDeletes }],
        };
      }
      there.delete(copy);
      if (dryRun) {
        deleted++;
        return { outcome: 'planned', reasons };
      }
      const { lost: missing = [], ...result } = await deleteCopy(rotating, copy, [...there], reasons);
      for (const one of missing) lost.add(one);
      if (result.outcome === 'deleted') deleted++;
      else there.add(copy);
      return result;
    };
    const result: CopyResult = action === 'delete' ? await remove() : { outcome: 'kept', reasons };
    lines.push([
      copy.key,
      copyLine({ id: copy.image, slot: copy.slot, sizeBytes: copy.data?.bytes }, result),
    ]);
  }
  return { lines, lost };
}

/**
 * The actions for the copies of a server, so that whole sets stay, and how a set is read again. If
 * the backups are unknown, all copies stay.
 */
function withBackups(
  { session, store, scope, now }: CopyContext,
  policy: OffsitePolicy,
  series: CopiedServer,
  alone: readonly CopyAction[],
): { actions: readonly CopyAction[]; setStays: SetStays } {
  const { server, backups } = series;
  if (!backups) return { actions: alone, setStays: async () => undefined };
  if ('problem' in backups) {
    const { problem } = backups;
    const stays = (one: CopyAction): CopyAction =>
      one.action === 'keep' ? one : { ...one, action: 'keep', reasons: [problem] };
    return { actions: alone.map(stays), setStays: async () => problem };
  }
  const ofServer = backups.series.filter(({ items }) =>
    items.some(({ snapshot }) => serversOf(snapshot).includes(server)),
  );
  const whole = keepWholeCopies([seriesOfCopies(series, alone, policy), ...ofServer], policy, now);
  const actions = alone.map((one, i) => ({ ...one, ...actionOf(whole[0]!.items[i]!) }));
  const looking = { session, readBackup: backups.read, place: { store, scope } };
  const copies = alone.map(({ copy }) => copy);
  return { actions, setStays: setStaysOf(whole, { policy: policy.policy, now }, { ...looking, copies }) };
}

function actionOf({ action, reasons }: PlanItem): Pick<CopyAction, 'action' | 'reasons'> {
  return { action: action === 'delete' ? 'delete' : 'keep', reasons };
}

/** The line of a report for a snapshot that is copied, or for a copy. */
export function copyLine(
  { id, slot, sizeBytes }: Pick<Snapshot, 'id' | 'slot' | 'sizeBytes'>,
  { outcome, reasons }: CopyResult,
): SnapshotLine {
  return {
    image: id,
    slot: isoSeconds(slot),
    status: 'copy',
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    outcome,
    ...reported(reasons),
  };
}
