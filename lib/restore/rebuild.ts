import { isoSeconds } from '../config/dates.ts';
import { rootVolumeOf } from '../openstack/attachments.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { getServer } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { chooseImage, chosenEarlier, eventToRun, restoreReport } from './context.ts';
import { type InPlaceContext, type InPlaceRestore, inPlaceReport } from './in-place-context.ts';
import { type InPlaceStep, planInPlace } from './in-place-plan.ts';
import { refuse } from './refusal.ts';
import { replaceDisk } from './replace-disk.ts';
import type { Restoration } from './restoration.ts';
import { isOld, type Judgement, judge, type Safety } from './safety.ts';
import { takeSafety } from './take-safety.ts';

/**
 * The restore is refused after this many safety snapshots. Then the server's disk takes too long to
 * save, or the calls come too late.
 */
const MOST_SAFETIES = 3;

/**
 * Takes the next step of an in-place restore: a safety snapshot, or the rebuild. The disk is
 * replaced only if a good safety snapshot of this request was begun less than an hour ago;
 * otherwise another one is taken, three at most.
 */
export async function rebuild(session: Session, context: InPlaceContext): Promise<Restoration> {
  const { event, origin, safeties } = context;
  const server = origin.server && (await getServer(session, origin.region, origin.id));
  if (!server) refuse({ code: 'RESTORE_ORIGINAL_GONE', name: origin.name || origin.id });
  const now = cloudTime(session);
  const judged = safeties.map((safety) => ({ safety, judgement: judge(safety, server, now) }));
  const good = judged.find(({ judgement }) => judgement === 'good')?.safety;
  const pending = judged.find(({ judgement }) => judgement === 'pending')?.safety;
  const hasFailed = judged[0]?.judgement === 'failed';
  const step: InPlaceStep = good ? 'rebuild' : pending || hasFailed ? 'wait' : 'take';

  const { image, reasons: why } = safeties[0]
    ? await chosenEarlier(session, context, safeties[0].mark.image)
    : await chooseImage(session, context);
  const [flavors, rootVolume] = await Promise.all([
    listFlavors(session, origin.region),
    rootVolumeOf(session, server),
  ]);
  const plan = planInPlace(event, server, image, { flavors, rootVolume, step });
  const work = { ...context, server, image };
  if (event.dryRun) {
    return restoreReport(context, image.id, {
      state: 'planned',
      reasons: [...why, ...plan],
      apply: eventToRun(context, image.id),
    });
  }
  if (good) return replaceDisk(session, work, good);
  if (pending) return waitFor(work, pending, now);
  if (hasFailed) return failWith(work, safeties[0]!);
  return takeSafety(session, work, [...why, ...whyAnother(context, judged), ...plan]);
}

/**
 * The reasons for another safety snapshot; none for the first one. @throws {ValidationError} after
 * {@link MOST_SAFETIES} safety snapshots.
 */
function whyAnother(
  { safeties, missing, origin }: InPlaceContext,
  judged: readonly { safety: Safety; judgement: Judgement }[],
): Reason[] {
  const reasons = [
    ...judged.map(
      ({ safety: { snapshot }, judgement }): Reason =>
        judgement === 'overtaken'
          ? { code: 'SAFETY_OVERTAKEN', image: snapshot.id, name: origin.name }
          : { code: 'SAFETY_OLD', image: snapshot.id, since: isoSeconds(snapshot.createdAt) },
    ),
    ...missing.map((image): Reason => ({ code: 'SAFETY_GONE', image })),
  ];
  const count = safeties.length + missing.length;
  if (count >= MOST_SAFETIES) refuse({ code: 'SAFETIES_USED_UP', count, name: origin.name, reasons });
  return count === 0 ? [] : [...reasons, { code: 'SAFETY_ANOTHER', number: count + 1, most: MOST_SAFETIES }];
}

function waitFor(work: InPlaceRestore, { snapshot }: Safety, now: Date): Restoration {
  const { id, status, createdAt } = snapshot;
  const reasons: Reason[] = [
    { code: 'SAFETY_PENDING', image: id, status },
    ...(isOld(snapshot, now)
      ? [{ code: 'SAFETY_SLOW', since: isoSeconds(createdAt), most: MOST_SAFETIES } as const]
      : []),
  ];
  return inPlaceReport(work, 'waiting', reasons, id);
}

function failWith(work: InPlaceRestore, { snapshot: { id, status } }: Safety): Restoration {
  const { request: _, safeties: __, ...anew } = eventToRun(work, work.image.id);
  const reasons: Reason[] = [
    { code: 'SAFETY_FAILED', image: id, status, name: work.server.name },
    { code: 'RESTORE_BEGIN_ANEW' },
  ];
  return inPlaceReport(work, 'failed', reasons, id, anew);
}
