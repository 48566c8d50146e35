import { isoSeconds } from '../config/dates.ts';
import { rootVolumeOf } from '../openstack/attachments.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { getServer } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { claimServer } from './claim.ts';
import { chooseImage, chosenEarlier, eventToRun, refuseOtherRestore, restoreReport } from './context.ts';
import { type InPlaceContext, type InPlaceRestore, inPlaceReport, leftBehind } from './in-place-context.ts';
import { type InPlaceStep, planInPlace } from './in-place-plan.ts';
import { hasSwapBegun, inPlaceVolumes, isAttachedTo } from './in-place-volumes.ts';
import { findMadeVolumes, statusReasons } from './made-volumes.ts';
import { makeVolumes, type VolumesStep } from './make-volumes.ts';
import { refuse } from './refusal.ts';
import { replaceDisk } from './replace-disk.ts';
import { replacedReasons, volumesBack } from './replaced-volumes.ts';
import type { Restoration } from './restoration.ts';
import { checkSafetySnapshot, isOld, type Safety, type SafetyState } from './safety.ts';
import { takeSafety } from './take-safety.ts';

/**
 * The restore is refused after this many safety snapshots. Then the server's disk takes too long to
 * save, or the calls come too late.
 */
const MOST_SAFETY_SNAPSHOTS = 3;

/**
 * Takes the next step of an in-place restore: makes the volumes, takes a safety snapshot, or
 * replaces the volumes and the disk. Nothing is replaced before all new volumes are available, and
 * a good safety snapshot of this request was begun less than an hour ago; otherwise another one is
 * taken, three at most before the first volume is replaced.
 */
export async function rebuild(session: Session, context: InPlaceContext): Promise<Restoration> {
  const { event, origin, safetySnapshots } = context;
  const before = await findMadeVolumes(session, context);
  for (const { mark } of before.made) refuseOtherRestore(context, mark);
  const left = [...statusReasons(before), ...replacedReasons(context), ...volumesBack(context)];
  const server = origin.server && (await getServer(session, origin.region, origin.id));
  if (!server) refuse({ code: 'RESTORE_ORIGINAL_GONE', name: origin.name || origin.id }, ...left);
  const isSwapping = hasSwapBegun(context, before);
  await claimServer(context);
  const now = cloudTime(session);
  const checked = safetySnapshots.map((safety) => ({
    safety,
    state: checkSafetySnapshot(safety, server, now),
  }));
  const good = checked.find(({ state }) => state === 'good')?.safety;
  const pending = checked.find(({ state }) => state === 'pending')?.safety;
  // Volumes take long to make, so a restore with volumes tries again.
  const hasFailed = checked[0]?.state === 'failed' && before.made.length === 0;

  const begun = safetySnapshots[0]?.mark.image ?? before.made[0]?.mark.image;
  const { image, reasons: why } =
    begun === undefined
      ? await chooseImage(session, context)
      : await chosenEarlier(session, context, begun, left);
  const volumes = await inPlaceVolumes(session, context, { server, image, before, left });
  const isReady = volumes.swaps.every(
    ({ made }) => made && (made.volume.status === 'available' || isAttachedTo(server.id, made.volume)),
  );
  const isFirst = begun === undefined;
  const step: InPlaceStep = good
    ? 'rebuild'
    : pending || hasFailed || (!isReady && !isFirst)
      ? 'wait'
      : 'take';
  const [flavors, rootVolume] = await Promise.all([
    listFlavors(session, origin.region),
    rootVolumeOf(session, server),
  ]);
  const wasRunning = server.status === 'ACTIVE' || safetySnapshots.some(({ mark }) => mark.wasRunning);
  const staysOff = server.status === 'SHUTOFF' && !wasRunning;
  const plan = planInPlace(event, server, image, { flavors, rootVolume, step, staysOff, left });
  const reasons = [...why, ...volumes.plan, ...plan];
  if (event.dryRun) {
    return restoreReport(context, image.id, {
      state: 'planned',
      reasons: [...reasons, ...left],
      apply: eventToRun(context, image.id),
    });
  }
  const kept = { server, image, swaps: volumes.swaps, wasRunning };
  if (isSwapping && before.missing.length > 0) {
    const made = before.made.map(({ volume }) => volume.id);
    const gone = before.missing.map((volume): Reason => ({ code: 'RESTORE_NEW_VOLUME_GONE', volume }));
    return inPlaceReport({ ...context, event: { ...event, made }, ...kept }, 'failed', [...gone, ...left]);
  }
  const parts = volumes.swaps.map(({ part }) => part);
  const made =
    parts.length > 0 ? await makeVolumes(session, context, { image: image.id, parts, before }) : NO_VOLUMES;
  const ids = made.made.map(({ volume }) => volume.id);
  const restore = { ...context, event: { ...event, ...(ids.length > 0 ? { made: ids } : {}) }, ...kept };
  if (made.state !== 'ready') {
    const all = [...(isFirst ? reasons : []), ...made.reasons, ...replacedReasons(context)];
    return inPlaceReport(restore, made.state, all);
  }
  if (good) return replaceDisk(session, restore, good);
  if (pending) return waitFor(restore, pending, now);
  if (hasFailed) return failWith(restore, safetySnapshots[0]!);
  return takeSafety(session, restore, [
    ...why,
    ...whyAnother(context, checked, isSwapping),
    ...volumes.plan,
    ...plan,
  ]);
}

const NO_VOLUMES: VolumesStep = { state: 'ready', made: [], reasons: [] };

/**
 * The reasons for another safety snapshot; none for the first one.
 *
 * @throws {ValidationError} after {@link MOST_SAFETY_SNAPSHOTS} safety snapshots, unless the server
 *   is off because its volumes are being replaced.
 */
function whyAnother(
  { safetySnapshots, missing, origin }: InPlaceContext,
  checked: readonly { safety: Safety; state: SafetyState }[],
  isSwapping: boolean,
): Reason[] {
  const reasons = [
    ...checked.map(({ safety: { snapshot }, state }): Reason => whyUnusable(snapshot, state, origin.name)),
    ...missing.map((image): Reason => ({ code: 'SAFETY_GONE', image })),
  ];
  const count = safetySnapshots.length + missing.length;
  if (count === 0 || isSwapping) return reasons;
  if (count >= MOST_SAFETY_SNAPSHOTS) refuse({ code: 'SAFETIES_USED_UP', count, name: origin.name, reasons });
  return [...reasons, { code: 'SAFETY_ANOTHER', number: count + 1, most: MOST_SAFETY_SNAPSHOTS }];
}

function whyUnusable({ id: image, createdAt, status }: Snapshot, state: SafetyState, name: string): Reason {
  if (state === 'overtaken') return { code: 'SAFETY_OVERTAKEN', image, name };
  if (state === 'failed') return { code: 'SAFETY_FAILED', image, status, name };
  return { code: 'SAFETY_OLD', image, since: isoSeconds(createdAt) };
}

function waitFor(restore: InPlaceRestore, { snapshot }: Safety, now: Date): Restoration {
  const { id, status, createdAt } = snapshot;
  const reasons: Reason[] = [
    { code: 'SAFETY_PENDING', image: id, status },
    ...(isOld(snapshot, now)
      ? [{ code: 'SAFETY_SLOW', since: isoSeconds(createdAt), most: MOST_SAFETY_SNAPSHOTS } as const]
      : []),
  ];
  return inPlaceReport(restore, 'waiting', [...reasons, ...leftBehind(restore)], id);
}

function failWith(restore: InPlaceRestore, { snapshot: { id, status } }: Safety): Restoration {
  const { request: _, safetySnapshots: __, ...anew } = eventToRun(restore, restore.image.id);
  const reasons: Reason[] = [
    { code: 'SAFETY_FAILED', image: id, status, name: restore.server.name },
    { code: 'RESTORE_BEGIN_ANEW' },
  ];
  return inPlaceReport(restore, 'failed', [...reasons, ...leftBehind(restore)], id, anew);
}
