import { isoSeconds } from '../config/dates.ts';
import { getImage } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { reported } from '../reporting/sentences.ts';
import type { Run } from '../runtime/run.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { hasPassed } from '../snapshots/retention.ts';
import { type Choice, chosenById, findImage, hasFailed, isOfThen, momentMs } from './choice.ts';
import type { RestoreEvent } from './event.ts';
import type { Stock } from './inventory.ts';
import { type Beginning, readSafetyMark } from './marks.ts';
import { refuse } from './refusal.ts';
import type { Restoration } from './restoration.ts';
import type { Origin } from './source.ts';

/** One restore, as far as it is known when something is to be done. */
export interface Case<E extends RestoreEvent = RestoreEvent> {
  event: E;
  origin: Origin;
  request: string;
  stock: Stock;
  run: Run;
}

/** What a restore from `image` begins with. */
export function beginningOf({ request, event, origin }: Case, image: string): Beginning {
  return { request, to: event.to, region: origin.region, server: origin.id, image };
}

/** The image that the event asks for; one that is named by its id is asked for by that. */
export async function choose(session: Session, { event, origin, stock, run }: Case): Promise<Choice> {
  const { at } = event;
  const circumstances = { projectId: session.projectId, now: run.now };
  return momentMs(at) === undefined
    ? chosenById(stock, origin, at, await getImage(session, origin.region, at), circumstances)
    : findImage(stock, origin, event, circumstances);
}

/**
 * Refuses an event that goes on with a restore and is not of its server, region, target or source any more. A date or
 * `latest` may have meant another image at the beginning than it means now.
 *
 * @throws {Refusal} that names every difference.
 */
export function refuseOthers(its: Case, begun: Beginning & { at: Date }): void {
  const { event, origin, request, stock } = its;
  const untilMs = momentMs(event.at);
  const chosen = stock.snapshots.find(({ id, region }) => id === begun.image && region === begun.region);
  const isChosen =
    untilMs === undefined
      ? event.at.toLowerCase() === begun.image.toLowerCase()
      : !chosen || (chosen.slot.getTime() <= untilMs && !hadNewer(its, chosen, untilMs, begun.at));
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

/** Whether a moment or `latest` meant a newer snapshot than `chosen` at the beginning, as far as can be told by now. */
function hadNewer({ event, stock }: Case, chosen: Snapshot, untilMs: number, begunAt: Date): boolean {
  const imageOf = new Map(stock.images.map((image) => [image.id, image]));
  return stock.snapshots.some((one) => {
    const image = imageOf.get(one.id);
    // One that was changed since may not have been good then, and a drill of it may have failed.
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

/** What to call with after a dry run, to do just what it has shown; `image` is "" when it is not known any more. */
export function eventToDo({ event, origin }: Case, image: string): Record<string, unknown> {
  const { dryRun: _, restored: __, safeties: ___, asked: ____, account, ...rest } = event;
  return {
    ...rest,
    server: origin.id,
    region: origin.region,
    ...(image ? { at: image } : {}),
    ...(account === 'rackspace' ? {} : { account }),
  };
}

/** What to call with to go on: every choice stays as it was made, and what was made is named by its id. */
export function eventToGoOn(
  its: Case,
  image: string,
  made: { restored?: string; safeties?: string[]; asked?: true } = {},
): Record<string, unknown> {
  return { ...eventToDo(its, image), request: its.request, ...made };
}

/** How far a call has come, and why. */
export interface Progress extends Pick<Restoration, 'state' | 'restored' | 'safety' | 'next'> {
  reasons: readonly Reason[];
}

/** What a call has come to, as its report. */
export function answer(
  { event, origin, request, run }: Case,
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
    name: origin.name || origin.id,
    region: origin.region,
    image,
    ...outcome,
    codes,
    lines,
  };
}
