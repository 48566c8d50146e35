import { isoSeconds } from '../config/dates.ts';
import { getImage } from '../openstack/images.ts';
import { printable, printableIn } from '../openstack/printable.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { reported } from '../reporting/sentences.ts';
import type { Run } from '../runtime/run.ts';
import { hasPassed } from '../snapshots/retention.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { estimateOf } from './estimate.ts';
import type { RestoreEvent, ServerRestoreEvent } from './event.ts';
import {
  type Choice,
  chosenById,
  findImage,
  hasFailedLatestDrill,
  isAtOrBefore,
  momentMs,
} from './image-choice.ts';
import type { RestoreInventory } from './inventory.ts';
import { type RestoredMark, type RestoreParameters, readSafetyMark } from './marks.ts';
import { refuse } from './refusal.ts';
import type { Restoration } from './restoration.ts';
import type { Origin } from './source.ts';

/** The context of one restore call. */
export interface RestoreContext<E extends RestoreEvent = ServerRestoreEvent> {
  event: E;
  origin: Origin;
  request: string;
  inventory: RestoreInventory;
  run: Run;
}

/** The {@link RestoreParameters} of a restore of `image`. */
export function parametersOf(
  { request, event, origin }: RestoreContext<RestoreEvent>,
  image: string,
): RestoreParameters {
  return { request, to: event.to, region: origin.region, server: origin.id, image };
}

/**
 * Chooses the image that the event requests. If the event has the id of an image, the image is
 * requested by that id.
 */
export async function chooseImage(session: Session, context: RestoreContext): Promise<Choice> {
  const { event, origin, inventory, run } = context;
  if (momentMs(event.at) === undefined) return chooseById(session, context, event.at);
  return findImage(inventory, origin, event, { now: run.now });
}

async function chooseById(
  session: Session,
  { origin, inventory, run }: RestoreContext,
  id: string,
): Promise<Choice> {
  const { region } = origin;
  const onVolume = inventory.rootDisks.find((one) => one.id === id && one.region === region);
  const image = onVolume ?? (await getImage(session, region, id));
  return chosenById(inventory, origin, id, image, { projectId: session.projectId, now: run.now });
}

/**
 * The image that an earlier call has chosen. A newer snapshot may have become `latest` since then.
 *
 * @throws {ValidationError} when the image has been deleted since, with the reasons `left`.
 */
export async function chosenEarlier(
  session: Session,
  context: RestoreContext,
  id: string,
  left: readonly Reason[] = [],
): Promise<Choice> {
  const { origin, inventory } = context;
  const isOnVolume = inventory.rootDisks.some((one) => one.id === id);
  if (!isOnVolume && !(await getImage(session, origin.region, id))) {
    refuse({ code: 'RESTORE_IMAGE_DELETED', image: id, server: origin.name }, ...left);
  }
  return chooseById(session, context, id);
}

/**
 * Refuses an event that would resume a restore with another server, region, target or source than
 * it began with. A date, or `latest`, may select another image now than it selected when the
 * restore began: that alone is no difference.
 *
 * @throws {ValidationError} that names every difference.
 */
export function refuseOtherRestore(context: RestoreContext, begun: RestoredMark): void {
  const { event, origin, request, inventory } = context;
  const untilMs = momentMs(event.at);
  const chosen = inventory.snapshots.find(({ id, region }) => id === begun.image && region === begun.region);
  const isChosen =
    untilMs === undefined
      ? event.at.toLowerCase() === begun.image.toLowerCase()
      : !chosen || (chosen.slot.getTime() <= untilMs && !hadNewer(context, chosen, untilMs, begun.at));
  const differences = [
    ...(origin.id === begun.server ? [] : [{ field: 'server', was: begun.server }]),
    ...(origin.region === begun.region ? [] : [{ field: 'region', was: begun.region }]),
    ...(event.to === begun.to ? [] : [{ field: 'to', was: begun.to }]),
    ...(event.policy === undefined || !chosen || event.policy === chosen.policy
      ? []
      : [{ field: 'policy', was: chosen.policy }]),
    ...(isChosen
      ? []
      : [{ field: 'at', was: begun.image, ...(chosen ? { slot: isoSeconds(chosen.slot) } : {}) }]),
  ];
  if (differences.length === 0) return;
  refuse(...differences.map((one): Reason => ({ code: 'RESTORE_DIFFERS', ...one, request })));
}

/**
 * Whether the date or `latest` in the event selected a newer snapshot than `chosen` when the
 * restore began, as far as the cloud still shows it.
 */
function hadNewer(
  { event, inventory }: RestoreContext,
  chosen: Snapshot,
  untilMs: number,
  begunAt: Date,
): boolean {
  const imageOf = new Map(inventory.images.map((image) => [image.id, image]));
  return inventory.snapshots.some((one) => {
    const image = imageOf.get(one.id);
    // A snapshot that was changed after the restore began may not have been good at that time, or
    // its last drill may have failed then.
    const wasGoodThen = one.state === 'good' && image?.updatedAt !== undefined && image.updatedAt <= begunAt;
    return (
      wasGoodThen &&
      one.region === chosen.region &&
      one.server === chosen.server &&
      (event.policy === undefined || one.policy === event.policy) &&
      one.slot > chosen.slot &&
      isAtOrBefore(one, untilMs) &&
      !hasFailedLatestDrill(one) &&
      !hasPassed(chosen) &&
      !readSafetyMark(image)
    );
  });
}

/**
 * The event that carries out exactly what a dry run has reported; `image` is "" when the image is
 * unknown. It contains the request, so that a second call with it is the same restore, and what
 * earlier calls of the restore have made. A restore in place needs `confirm` in addition.
 */
export function eventToRun(
  { event, origin, request }: RestoreContext<RestoreEvent>,
  image: string,
): Record<string, unknown> {
  const { dryRun: _, account, ...choices } = event;
  const { restored: __, asked, ...rest } = { restored: undefined, asked: undefined, ...choices };
  return {
    ...rest,
    ...(event.to === 'volume' ? {} : { server: origin.id }),
    region: origin.region,
    request,
    ...(asked ? { asked } : {}),
    ...(image ? { at: image } : {}),
    ...(account === 'rackspace' ? {} : { account }),
  };
}

/**
 * The event that resumes a restore. It repeats all choices, and has the ids of the server, the
 * volumes and the safety snapshots that the restore has made so far. The event of a dry run gets
 * that of another dry run.
 */
export function eventToResume(
  context: RestoreContext<RestoreEvent>,
  image: string,
  made: { restored?: string; made?: string[]; safetySnapshots?: string[]; asked?: true } = {},
): Record<string, unknown> {
  const dryRun = context.event.dryRun ? { dryRun: true } : {};
  return { ...eventToRun(context, image), ...made, ...dryRun };
}

/** The progress of a restore, and the reasons for it. */
export interface Progress
  extends Pick<Restoration, 'state' | 'restored' | 'restoredName' | 'safety' | 'next' | 'apply'> {
  reasons: readonly Reason[];
}

/** The report of a restore call. */
export function restoreReport(
  { event, origin, request, inventory, run }: RestoreContext<RestoreEvent>,
  image: string,
  { reasons, restoredName, ...outcome }: Progress,
): Restoration {
  const namesakes = origin.namesakes.map(
    (server): Reason => ({ code: 'RESTORE_NAMESAKE', name: origin.name, server }),
  );
  const estimate = event.to === 'volume' ? undefined : estimateOf(inventory, origin);
  const isPlan = outcome.state === 'planned' && estimate !== undefined;
  const all = [...namesakes, ...reasons, ...(isPlan ? [estimate] : [])];
  const { codes, reasons: lines } = reported(all);
  return {
    job: 'restore',
    owner: run.owner,
    account: event.account,
    dryRun: event.dryRun,
    request,
    server: origin.id,
    name: printable(origin.name || origin.id),
    region: origin.region,
    image,
    ...outcome,
    ...(restoredName === undefined ? {} : { restoredName: printable(restoredName) }),
    ...(estimate ? { estimateSeconds: estimate.seconds } : {}),
    reasons: printableIn(all),
    codes,
    lines,
  };
}
