import type { Server } from '../openstack/compute.ts';
import { withPartsInBlueprint } from '../snapshots/blueprint.ts';
import type { SnapshotStep } from '../snapshots/snapshot-plan.ts';
import { withPartsInMarker } from './marker.ts';
import type { VolumeStep } from './plan.ts';

/** The steps of a run: for the images of the servers, and for their volumes. */
interface SetSteps {
  images: readonly SnapshotStep[];
  volumes: ReadonlyMap<Server, readonly VolumeStep[]>;
}

/**
 * The steps of a run with the number of parts of each set in the marker of each part, so that a set
 * is known to lack a part that no listing shows. A part that fails already now is not counted,
 * because it will never exist. A set of one part needs no number.
 *
 * @param sharing the servers of each volume of several; see sharingServers in attached.ts.
 */
export function withNumberOfParts(
  { images, volumes }: SetSteps,
  sharing: ReadonlyMap<string, readonly Server[]>,
): { images: SnapshotStep[]; volumes: Map<Server, VolumeStep[]> } {
  const stepOf = new Map(images.map((step) => [step.server, step]));
  const partsOf = (server: Server): number => {
    const image = stepOf.get(server);
    const hasImage = image && image.action !== 'fail' && !isOnVolumesAlone(image);
    const shared = [...sharing].flatMap(([id, [first, ...others]]) =>
      first && others.includes(server)
        ? (volumes.get(first)?.filter(({ volume }) => volume.id === id) ?? [])
        : [],
    );
    const its = [...(volumes.get(server) ?? []), ...shared].filter(({ action }) => action !== 'fail');
    return its.length + (hasImage ? 1 : 0);
  };
  const numbers = new Map(
    sharing.size === 0 && volumes.size === 0 ? [] : images.map(({ server }) => [server, partsOf(server)]),
  );
  const isSet = (parts: number | undefined): parts is number => parts !== undefined && parts > 1;
  return {
    images: images.map((step) => {
      const parts = numbers.get(step.server);
      const text = step.action === 'take' ? step.image.metadata.autosnap_restore_as : undefined;
      if (step.action !== 'take' || !isSet(parts) || text === undefined) return step;
      const metadata = { ...step.image.metadata, autosnap_restore_as: withPartsInBlueprint(text, parts) };
      return { ...step, image: { ...step.image, metadata } };
    }),
    volumes: new Map(
      [...volumes].map(([server, steps]) => {
        const parts = numbers.get(server);
        return [
          server,
          steps.map((step) =>
            step.action === 'take' && isSet(parts)
              ? { ...step, snapshot: withPartsInMarker(step.snapshot, parts) }
              : step,
          ),
        ];
      }),
    ),
  };
}

function isOnVolumesAlone(step: SnapshotStep): boolean {
  return step.action === 'skip' && step.reason.code === 'ON_VOLUMES_ALONE';
}
