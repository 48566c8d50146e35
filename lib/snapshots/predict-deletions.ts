import pMap from 'p-map';
import { isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import type { Finding } from '../reporting/reasons.ts';
import { membersOf } from './delete.ts';
import type { PlanItem, RegionPlan, SeriesPlan } from './series-plan.ts';

/** The number of concurrent reads in a dry run; Rackspace allows 1,000 a minute. */
const AT_ONCE = 8;

/**
 * Predicts, for a dry run, which deletions a run would make. An image that is shared with other
 * projects stays, and the run deletes the next snapshot of the plan instead. Image listings do not
 * show the members of images at Rackspace, so the members of the images to be deleted are
 * requested.
 */
export async function predictDeletions(
  session: Session,
  { region, series }: RegionPlan,
): Promise<Pick<RegionPlan, 'series' | 'warnings'>> {
  const warnings: Finding[] = [];
  const predictSeries = async (plan: SeriesPlan): Promise<SeriesPlan> => {
    const predicted = new Map<PlanItem, PlanItem>();
    let allowed = plan.items.filter(({ action }) => action === 'delete').length;
    for (const item of plan.items.toReversed()) {
      if (item.action === 'keep' || allowed === 0 || warnings.length > 0) continue;
      try {
        const members = await membersOf(session, item.snapshot);
        const reasons = item.reasons.filter(({ code }) => code !== 'MAX_DELETES');
        const isShared = members.length > 0;
        predicted.set(
          item,
          isShared
            ? { ...item, action: 'keep', reasons: [{ code: 'SHARED', members }] }
            : { ...item, action: 'delete', reasons },
        );
        if (!isShared) allowed -= 1;
      } catch (error) {
        if (!isCloudError(error)) throw error;
        const { id: image } = item.snapshot;
        const isFirst = warnings.length === 0;
        if (isFirst) warnings.push({ code: 'SHARING_UNKNOWN', region, image, message: error.message });
      }
    }
    return { ...plan, items: plan.items.map((item) => predicted.get(item) ?? item) };
  };
  return { series: await pMap(series, predictSeries, { concurrency: AT_ONCE }), warnings };
}
