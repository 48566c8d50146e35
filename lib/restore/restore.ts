import { isoSeconds } from '../config/dates.ts';
import { Refusal } from '../config/validation-error.ts';
import { listServers } from '../openstack/compute.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { networksOf } from '../openstack/networks.ts';
import { createServer, getServer, type ServerDetail } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import type { Lease } from '../runtime/lease.ts';
import type { Run } from '../runtime/run.ts';
import { answer, beginningOf, type Case, choose, eventToDo, eventToGoOn, refuseOthers } from './context.ts';
import type { NewServerEvent, RestoreEvent } from './event.ts';
import { type Beginning, carries, readRestoredMark, restoredMark } from './marks.ts';
import { planNew } from './new-server.ts';
import { progressOf } from './progress.ts';
import { rebuild } from './rebuild.ts';
import type { Restoration } from './restoration.ts';
import { findSafeties } from './safety.ts';
import { type Remedies, send } from './send.ts';
import { findBlueprint, findOrigin } from './source.ts';
import { lookAround } from './take-inventory.ts';

/** Longer than the bucket keeps it, in which it is remembered. */
const REMEMBERED_MS = 366 * 86_400_000;

/** What may be wrong with what a server is asked for with: the cloud names it. */
const REMEDIES: Remedies = {
  BAD_REQUEST:
    'if it is the flavor, give another "flavor"; a network, "networks": the ids of networks that there are; the key pair, the "keyName" of one that the user in the secret has, or null for none; a security group, "securityGroups": the names of groups that there are, or []; the image, another "at"',
  CONFLICT: 'if there are several networks, give "networks": the ids of those that it is to have',
};

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
      refuse(`request: server ${server.id} carries "${request}", and does not say of what: give another one`);
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
        ? `restored: server ${event.restored} was not made or rebuilt by the restore "${request}"`
        : `restored: there is no server ${event.restored} in ${stock.regions.join(', ')}: it has been deleted since, or the event was changed: begin anew, without "request" and "restored"`,
    );
  }
  if (!first) return undefined;
  const { id, region } = first.server;
  const twins = marked.map(({ server }) => server.id).filter((other) => other !== id);
  return { id, begun: first.begun, twins, server: await getServer(session, region, id) };
}

/** How far the cloud is with what an earlier call has asked for. */
function follow(its: Case, { id, server, begun, twins }: Restored): Restoration {
  const { state, lines } = progressOf(server, begun);
  const doubled = twins.map(
    (other) =>
      `server ${other} carries the same request, too: a second one, if two calls came at the same moment; look at it before you delete it`,
  );
  const { safeties } = its.event;
  const made = { restored: id, ...(safeties ? { safeties } : {}) };
  const next = state === 'building' ? { next: eventToGoOn(its, begun.image, made) } : {};
  return answer(its, begun.image, {
    state,
    lines: [
      ...lines,
      `from ${sourceOf(its, begun)}, as asked for at ${isoSeconds(begun.at)}; for another restore leave "request" out`,
      ...doubled,
    ],
    restored: id,
    ...next,
  });
}

function sourceOf({ stock }: Case, { image, region }: Beginning): string {
  const snapshot = stock.snapshots.find((s) => s.id === image && s.region === region);
  return snapshot ? `the snapshot of ${isoSeconds(snapshot.slot)} (${image})` : `image ${image}`;
}

async function create(session: Session, its: Case<NewServerEvent>): Promise<Restoration> {
  const { event, origin, stock, run } = its;
  const { image, lines: why } = await choose(session, its);
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
  const lines = [...why, ...plan.lines];
  if (event.dryRun) return answer(its, image.id, { state: 'planned', lines, next: eventToDo(its, image.id) });
  if (event.asked) return unanswered(its, image.id, 'a server was asked for by an earlier call');
  const turn = await onlyTurn(its);
  if (turn && 'heldUntil' in turn)
    return unanswered(its, image.id, 'a server was asked for by an earlier call with this request');
  const sent = await send(
    () => createServer(session, region, plan.server),
    () => findMade(session, its),
    REMEDIES,
  ).catch(async (error) => {
    // Nothing was made: whoever corrects the event may call with the same request.
    if (turn) await turn.release().catch(() => undefined);
    throw error;
  });
  if ('unsure' in sent) return unanswered(its, image.id, sent.unsure);
  return answer(its, image.id, {
    state: 'building',
    restored: sent.done,
    lines: [...lines, `asked for: it is ${sent.done}`],
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
function unanswered(its: Case, image: string, why: string): Restoration {
  return answer(its, image, {
    state: 'failed',
    lines: [
      why,
      `no server of the request "${its.request}" is listed. A listing can lack a server that is there, so this request asks for no other one`,
      'call again with "next" to look again; once you are sure that there is none, begin anew, without "request" and "asked"',
    ],
    next: eventToGoOn(its, image, { asked: true }),
  });
}

async function findMade(session: Session, { origin, request }: Case): Promise<string | undefined> {
  const servers = await listServers(session, origin.region);
  return servers.find((server) => carries(server, request))?.id;
}

function refuse(problem: string): never {
  throw new Refusal('The restore is refused', [problem]);
}
