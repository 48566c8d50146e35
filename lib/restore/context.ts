import { isoSeconds } from '../config/dates.ts';
import { getImage } from '../openstack/images.ts';
import { printable } from '../openstack/printable.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { reported } from '../reporting/sentences.ts';
import type { Run } from '../runtime/run.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { hasPassed } from '../snapshots/retention.ts';
import { type Choice, chosenById, findImage, hasFailed, isOfThen, momentMs } from './choice.ts';
import type { RestoreEvent } from './event.ts';
import type { RestoreInventory } from './inventory.ts';
import { type Beginning, readSafetyMark } from './marks.ts';
import { refuse } from './refusal.ts';
import type { Restoration } from './restoration.ts';
import type { Origin } from './source.ts';

/** The context of one restore call. */
export interface RestoreContext<E extends RestoreEvent = RestoreEvent> {
  event: E;
  origin: Origin;
  request: string;
  stock: RestoreInventory;
  run: Run;
}

/** The {@link Beginning} of a restore from `image`. */
export function beginningOf({ request, event, origin }: RestoreContext, image: string): Beginning {
  return { request, to: event.to, region: origin.region, server: origin.id, image };
}

/**
 * Chooses the image that the event asks for. An image that the event names by its id is requested
 * by that id.
 */
export async function choose(
  session: Session,
  { event, origin, stock, run }: RestoreContext,
): Promise<Choice> {
  const { at } = event;
  const circumstances = { projectId: session.projectId, now: run.now };
  return momentMs(at) === undefined
    ? chosenById(stock, origin, at, await getImage(session, origin.region, at), circumstances)
    : findImage(stock, origin, event, circumstances);
}

/**
 * Refuses an event that resumes a restore with another server, region, target or source than the
 * restore began with. A date or `latest` may have selected another image at the beginning than it
 * selects now.
 *
 * @throws {ValidationError} that names every difference.
 */
export function refuseOtherRestore(context: RestoreContext, begun: Beginning & { at: Date }): void {
  const { event, origin, request, stock } = context;
  const untilMs = momentMs(event.at);
  const chosen = stock.snapshots.find(({ id, region }) => id === begun.image && region === begun.region);
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
 * Whether a date or `latest` selected a newer snapshot than `chosen` at the beginning, as far as
 * that can be known now.
 */
function hadNewer(
  { event, stock }: RestoreContext,
  chosen: Snapshot,
  untilMs: number,
  begunAt: Date,
): boolean {
  const imageOf = new Map(stock.images.map((image) => [image.id, image]));
  return stock.snapshots.some((one) => {
    const image = imageOf.get(one.id);
    // A snapshot that was changed since may not have been good then, and a drill of it may have
    // failed.
    const wasGoodThen = one.state === 'good' && image?.updatedAt !== undefined && image.updatedAt <= begunAt;
    return (
      wasGoodThen &&
      one.region === chosen.region &&
      one.server === chosen.server &&
      (event.policy === undefined || one.policy === event.policy) &&
      one.slot > chosen.slot &&
      isOfThen(one, untilMs) &&
      !hasFailed(one) &&
      !hasPassed(chosen) &&
      !readSafetyMark(image)
    );
  });
}

/**
 * The event that carries out exactly what a dry run has shown; `image` is "" when it is no longer
 * known.
 */
export function eventToRun({ event, origin }: RestoreContext, image: string): Record<string, unknown> {
  const { dryRun: _, restored: __, safeties: ___, asked: ____, account, ...rest } = event;
  return {
    ...rest,
    server: origin.id,
    region: origin.region,
    ...(image ? { at: image } : {}),
    ...(account === 'rackspace' ? {} : { account }),
  };
}

/**
 * The event that resumes a restore: it repeats every choice, and names what was made by its id. The
 * event of a dry run gets that of another dry run.
 */
export function eventToResume(
  context: RestoreContext,
  image: string,
  made: { restored?: string; safeties?: string[]; asked?: true } = {},
): Record<string, unknown> {
  const dryRun = context.event.dryRun ? { dryRun: true } : {};
  return { ...eventToRun(context, image), request: context.request, ...made, ...dryRun };
}

/** The progress of a restore, and the reasons for it. */
export interface Progress extends Pick<Restoration, 'state' | 'restored' | 'safety' | 'next' | 'apply'> {
  reasons: readonly Reason[];
}

/** The report of a call. */
export function answer(
  { event, origin, request, run }: RestoreContext,
  image: string,
  { reasons, ...outcome }: Progress,
): Restoration {
  const namesakes = origin.namesakes.map(
    (server): Reason => ({ code: 'RESTORE_NAMESAKE', name: origin.name, server }),
  );
  const { codes, reasons: lines } = reported([...namesakes, ...reasons]);
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
    codes,
    lines,
  };
}
