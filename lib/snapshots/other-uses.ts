import { listServers } from '../openstack/compute.ts';
import { visitImages } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumes } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { usedByVolumes } from '../volumes/in-use.ts';
import { beingBuilt, restoredAsNew, restoredInPlace } from './in-use.ts';
import { otherOwners } from './ownership.ts';
import type { SeriesPlan } from './series-plan.ts';

interface OtherUses {
  /** The volume snapshots of each image. */
  needs: ReadonlyMap<string, readonly string[]>;
  /** The servers of which other deployments have snapshots; see ownership.ts. */
  others: ReadonlyMap<string, string>;
  /** The images that servers are being made from, and those that restores have begun with. */
  inUse: ReadonlyMap<string, Reason>;
}

/**
 * Lists the servers and images of a region again to find which images are needed elsewhere, because
 * the listings of the plan may have been incomplete. Lists nothing if the plans delete nothing.
 */
export async function listOtherUses(
  session: Session,
  plans: readonly SeriesPlan[],
  { owner, now }: { owner: string; now: Date },
): Promise<OtherUses> {
  const needs = new Map<string, readonly string[]>();
  const others = new Map<string, string>();
  const inUse = new Map<string, Reason>();
  const first = plans.flatMap(({ items }) => items).find(({ action }) => action !== 'keep');
  if (!first) return { needs, others, inUse };
  const { region } = first.snapshot;
  const servers = await listServers(session, region);
  for (const id of beingBuilt(servers)) inUse.set(id, { code: 'SERVER_BUILDING' });
  for (const id of restoredAsNew(servers, now)) inUse.set(id, { code: 'RESTORED_AS_NEW' });
  if (first && plans.some(({ volume }) => volume !== undefined)) {
    for (const [id, reason] of usedByVolumes(await listVolumes(session, region), now)) inUse.set(id, reason);
  }
  await visitImages(session, region, (image) => {
    if (image.volumeSnapshotIds.length > 0) needs.set(image.id, image.volumeSnapshotIds);
    for (const [server, other] of otherOwners([image], owner)) others.set(server, other);
    for (const id of restoredInPlace([image], now)) inUse.set(id, { code: 'RESTORED_IN_PLACE' });
  });
  return { needs, others, inUse };
}
