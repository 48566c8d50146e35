import { isoSeconds } from '../config/dates.ts';
import { listServers } from '../openstack/compute.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { networksOf } from '../openstack/networks.ts';
import { createServer, getServer, type ServerDetail } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Lease } from '../runtime/lease.ts';
import type { Run } from '../runtime/run.ts';
import { answer, beginningOf, type Case, choose, eventToDo, eventToGoOn, refuseOthers } from './context.ts';
import type { NewServerEvent, RestoreEvent } from './event.ts';
import { type Beginning, carries, readRestoredMark, restoredMark } from './marks.ts';
import { planNew } from './new-server.ts';
import { progressOf } from './progress.ts';
import { rebuild } from './rebuild.ts';
import { refuse } from './refusal.ts';
import type { Restoration } from './restoration.ts';
import { findSafeties } from './safety.ts';
import { send } from './send.ts';
import { findBlueprint, findOrigin } from './source.ts';
import { lookAround } from './take-inventory.ts';

/** Longer than the bucket keeps it, in which it is remembered. */
const REMEMBERED_MS = 366 * 86_400_000;

/**
 * Restores a server from a snapshot as far as it goes without waiting: a new server is asked for, or a safety snapshot,
 * or the rebuild. A call again with the same request finds in the cloud what the earlier ones have done, and goes on.
 *
 * @throws {Refusal} for whatever can't be restored as asked, or is not what the request has begun with; nothing has been
 *   made or changed then.
 */
export async function restore(session: Session, event: RestoreEvent, run: Run): Promise<Restoration> {
  const request = event.request ?? run.requestId;
  const stock = await lookAround(session, event, run);
  const origin = findOrigin(stock, event.server);
  const its = { origin, request, stock, run };
  const restored = await findRestored(session, { ...its, event });
  if (restored) return follow({ ...its, event }, restored);
  const { safeties, missing } = await findSafeties(session, { ...its, event });
  for (const { snapshot, mark } of safeties) {
    const { region, server, createdAt: at } = snapshot;
    refuseOthers({ ...its, event }, { request, to: 'in-place', region, server, image: mark.image, at });
  }
  return event.to === 'in-place'
    ? rebuild(session, { ...its, event, safeties, missing })
    : create(session, { ...its, event });
}

/** The server that this restore has made or rebuilt. */
interface Restored {
  id: string;
  /** Undefined when it is gone. */
  server: ServerDetail | undefined;
  begun: Beginning & { at: Date };
  /** Other servers that carry the request, too. */
  twins: string[];
}

/**
 * The server that an earlier call with this request has made or rebuilt: by its id where the event has it, else by what
 * the servers say.
 *
 * @throws {Refusal} when it is of another restore than the event.
 */
async function findRestored(session: Session, its: Case): Promise<Restored | undefined> {
  const { event, request, stock } = its;
  const carriers = stock.servers.filter((server) => carries(server, request));
  const marked = carriers.flatMap((server) => {
    const begun = readRestoredMark(server.metadata);
    if (!begun) {
      refuse({ code: 'RESTORE_REQUEST_UNREADABLE', server: server.id, request });
    }
    // Whoever copies metadata from one server to another copies the mark.
    return (begun.to === 'in-place') === (server.id === begun.server) ? [{ server, begun }] : [];
  });
  for (const { begun } of marked) refuseOthers(its, begun);
  const ageOf = ({ server }: (typeof marked)[number]) => server.createdAt?.getTime() ?? 0;
  marked.sort((a, b) => ageOf(a) - ageOf(b) || (a.server.id < b.server.id ? -1 : 1));
  const [first] = marked.filter(
    ({ server: { id } }) => event.restored === undefined || id === event.restored,
  );
  if (!first && event.restored !== undefined) {
    refuse(
      stock.servers.some(({ id }) => id === event.restored)
        ? { code: 'RESTORE_OF_OTHER_REQUEST', server: event.restored, request }
        : { code: 'RESTORE_NOT_FOUND', server: event.restored, regions: stock.regions },
    );
  }
  if (!first) return undefined;
  const { id, region } = first.server;
  const twins = marked.map(({ server }) => server.id).filter((other) => other !== id);
  return { id, begun: first.begun, twins, server: await getServer(session, region, id) };
}

/** How far the cloud is with what an earlier call has asked for. */
function follow(its: Case, { id, server, begun, twins }: Restored): Restoration {
  const { state, reasons } = progressOf(server, begun);
  const doubled = twins.map((other): Reason => ({ code: 'RESTORE_TWIN', server: other }));
  const { safeties } = its.event;
  const made = { restored: id, ...(safeties ? { safeties } : {}) };
  const next = state === 'building' ? { next: eventToGoOn(its, begun.image, made) } : {};
  return answer(its, begun.image, {
    state,
    reasons: [...reasons, sourceOf(its, begun), ...doubled],
    restored: id,
    ...next,
  });
}

function sourceOf({ stock }: Case, { image, region, at }: Restored['begun']): Reason {
  const snapshot = stock.snapshots.find((s) => s.id === image && s.region === region);
  const slot = snapshot ? { slot: isoSeconds(snapshot.slot) } : {};
  return { code: 'RESTORE_SOURCE', image, ...slot, at: isoSeconds(at) };
}

async function create(session: Session, its: Case<NewServerEvent>): Promise<Restoration> {
  const { event, origin, stock, run } = its;
  const { image, reasons: why } = await choose(session, its);
  const { region } = origin;
  const [flavors, detail, networks] = await Promise.all([
    listFlavors(session, region),
    origin.server ? getServer(session, region, origin.id) : undefined,
    origin.server && !event.networks ? networksOf(session, origin) : undefined,
  ]);
  const blueprint = findBlueprint(stock, origin, image);
  const plan = planNew(event, { ...origin, detail, blueprint, networks }, image, {
    mark: restoredMark(beginningOf(its, image.id), cloudTime(session)),
    now: run.now,
    flavors,
  });
  const reasons = [...why, ...plan.reasons];
  if (event.dryRun) {
    return answer(its, image.id, { state: 'planned', reasons, next: eventToDo(its, image.id) });
  }
  if (event.asked) return unanswered(its, image.id, { code: 'RESTORE_REQUESTED_BEFORE', byRequest: false });
  const turn = await onlyTurn(its);
  if (turn && 'heldUntil' in turn)
    return unanswered(its, image.id, { code: 'RESTORE_REQUESTED_BEFORE', byRequest: true });
  const sent = await send(
    () => createServer(session, region, plan.server),
    () => findMade(session, its),
    'new',
  ).catch(async (error) => {
    // Nothing was made: whoever corrects the event may call with the same request.
    if (turn) await turn.release().catch(() => undefined);
    throw error;
  });
  if ('unsure' in sent) return unanswered(its, image.id, sent.unsure);
  return answer(its, image.id, {
    state: 'building',
    restored: sent.done,
    reasons: [...reasons, { code: 'RESTORE_REQUESTED', server: sent.done }],
    next: eventToGoOn(its, image.id, { restored: sent.done }),
  });
}

/**
 * The one turn of a request to ask for a server: a listing that lacks the server of an earlier call does not show that there
 * was none. Undefined where that can't be remembered.
 */
async function onlyTurn({ event, request, run }: Case): Promise<Lease | undefined> {
  try {
    const until = new Date(run.now.getTime() + REMEMBERED_MS);
    return await run.leases?.take(`restore/${event.account}/${request}`, until, run.now);
  } catch {
    // A restore that can't be begun is worse than a second server.
    return undefined;
  }
}

/** A server may or may not come of it: a listing that lacks it proves nothing, so nothing more is asked for. */
function unanswered(its: Case, image: string, why: Reason): Restoration {
  return answer(its, image, {
    state: 'failed',
    reasons: [why, { code: 'RESTORE_NOT_LISTED', request: its.request }, { code: 'RESTORE_LOOK_AGAIN' }],
    next: eventToGoOn(its, image, { asked: true }),
  });
}

async function findMade(session: Session, { origin, request }: Case): Promise<string | undefined> {
  const servers = await listServers(session, origin.region);
  return servers.find((server) => carries(server, request))?.id;
}
