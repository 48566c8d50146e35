import { attachmentsOf } from '../openstack/attachments.ts';
import type { Image } from '../openstack/images.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import { getVolume, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { checkBackupsRead } from './backups-of-volumes.ts';
import type { RestoreContext } from './context.ts';
import type { RebuildEvent } from './event.ts';
import type { MadeVolume, MadeVolumes } from './made-volumes.ts';
import { readVolumeMark } from './marks.ts';
import { predecessorsOf } from './predecessors.ts';
import { refuse } from './refusal.ts';
import { replacedVolumes } from './replaced-volumes.ts';
import { checkVolumesRead, type VolumePart, volumePartsOf } from './volume-parts.ts';

/** A volume of a set that takes the place of a volume of the server. */
export interface VolumeSwap {
  part: VolumePart;
  /** The new volume; undefined until a call has requested it. */
  made: MadeVolume | undefined;
  /** The volume to replace; undefined if the server does not have it, or not any more. */
  old: Volume | undefined;
  /** The device to ask for; undefined if it is unknown, or if a volume that stays has it. */
  device: string | undefined;
}

/** The volumes of an in-place restore. */
export interface InPlaceVolumes {
  swaps: VolumeSwap[];
  /** Which volumes are replaced, which stay as they are, and why. */
  plan: Reason[];
}

interface InPlaceFacts {
  server: ServerDetail;
  image: Image;
  before: MadeVolumes;
  /** What earlier calls have left, for the text of a refusal. */
  left: readonly Reason[];
}

/**
 * Finds the volumes of the set that an image belongs to, and which volume of the server each of
 * them replaces: the original, or the one that an earlier restore has put in its place. The other
 * volumes of the server stay attached, and so do those that several servers may have.
 *
 * @throws {ValidationError} when the volumes can't be read or told apart, or when a volume is still
 *   being made or is shared by now.
 */
export async function inPlaceVolumes(
  session: Session,
  context: RestoreContext<RebuildEvent>,
  { server, image, before, left }: InPlaceFacts,
): Promise<InPlaceVolumes> {
  const { event, origin, inventory, request } = context;
  if (event.volumes === 'none') {
    if (hasSwapBegun(context, before)) refuse({ code: 'RESTORE_SWAP_BEGUN', request }, ...left);
    const names = inventory.volumes
      .filter((volume) => isAttachedTo(server.id, volume))
      .map(({ id, name }) => name || id);
    return { swaps: [], plan: withoutVolumes(names) };
  }
  const unread = checkVolumesRead(session, context);
  if (unread.length > 0 || session.missingEndpoint('volume', origin.region))
    return { swaps: [], plan: unread };
  const found = volumePartsOf(inventory, origin, inventory.read(image), before.made);
  const without = [
    ...found.without,
    ...(found.without.length > 0 ? checkBackupsRead(inventory, origin.region) : []),
  ];
  if (found.unfinished.length > 0) refuse(...found.unfinished, ...left);
  const attached = await attachedVolumes(session, server);
  const isNew = (volume: Volume) => readVolumeMark(volume)?.request === request;
  const current = attached.filter(({ volume }) => !isNew(volume)).map((one) => one.volume);
  const all = found.parts.map((part): VolumeSwap => {
    const { volume: id } = part.saved;
    const its = current.filter((volume) => predecessorsOf(volume, inventory).includes(id));
    const old = its.find((volume) => volume.id === id) ?? its[0];
    const made = before.made.find(({ mark }) => mark.snapshot === part.saved.id);
    return { part, made, old, device: part.saved.place.device };
  });
  refuseUnclear(all, { server, before, left });
  const shared = all.filter(({ old }) => old && isShared(old));
  const swaps = all.filter((swap) => !shared.includes(swap));
  const staying = current.filter(({ id }) => !swaps.some(({ old }) => old?.id === id));
  const taken = attached.filter(({ volume }) => staying.includes(volume)).map(({ device }) => device);
  const placed = swaps.map((swap) => (taken.includes(swap.device) ? { ...swap, device: undefined } : swap));
  return {
    // A volume without a device gets the first free one, which must not be that of another one.
    swaps: placed.toSorted((a, b) => Number(a.device === undefined) - Number(b.device === undefined)),
    plan: [
      ...swaps.flatMap(planOf),
      ...without,
      ...shared.map(({ old }) => sharedReason('RESTORE_VOLUME_SHARED', old!)),
      ...(staying.length > 0
        ? [{ code: 'RESTORE_VOLUMES_STAY', volumes: staying.map(({ id, name }) => ({ id, name })) } as const]
        : []),
      ...withoutVolumes(current.map(({ id, name }) => name || id)),
    ],
  };
}

/** Whether an earlier call of the restore has begun to replace the volumes of the server. */
export function hasSwapBegun(
  context: RestoreContext<RebuildEvent>,
  { made }: Pick<MadeVolumes, 'made'>,
): boolean {
  return (
    replacedVolumes(context).length > 0 || made.some(({ volume }) => isAttachedTo(context.origin.id, volume))
  );
}

/** Whether the cloud shows a volume as attached to a server. */
export function isAttachedTo(server: string, { attachments }: Pick<Volume, 'attachments'>): boolean {
  return attachments.some(({ serverId }) => serverId === server);
}

/** The volumes of a server, each requested by its id, because a listing may lack one. */
async function attachedVolumes(
  session: Session,
  server: ServerDetail,
): Promise<{ volume: Volume; device: string | undefined }[]> {
  const attachments = await attachmentsOf(session, server);
  const volumes = await Promise.all(
    attachments.map(({ volumeId }) => getVolume(session, server.region, volumeId)),
  );
  return attachments.flatMap(({ device }, i) => (volumes[i] ? [{ volume: volumes[i], device }] : []));
}

function withoutVolumes(names: readonly string[]): Reason[] {
  return names.length > 0 ? [{ code: 'SAFETY_WITHOUT_VOLUMES', names }] : [];
}

function isShared({ multiattach, attachments }: Volume): boolean {
  return multiattach || attachments.length > 1;
}

/**
 * @throws {ValidationError} when a new volume exists, and the volume that it should replace is
 *   unknown, or attached to another server by now.
 */
function refuseUnclear(
  swaps: readonly VolumeSwap[],
  { server, before, left }: Pick<InPlaceFacts, 'server' | 'before' | 'left'>,
): void {
  const unplaced = before.made.filter(
    (made) => !swaps.some((swap) => swap.made === made) && !isAttachedTo(server.id, made.volume),
  );
  const problems = [
    ...unplaced.map(
      ({ volume: { id, name }, mark }): Reason => ({
        ...{ code: 'RESTORE_VOLUME_UNPLACED', volume: id, name, snapshot: mark.snapshot },
      }),
    ),
    ...swaps.flatMap(({ made, old }) =>
      made && old && isShared(old) ? [sharedReason('RESTORE_VOLUME_SHARED_SINCE', old)] : [],
    ),
  ];
  if (problems.length > 0) refuse(...problems, ...left);
}

function sharedReason(
  code: 'RESTORE_VOLUME_SHARED' | 'RESTORE_VOLUME_SHARED_SINCE',
  { id, name, attachments }: Volume,
): Reason {
  return { code, volume: id, name, servers: attachments.map(({ serverId }) => serverId) };
}

function planOf({ part: { saved, name }, made, old, device }: VolumeSwap): Reason[] {
  const size = {
    ...(saved.sizeGb === undefined ? {} : { sizeGb: saved.sizeGb }),
    ...(saved.isBackup ? { isBackup: true as const } : {}),
  };
  return [
    ...(made ? [] : [{ code: 'RESTORE_VOLUME', name, snapshot: saved.id, isRoot: false, ...size } as const]),
    {
      ...{ code: 'RESTORE_VOLUME_SWAP', name },
      ...(old ? { old: { id: old.id, name: old.name } } : {}),
      ...(device === undefined ? {} : { device }),
    },
  ];
}
