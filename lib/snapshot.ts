import pMap from 'p-map';
import { blueprintText } from './blueprint.ts';
import { isoSeconds } from './dates.ts';
import { isStuck, markerOf, readMarker, type Snapshot } from './marker.ts';
import { createImage, type NewImage, type Server } from './openstack/compute.ts';
import { explain, isCloudError } from './openstack/errors.ts';
import { listImages } from './openstack/images.ts';
import { spreadUnderLimits } from './openstack/rates.ts';
import type { Session } from './openstack/session.ts';
import { ADHOC, type Adhoc, isAdhoc, type Policy } from './policy.ts';
import { Refusal } from './refusal.ts';
import { type Entry, finishReport, NOWHERE, type Report } from './report.ts';
import type { Run } from './run.ts';
import { type Selection, selectServers } from './selection.ts';
import { survey } from './survey.ts';

// Enough for Rackspace's 100 POSTs a minute while each takes less than 4.8 seconds.
const AT_ONCE = 8;
const LONGEST_NAME = 255;
const MOST_NAMES = 10;
/** How the reason begins for which a server is skipped only for now. */
const BUSY = 'busy: ';

/** What a run is to take: one snapshot a server, of one policy for one slot, or by hand. */
interface Due {
  policy: string;
  slot: Date;
  /** Whether a snapshot of this policy is the one that is due: then there is nothing to take. */
  isMet(snapshot: Snapshot): boolean;
  /** The marker of the snapshot that is to be taken. */
  metadata(server: Server): Record<string, string>;
}

export type Step =
  | { action: 'take'; server: Server; image: NewImage }
  | { action: 'skip' | 'fail'; server: Server; reason: string };

interface PlanOptions {
  due: Due;
  now: Date;
  provider: Session['provider'];
}

/**
 * What to do with each selected server, given the snapshots that are there; the longest unprotected first, because the
 * time of a run can end before its steps do.
 *
 * A server is skipped when the snapshot that is due exists and has not failed, when one of its series is still
 * being made, or when the cloud is busy with it.
 */
export function planSnapshots(
  servers: readonly Server[],
  snapshots: readonly Snapshot[],
  { due, now, provider }: PlanOptions,
): Step[] {
  const series = Map.groupBy(
    snapshots.filter(({ policy }) => policy === due.policy),
    ({ region, server }) => `${region} ${server}`,
  );
  const seriesOf = ({ region, id }: Server) => series.get(`${region} ${id}`) ?? [];
  return byNeed(servers, seriesOf, now).map((server): Step => {
    const skip = (reason: string): Step => ({ action: 'skip', server, reason });
    const alive = seriesOf(server).filter((s) => s.state !== 'failed' && !isStuck(s, server.taskState, now));
    const taken = alive.find(due.isMet);
    if (taken) return skip(`already taken: image ${taken.id} is ${taken.status}`);
    if (server.volumeBacked && provider === 'rackspace') {
      return {
        action: 'fail',
        server,
        reason:
          'its disk is a volume, of which Rackspace makes no images: back it up with Cloud Block Storage, and name the server in servers.except',
      };
    }
    if (server.taskState !== null) return skip(`${BUSY}the server is in ${server.taskState}`);
    const pending = alive.find(({ state }) => state === 'pending');
    if (pending) return skip(`${BUSY}image ${pending.id} is still ${pending.status}`);
    return {
      action: 'take',
      server,
      image: { name: imageName(server, due.policy, due.slot), metadata: due.metadata(server) },
    };
  });
}

/** Those without a good snapshot first, then by the newest good one, the oldest first. */
function byNeed(
  servers: readonly Server[],
  seriesOf: (server: Server) => readonly Snapshot[],
  now: Date,
): Server[] {
  const newestMs = new Map(
    servers.map((server) => {
      const good = seriesOf(server).filter(({ state, slot }) => state === 'good' && slot <= now);
      return [server, Math.max(0, ...good.map(({ slot }) => slot.getTime()))];
    }),
  );
  return servers.toSorted((a, b) => newestMs.get(a)! - newestMs.get(b)!);
}

/** A label for people; nothing that deletes ever reads it. `what` it is of: a policy, mostly. */
export function imageName(server: Pick<Server, 'id' | 'name'>, what: string, slot: Date): string {
  const suffix = `-${what}-${isoSeconds(slot).replace(/[-:]/g, '')}`;
  const printable = server.name.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '').trim() || server.id;
  return printable.slice(0, LONGEST_NAME - suffix.length).toWellFormed() + suffix;
}

/**
 * Takes the snapshots that an event asks for, or plans them when it is a dry run. Returns when the cloud has
 * accepted them; it makes them in its own time, and cleanup sees how they ended.
 *
 * @throws {Refusal} for a schedule that has not fired yet, or a region that the account lacks.
 */
export async function takeSnapshots(session: Session, event: Policy | Adhoc, run: Run): Promise<Report> {
  const { owner, now } = run;
  const due = isAdhoc(event) ? dueByHand(event, run) : dueBySchedule(event, run);

  const { regions, unreadable } = await survey(session, event.regions, () => false);
  const servers = regions.flatMap((r) => r.servers);
  const selection = selectServers(servers, event.servers);
  const snapshots = regions
    .flatMap((r) => r.images)
    .map((image) => readMarker(image, owner, session.projectId))
    .filter((read) => typeof read === 'object');
  const steps = planSnapshots(selection.servers, snapshots, { due, now, provider: session.provider });
  const toTake = steps.filter(({ action }) => action === 'take').map(({ server }) => server);
  if (!event.dryRun) await spreadUnderLimits(session, toTake);
  const entries = await pMap(
    steps,
    (step) => (event.dryRun ? dryStep(step) : take(session, step, due, owner)),
    {
      concurrency: AT_ONCE,
    },
  );

  const failures = unreadable.map(
    ({ region, problem }) => `${region} can't be read, so no snapshot there: ${problem}`,
  );
  const nextRun = isAdhoc(event) ? undefined : event.schedule.next(now);
  return finishReport({
    job: 'snapshot',
    policy: due.policy,
    owner,
    account: event.account,
    dryRun: event.dryRun,
    slot: isoSeconds(due.slot),
    lateSeconds: Math.floor((now.getTime() - due.slot.getTime()) / 1000),
    ...(nextRun ? { nextRun: isoSeconds(nextRun) } : {}),
    failures,
    unreadable,
    ...leftOf(entries),
    warnings: selection.unmatched.map((selector) => `servers.${selector} matches no server`),
    nothingSelected: selection.unmatched.length > 0 || selection.servers.length === 0,
    entries: [...missing(selection, unreadable.length > 0), ...entries],
  });
}

/** What goes on later: that for which there was no time, and the servers that were busy. */
function leftOf(entries: readonly Entry[]): Pick<Report, 'left'> {
  const late = entries.filter(({ outcome }) => outcome === 'deferred').length;
  const busy = entries.filter(({ outcome, reason }) => outcome === 'skipped' && reason?.startsWith(BUSY));
  const names = busy.slice(0, MOST_NAMES).map(({ name, region }) => `${name} in ${region}`);
  if (busy.length > MOST_NAMES) names.push(`${busy.length - MOST_NAMES} more`);
  if (late + busy.length === 0) return {};
  return {
    left: {
      ...(late > 0 ? { outOfTime: `${late} of ${entries.length} servers are left` } : {}),
      ...(busy.length > 0 ? { busy: names.join(', ') } : {}),
    },
  };
}

function dueBySchedule({ policy, schedule }: Policy, { owner, now, since = now }: Run): Due {
  const slot = schedule.slot(since);
  if (!slot) {
    throw new Refusal('The event is refused', [
      'schedule: has not fired yet: to take a snapshot now, send an ad-hoc event',
    ]);
  }
  return {
    policy,
    slot,
    isMet: (snapshot) => schedule.covers(snapshot.slot, since),
    metadata: (server) =>
      markerOf({ owner, policy, server: server.id, slot, blueprint: blueprintText(server) }),
  };
}

/** By hand there is no schedule: a retry is known by its invocation's id, which stays the same. */
function dueByHand({ expires: afterMs }: Adhoc, { owner, now, since = now, requestId: request }: Run): Due {
  const expires = afterMs === undefined ? undefined : new Date(since.getTime() + afterMs);
  return {
    policy: ADHOC,
    slot: since,
    isMet: (snapshot) => snapshot.request === request,
    metadata: (server) =>
      markerOf({ owner, server: server.id, slot: since, expires, request, blueprint: blueprintText(server) }),
  };
}

function missing({ missingIds }: Selection, someUnreadable: boolean): Entry[] {
  const reason = someUnreadable
    ? 'servers.ids: not found in the regions that could be read'
    : 'servers.ids: no such server in these regions: correct the id, or take it out';
  return missingIds.map((server) => ({ server, name: server, region: NOWHERE, outcome: 'failed', reason }));
}

function dryStep(step: Step): Entry {
  return step.action === 'take'
    ? { ...entryOf(step.server), outcome: 'planned', reason: `would be taken as ${step.image.name}` }
    : unchanged(step);
}

function unchanged({ server, action, reason }: Extract<Step, { reason: string }>): Entry {
  return { ...entryOf(server), outcome: action === 'skip' ? 'skipped' : 'failed', reason };
}

function entryOf({ id, name, region }: Server): Pick<Entry, 'server' | 'name' | 'region'> {
  return { server: id, name, region };
}

async function take(session: Session, step: Step, due: Due, owner: string): Promise<Entry> {
  if (step.action !== 'take') return unchanged(step);
  const { server, image } = step;
  const entry = entryOf(server);
  try {
    const look = () => lookFor(session, server, image, due, owner);
    const id = await createOnce(session, server, image, look);
    const delaySeconds = Math.max(0, Math.round((Date.now() - due.slot.getTime()) / 1000));
    // Nova is never busy with such a server, so two runs at once can both be let in.
    const twins = server.volumeBacked ? (await look()).filter((other) => other !== id) : [];
    const reason = [
      image.name,
      ...twins.map((other) => `taken twice: image ${other} is of the same slot`),
    ].join('; ');
    return { ...entry, outcome: 'taken', reason, delaySeconds, ...(id ? { image: id } : {}) };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    if (error.code === 'OUT_OF_TIME')
      return { ...entry, outcome: 'deferred', reason: 'the time of this run is used up' };
    if (error.code === 'CONFLICT') return { ...entry, outcome: 'skipped', reason: `${BUSY}${error.message}` };
    return { ...entry, outcome: 'failed', reason: explain(error) };
  }
}

/** The images of a server that are what is due, as the cloud has them now. */
async function lookFor(
  session: Session,
  server: Server,
  image: NewImage,
  due: Due,
  owner: string,
): Promise<string[]> {
  const images = await listImages(session, server.region, image.name);
  return images
    .filter((candidate) => {
      const found = readMarker(candidate, owner, session.projectId);
      return (
        typeof found === 'object' &&
        found.server === server.id &&
        found.policy === due.policy &&
        due.isMet(found) &&
        found.state !== 'failed'
      );
    })
    .map(({ id }) => id);
}

/**
 * createImage, where an answer that leaves it open whether the request was carried out is followed by a look, and
 * only then by one more request.
 */
async function createOnce(
  session: Session,
  server: Server,
  image: NewImage,
  look: () => Promise<string[]>,
): Promise<string | undefined> {
  try {
    return (await createImage(session, server, image)) ?? (await look())[0];
  } catch (error) {
    if (!isCloudError(error, 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER')) throw error;
    return (await look())[0] ?? (await createImage(session, server, image));
  }
}
