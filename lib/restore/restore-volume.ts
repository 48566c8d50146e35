import { isoSeconds } from '../config/dates.ts';
import { printable } from '../openstack/printable.ts';
import type { Session } from '../openstack/session.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { canonical } from '../snapshots/selector.ts';
import type { SavedVolume } from '../volumes/saved-volumes.ts';
import { checkBackupsRead, withBackups } from './backups-of-volumes.ts';
import { eventToResume, eventToRun, type RestoreContext, restoreReport } from './context.ts';
import type { VolumeRestoreEvent } from './event.ts';
import { isAtOrBefore, momentMs } from './image-choice.ts';
import type { RestoreInventory } from './inventory.ts';
import { findMadeVolumes, type MadeVolumes, statusReasons } from './made-volumes.ts';
import { makeVolumes, type VolumesStep } from './make-volumes.ts';
import { isReplaced, originalName, type VolumeMark } from './marks.ts';
import { predecessorsOf } from './predecessors.ts';
import { refuse } from './refusal.ts';
import type { Restoration } from './restoration.ts';
import { takeInventory } from './take-inventory.ts';
import { volumeName } from './volume-name.ts';

/**
 * Takes the next step of the restore of one volume: makes it from one of its snapshots, or from the
 * backup of a slot that has no good one, and reports it until it is available. It is attached to no
 * server. The original may be gone.
 *
 * @throws {ValidationError} when the event can't be carried out. Then nothing has been made.
 */
export async function restoreVolume(
  session: Session,
  event: VolumeRestoreEvent,
  run: Run,
): Promise<Restoration> {
  const request = event.request ?? run.requestId;
  const listed = await takeInventory(session, event, run);
  refuseUnreadVolumes(listed);
  const hasSnapshot = hasSnapshotOf(listed, event);
  const isSnapshotId = hasSnapshot && momentMs(event.at) === undefined;
  const inventory = isSnapshotId ? listed : await withBackups(session, listed, listed.regions, run);
  const unread = listed.regions.flatMap((one) => checkBackupsRead(inventory, one));
  const { volume, region, name } = findVolume(hasSnapshot ? listed : inventory, event.volume);
  const lineage = lineageOf(inventory, volume);
  const listedFor = inventory.volumeSnapshots.filter(
    (one) => lineage.includes(one.volume) && one.region === region,
  );
  // The snapshot of a volume of several servers is listed for each of them.
  const savedVolumes = listedFor.filter(({ id }, i) => listedFor.findIndex((one) => one.id === id) === i);
  const server = savedVolumes[0]?.server ?? '';
  const origin = { id: server, name, region, server: undefined, namesakes: [] };
  const context = { event: { ...event, volume }, origin, request, inventory, run };
  const before = await findMadeVolumes(session, context);
  const begun = before.made[0]?.mark;
  if (begun) {
    refuseOther(context, begun, lineage);
    return reportMade(session, context, before, begun);
  }
  const chosen = choose(savedVolumes, event, name);
  const { saved } = chosen;
  const reasons = [...chosen.reasons, ...unread];
  const its = { ...context, origin: { ...origin, id: saved.server } };
  if (event.dryRun) {
    const apply = eventToRun(its, saved.id);
    return restoreReport(its, saved.id, {
      state: 'planned',
      reasons: [...reasons, planOf(saved, name)],
      apply,
    });
  }
  const parts = [{ saved, name, position: 0 }];
  const step = await makeVolumes(session, its, { image: saved.id, parts, before });
  return reportStep(its, saved.id, { ...step, reasons: [...reasons, ...step.reasons] });
}

/** Whether a good snapshot of the volume fits the event. */
function hasSnapshotOf(inventory: RestoreInventory, { volume, at, policy }: VolumeRestoreEvent): boolean {
  const { volumes, volumeSnapshots } = inventory;
  const lineage = lineageOf(inventory, volume);
  const isOfVolume = (saved: SavedVolume) =>
    lineage.includes(saved.volume) || canonical(volumeName(volumes, saved)) === canonical(volume);
  const its = volumeSnapshots.filter((saved) => saved.state === 'good' && isOfVolume(saved));
  return candidatesOf(its, { at, policy }).length > 0;
}

/**
 * The ids of a volume and of those that restores in place have replaced by it: the snapshots of
 * these are older ones of the same data.
 */
function lineageOf(inventory: RestoreInventory, id: string): string[] {
  return predecessorsOf(inventory.volumes.find((one) => one.id === id) ?? { id }, inventory);
}

type VolumeContext = RestoreContext<VolumeRestoreEvent>;

/** Reports the volume that an earlier call has made. Once it is available, it may be used. */
async function reportMade(
  session: Session,
  context: VolumeContext,
  before: MadeVolumes,
  { image, server }: VolumeMark,
): Promise<Restoration> {
  const its = { ...context, origin: { ...context.origin, id: server } };
  const { id, name, status } = before.made[0]!.volume;
  if (context.event.dryRun || !/^(available|in-use|attaching|reserved)$/.test(status)) {
    const step = await makeVolumes(session, its, { image, parts: [], before });
    return reportStep(its, image, step);
  }
  const done = { code: 'RESTORED_VOLUME', volume: id, name: its.origin.name } as const;
  const reasons = [done, ...statusReasons(before)];
  return restoreReport(its, image, { state: 'done', restored: id, restoredName: printable(name), reasons });
}

function reportStep(
  context: VolumeContext,
  image: string,
  { state, made, reasons }: VolumesStep,
): Restoration {
  const ids = made.map(({ volume }) => volume.id);
  return restoreReport(context, image, {
    state: state === 'failed' ? 'failed' : 'waiting',
    reasons,
    ...(ids[0] === undefined ? {} : { restored: ids[0] }),
    next: eventToResume(context, image, ids.length > 0 ? { made: ids } : {}),
  });
}

function planOf({ id, sizeGb, isBackup }: SavedVolume, name: string): Reason {
  const size = sizeGb === undefined ? {} : { sizeGb };
  const backup = isBackup ? { isBackup } : {};
  return { code: 'RESTORE_VOLUME', name, snapshot: id, isRoot: false, ...size, ...backup };
}

/** @throws {ValidationError} when a region may have another volume of that name. */
function refuseUnreadVolumes({ volumesUnread }: RestoreInventory): void {
  if (volumesUnread.size === 0) return;
  refuse(
    ...[...volumesUnread].map(
      ([where, problem]): Reason => ({ code: 'RESTORE_REGION_UNREADABLE', where, problem }),
    ),
    { code: 'RESTORE_VOLUME_UNCERTAIN' },
  );
}

/**
 * Finds the volume that an event names by its id or its name. A deleted volume is found by its
 * snapshots. Of several volumes with the name, those with snapshots count, and of these, the
 * existing ones that no restore has replaced.
 *
 * @throws {ValidationError} when there is no such volume, or there are several.
 */
function findVolume(
  inventory: RestoreInventory,
  wanted: string,
): { volume: string; region: string; name: string } {
  const { regions, volumes, volumeSnapshots } = inventory;
  const newest = new Map(
    volumeSnapshots
      .toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
      .map((saved) => [`${saved.region} ${saved.volume}`, saved]),
  );
  const known = [...newest.values()].map((saved) => {
    const { volume, region } = saved;
    const existing = volumes.find((one) => one.id === volume && one.region === region);
    const its = { isGone: !existing, isReplaced: existing !== undefined && isReplaced(existing) };
    return { volume, region, name: volumeName(volumes, saved), ...its };
  });
  const isSaved = ({ id, region }: Volume) => known.some((one) => one.volume === id && one.region === region);
  // A volume that has replaced another one may have no snapshot yet.
  const successors = volumes
    .filter((one) => !isSaved(one) && lineageOf(inventory, one.id).some((id) => isSaved({ ...one, id })))
    .map((one) => ({
      volume: one.id,
      region: one.region,
      name: originalName(one.name),
      isGone: false,
      isReplaced: isReplaced(one),
    }));
  const all = [...known, ...successors];
  const byId = all.filter(({ volume }) => volume === wanted);
  const named = all.filter(({ name }) => canonical(name) === canonical(wanted));
  const existing = named.filter((one) => !one.isGone && !one.isReplaced);
  const found = byId.length > 0 ? byId : existing.length > 0 ? existing : named;
  const [only, ...others] = found;
  if (!only) refuse({ code: 'RESTORE_NO_VOLUME', volume: wanted, regions });
  if (others.length > 0) {
    refuse({
      code: 'RESTORE_SEVERAL_VOLUMES',
      volume: wanted,
      found: found.map(({ volume, region, isGone }) => ({ id: volume, region, isGone })),
    });
  }
  return only;
}

/**
 * Chooses the newest good snapshot or backup of a volume that `at` permits, or the one with the id
 * `at`.
 *
 * @throws {ValidationError} when there is none.
 */
function choose(
  savedVolumes: readonly SavedVolume[],
  { at, policy }: Pick<VolumeRestoreEvent, 'at' | 'policy'>,
  name: string,
): { saved: SavedVolume; reasons: Reason[] } {
  const newestFirst = candidatesOf(savedVolumes, { at, policy });
  const saved = newestFirst.find(({ state }) => state === 'good');
  const others = newestFirst.slice(0, saved ? newestFirst.indexOf(saved) : undefined);
  if (!saved) {
    refuse({
      code: 'RESTORE_NO_VOLUME_SNAPSHOT',
      ...{ name, at },
      others: others.slice(0, 5).map(({ id: snapshot, status }) => ({ snapshot, status })),
    });
  }
  const passedOver = others.map(
    ({ id, slot, status }): Reason => ({
      code: 'RESTORE_PASSED_OVER',
      image: id,
      slot: isoSeconds(slot),
      status,
    }),
  );
  const { id, slot, policy: of, isBackup } = saved;
  const chosen = { slot: isoSeconds(slot), policy: of };
  return {
    saved,
    reasons: [
      isBackup
        ? { code: 'RESTORE_VOLUME_BACKUP', backup: id, ...chosen }
        : { code: 'RESTORE_VOLUME_SNAPSHOT', snapshot: id, ...chosen },
      ...passedOver,
    ],
  };
}

/**
 * The saved volumes that an event permits, the newest first. Of one slot, a good volume snapshot
 * comes before its backup.
 */
function candidatesOf(
  savedVolumes: readonly SavedVolume[],
  { at, policy }: Pick<VolumeRestoreEvent, 'at' | 'policy'>,
): SavedVolume[] {
  const untilMs = momentMs(at);
  return savedVolumes
    .filter((one) => policy === undefined || one.policy === policy)
    .filter((one) => (untilMs === undefined ? one.id === at : isAtOrBefore(one, untilMs)))
    .sort(
      (a, b) =>
        b.slot.getTime() - a.slot.getTime() ||
        Number(b.state === 'good') - Number(a.state === 'good') ||
        Number(a.isBackup ?? false) - Number(b.isBackup ?? false) ||
        (a.id < b.id ? -1 : 1),
    );
}

/** @throws {ValidationError} when the restore has begun with another volume or snapshot. */
function refuseOther(
  { event, request, inventory }: VolumeContext,
  { to, image }: Pick<VolumeMark, 'to' | 'image'>,
  lineage: readonly string[],
): void {
  const began = inventory.volumeSnapshots.find(({ id }) => id === image);
  const isById = momentMs(event.at) === undefined;
  const differences = [
    ...(to === 'volume' ? [] : [{ field: 'to', was: to }]),
    ...(!began || lineage.includes(began.volume) ? [] : [{ field: 'volume', was: began.volume }]),
    ...(isById && event.at !== image ? [{ field: 'at', was: image }] : []),
  ];
  if (differences.length === 0) return;
  refuse(...differences.map((one): Reason => ({ code: 'RESTORE_DIFFERS', ...one, request })));
}
