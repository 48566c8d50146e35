import type { Session } from '../openstack/session.ts';
import { unionById } from '../openstack/union-by-id.ts';
import { getVolume, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { RestoreContext } from './context.ts';
import type { RestoreEvent } from './event.ts';
import { readVolumeMark, type VolumeMark } from './marks.ts';
import { refuse } from './refusal.ts';

/** A volume that a restore has made. */
export interface MadeVolume {
  volume: Volume;
  mark: VolumeMark;
}

/** What the calls of one restore have made so far. */
export interface MadeVolumes {
  /** One volume for each volume snapshot, in the order in which they are attached. */
  made: MadeVolume[];
  /** Further volumes from the same volume snapshots. */
  twins: MadeVolume[];
  /** The ids in the event whose volumes no longer exist. */
  missing: string[];
}

/**
 * Finds the volumes that earlier calls with this request have made: those that the event names and
 * those in the listing, each requested by its id, because some listings lack the status.
 *
 * @throws {ValidationError} when the event names a volume that another restore has made.
 */
export async function findMadeVolumes(
  session: Session,
  context: Pick<RestoreContext<RestoreEvent>, 'event' | 'origin' | 'request' | 'inventory'>,
): Promise<MadeVolumes> {
  const { event, origin, request, inventory } = context;
  const named = (event.made ?? []).map((id) => ({ id, region: origin.region }));
  const listed = inventory.volumes.filter((volume) => readVolumeMark(volume)?.request === request);
  const each = unionById(listed, named);
  const answers = await Promise.all(each.map(({ region, id }) => getVolume(session, region, id)));
  const found = answers
    .filter((volume) => volume !== undefined)
    .map((volume) => ({ volume, mark: readVolumeMark(volume) }));
  const others = found.filter(({ mark }) => mark?.request !== request);
  if (others.length > 0) {
    refuse(
      ...others.map(
        ({ volume: { id } }): Reason => ({ code: 'RESTORE_VOLUME_OF_OTHER', volume: id, request }),
      ),
    );
  }
  const isNamed = ({ volume }: MadeVolume) => event.made?.includes(volume.id) ?? false;
  const all = (found as MadeVolume[]).sort(
    (a, b) =>
      Number(isNamed(b)) - Number(isNamed(a)) || ageOf(a) - ageOf(b) || (a.volume.id < b.volume.id ? -1 : 1),
  );
  const bySnapshot = [...Map.groupBy(all, ({ mark }) => mark.snapshot).values()];
  return {
    made: bySnapshot.map(([first]) => first!).sort((a, b) => a.mark.position - b.mark.position),
    twins: bySnapshot.flatMap(([, ...rest]) => rest),
    missing: (event.made ?? []).filter((_, i) => !answers[each.findIndex(({ id }) => id === event.made![i])]),
  };
}

function ageOf({ volume: { createdAt } }: MadeVolume): number {
  return createdAt?.getTime() ?? 0;
}

/** The volumes that exist because of a restore, and their statuses. */
export function statusReasons({ made, twins }: Pick<MadeVolumes, 'made' | 'twins'>): Reason[] {
  return [
    ...made.map(
      ({ volume: { id, name, status } }): Reason => ({
        code: 'RESTORE_VOLUME_STATUS',
        volume: id,
        name,
        status,
      }),
    ),
    ...twinReasons(twins),
  ];
}

/** The reasons that name further volumes from the same volume snapshots. */
export function twinReasons(twins: readonly MadeVolume[]): Reason[] {
  return twins.map(({ volume: { id, name }, mark }) => ({
    code: 'RESTORE_VOLUME_TWIN',
    volume: id,
    name,
    snapshot: mark.snapshot,
  }));
}
