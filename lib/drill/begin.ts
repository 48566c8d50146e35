import pMap from 'p-map';
import { isCloudError } from '../openstack/errors.ts';
import type { DrillContext, DrillResult } from './attempt.ts';
import { mappedServerVolumes, quotaProblem } from './disks.ts';
import { flavorsOf, type RefusedDrill, refusalBy, requestServer, unsentDrill } from './request-server.ts';
import type { DrillTarget } from './targets.ts';
import type { ThrowAway } from './throw-away.ts';
import { beginVolumeDrill, type VolumeDrill } from './volume-drill.ts';

/**
 * After this many refusals by the cloud, a run picks the next snapshots at random: otherwise
 * snapshots whose images can't be marked would stay first in the queue forever. After twice as many
 * refusals, the run begins no more drills.
 */
const MOST_REFUSALS = 10;

/** The drills that a run began, and the snapshots that it could not boot. */
export interface StartedDrills {
  servers: ThrowAway[];
  volumeDrills: VolumeDrill[];
  refused: { target: DrillTarget; result: DrillResult }[];
}

/**
 * Begins as many drills as `capacity` allows. When a snapshot can't be booted, the next one is
 * tried.
 *
 * @param waiting the snapshots in the order in which to try them.
 */
export async function startDrills(
  context: DrillContext,
  waiting: readonly DrillTarget[],
  capacity: number,
): Promise<StartedDrills> {
  const flavors = flavorsOf(context.session);
  const [queue, closed] = [[...waiting], new Set<string>()];
  const found: StartedDrills = { servers: [], volumeDrills: [], refused: [] };
  let refusals = 0;
  const take = () =>
    queue.splice(refusals < MOST_REFUSALS ? 0 : Math.floor(Math.random() * queue.length), 1)[0];
  const beginNext = async () => {
    for (let target = take(); target; target = take()) {
      if (closed.has(target.region)) continue;
      const begun = await begin(context, target, flavors);
      if ('record' in begun) {
        found.volumeDrills.push(begun);
        return;
      }
      if (!('effect' in begun)) {
        found.servers.push(begun);
        return;
      }
      found.refused.push({ target, result: { outcome: begun.outcome, reasons: begun.reasons } });
      if (begun.effect === 'uncertain') return;
      if (begun.effect === 'region') closed.add(target.region);
      if (!begun.isUnsent) refusals++;
      if (begun.effect === 'all' || refusals >= 2 * MOST_REFUSALS) queue.length = 0;
    }
  };
  const empty = Array.from({ length: Math.min(capacity, waiting.length) });
  await pMap(empty, beginNext, { concurrency: 4 });
  return found;
}

/**
 * Begins a drill: requests its volumes, or, if the drill makes none, its server. Nothing is made if
 * a quota has no room for the volumes.
 */
async function begin(
  context: DrillContext,
  target: DrillTarget,
  flavors: ReturnType<typeof flavorsOf>,
): Promise<ThrowAway | VolumeDrill | RefusedDrill> {
  const { disks, region } = target;
  try {
    const problem = await quotaProblem(context.session, region, disks);
    if (problem) return unsentDrill(problem);
    if (disks.made.length > 0) return await beginVolumeDrill(context, target, flavors);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return refusalBy(error, 'CLOUD');
  }
  const nonce = crypto.randomUUID();
  return requestServer(context, target, flavors, { nonce, volumes: mappedServerVolumes(disks) });
}
