import { DAY_MS } from '../config/dates.ts';
import { listServers } from '../openstack/compute.ts';
import { listFlavors } from '../openstack/flavors.ts';
import { networksOf } from '../openstack/networks.ts';
import { printable } from '../openstack/printable.ts';
import { createServer, getServer, type ServerVolume } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Lease } from '../runtime/lease.ts';
import type { Run } from '../runtime/run.ts';
import { attachVolumes } from './attach-volumes.ts';
import { checkBackupsRead, withBackups } from './backups-of-volumes.ts';
import { send } from './cloud-request.ts';
import {
  chooseImage,
  chosenEarlier,
  eventToResume,
  eventToRun,
  parametersOf,
  type RestoreContext,
  refuseOtherRestore,
  restoreReport,
} from './context.ts';
import type { NewServerEvent, RestoreEvent } from './event.ts';
import { findMadeVolumes, type MadeVolume, statusReasons } from './made-volumes.ts';
import { makeVolumes } from './make-volumes.ts';
import { namesRequest, readRestoredMark, restoredMark } from './marks.ts';
import { checkNewServer } from './new-server-check.ts';
import { planNew } from './new-server-plan.ts';
import { newServerVolumes } from './new-server-volumes.ts';
import { policiesOf } from './policies-of.ts';
import { progressOf, type Restored, sourceOf } from './progress.ts';
import { rebuild } from './rebuild.ts';
import { reportRebuilt } from './rebuilt.ts';
import { refuse } from './refusal.ts';
import type { Restoration } from './restoration.ts';
import { restoreVolume } from './restore-volume.ts';
import { findSafetySnapshots } from './safety.ts';
import { findBlueprint, findOrigin } from './source.ts';
import { takeInventory } from './take-inventory.ts';
import { checkVolumesRead, volumePartsOf } from './volume-parts.ts';

/** How long a request holds its lease: longer than the bucket keeps the lease object. */
const REMEMBERED_MS = 366 * DAY_MS;

/**
 * Takes the next step of a restore without waiting: requests volumes, a new server, a safety
 * snapshot or the rebuild, or attaches volumes. A later call with the same request finds the
 * results of the earlier calls in the cloud, and resumes the restore.
 *
 * @throws {ValidationError} when the event can't be carried out, or differs from the event that the
 *   restore began with. In both cases nothing has been made or changed.
 */
export async function restore(session: Session, event: RestoreEvent, run: Run): Promise<Restoration> {
  if (event.to === 'volume') return restoreVolume(session, event, run);
  const request = event.request ?? run.requestId;
  const listed = await takeInventory(session, event, run);
  const origin = findOrigin(listed, event.server);
  const isWithVolumes = event.volumes !== 'none' && !listed.volumesUnread.has(origin.region);
  const inventory = isWithVolumes ? await withBackups(session, listed, [origin.region], run) : listed;
  const context = { origin, request, inventory, run };
  const restored = await findRestored(session, { ...context, event });
  if (restored) {
    return event.to === 'in-place'
      ? reportRebuilt(session, { ...context, event }, restored)
      : reportProgress(session, { ...context, event }, restored);
  }
  const { safetySnapshots, missing } = await findSafetySnapshots(session, { ...context, event });
  for (const { snapshot, mark } of safetySnapshots) {
    const { region, server, createdAt: at } = snapshot;
    refuseOtherRestore(
      { ...context, event },
      { request, to: 'in-place', region, server, image: mark.image, at },
    );
  }
  return event.to === 'in-place'
    ? rebuild(session, { ...context, event, safetySnapshots, missing })
    : create(session, { ...context, event });
}

/**
 * Finds the server that an earlier call with this request has made or rebuilt: by the id in the
 * event, or else by the metadata of the servers.
 *
 * @throws {ValidationError} when the server belongs to another restore than the event.
 */
async function findRestored(session: Session, context: RestoreContext): Promise<Restored | undefined> {
  const { event, request, inventory } = context;
  const candidates = inventory.servers.filter((server) => namesRequest(server, request));
  const marked = candidates.flatMap((server) => {
    const begun = readRestoredMark(server.metadata);
    if (!isOfServer(begun)) {
      refuse({ code: 'RESTORE_REQUEST_UNREADABLE', server: server.id, request });
    }
    // Metadata may have been copied from one server to another, and the mark with them.
    return (begun.to === 'in-place') === (server.id === begun.server) ? [{ server, begun }] : [];
  });
  for (const { begun } of marked) refuseOtherRestore(context, begun);
  const ageOf = ({ server }: (typeof marked)[number]) => server.createdAt?.getTime() ?? 0;
  marked.sort((a, b) => ageOf(a) - ageOf(b) || (a.server.id < b.server.id ? -1 : 1));
  const [first] = marked.filter(
    ({ server: { id } }) => event.restored === undefined || id === event.restored,
  );
  if (!first && event.restored !== undefined) {
    refuse(
      inventory.servers.some(({ id }) => id === event.restored)
        ? { code: 'RESTORE_OF_OTHER_REQUEST', server: event.restored, request }
        : { code: 'RESTORE_NOT_FOUND', server: event.restored, regions: inventory.regions },
    );
  }
  if (!first) return undefined;
  const { id, region } = first.server;
  const twins = marked.map(({ server }) => server.id).filter((other) => other !== id);
  return { id, begun: first.begun, twins, server: await getServer(session, region, id) };
}

function isOfServer(begun: ReturnType<typeof readRestoredMark>): begun is Restored['begun'] {
  return begun !== undefined && begun.to !== 'volume';
}

/**
 * Reports the progress of the new server that an earlier call has requested. Attaches its volumes
 * once it is ready.
 */
async function reportProgress(
  session: Session,
  context: RestoreContext<NewServerEvent>,
  { id, server, begun, twins }: Restored,
): Promise<Restoration> {
  const progress = progressOf(server, begun);
  const doubled = twins.map((other): Reason => ({ code: 'RESTORE_TWIN', server: other }));
  const { event, origin, inventory } = context;
  const unread = checkVolumesRead(session, context);
  const volumes = await findMadeVolumes(session, context);
  const isReady =
    progress.state === 'done' && server !== undefined && event.volumes !== 'none' && !event.dryRun;
  const attached = isReady
    ? await attachVolumes(session, server, volumes)
    : { state: progress.state, reasons: statusReasons(volumes) };
  const { images, rootDisks } = inventory;
  const image = [...images, ...rootDisks].find(
    (one) => one.id === begun.image && one.region === begun.region,
  );
  const snapshot = image && inventory.read(image);
  const { without } = volumePartsOf(inventory, origin, snapshot, volumes.made);
  const unreadBackups = without.length > 0 ? checkBackupsRead(inventory, origin.region) : [];
  // The next call still names a volume that is gone, so that the restore never seems complete.
  const ids = [...volumes.made.map(({ volume }) => volume.id), ...volumes.missing];
  const isOpen = attached.state === 'building' || (isReady && attached.state === 'failed');
  return restoreReport(context, begun.image, {
    state: attached.state,
    reasons: [
      ...progress.reasons,
      ...attached.reasons,
      ...(attached.state === 'done' && server ? policiesOf(server, event.account, context.run) : []),
      ...unread,
      ...(event.volumes === 'none' ? [] : [...without, ...unreadBackups]),
      sourceOf(context, begun),
      ...doubled,
    ],
    restored: id,
    ...(server ? { restoredName: printable(server.name) } : {}),
    ...(isOpen
      ? {
          next: eventToResume(context, begun.image, {
            restored: id,
            ...(ids.length > 0 ? { made: ids } : {}),
          }),
        }
      : {}),
  });
}

async function create(session: Session, context: RestoreContext<NewServerEvent>): Promise<Restoration> {
  const { event, origin, inventory, run } = context;
  const { region } = origin;
  const unread = checkVolumesRead(session, context);
  const before = await findMadeVolumes(session, context);
  for (const { mark } of before.made) refuseOtherRestore(context, mark);
  const begun = before.made[0]?.mark.image;
  const { image, reasons: why } =
    begun === undefined
      ? await chooseImage(session, context)
      : await chosenEarlier(session, context, begun, statusReasons(before));
  const volumes = newServerVolumes(context, image, before);
  const [flavors, detail, networks] = await Promise.all([
    listFlavors(session, region),
    origin.server ? getServer(session, region, origin.id) : undefined,
    origin.server && !event.networks ? networksOf(session, origin) : undefined,
  ]);
  const blueprint = findBlueprint(inventory, origin, image);
  const plan = planNew(event, { ...origin, detail, blueprint, networks }, image, {
    mark: restoredMark({ ...parametersOf(context, image.id), at: cloudTime(session) }),
    now: run.now,
    flavors,
    isOnVolume: inventory.rootDisks.some(({ id }) => id === image.id),
  });
  const { name } = plan.server;
  const same = inventory.servers.filter((server) => server.region === region && server.name === name);
  const taken = same.map((server): Reason => ({ code: 'RESTORE_NAME_TAKEN', name, server: server.id }));
  const reasons = [...why, ...plan.reasons, ...unread, ...volumes.plan, ...taken];
  // Volumes take long, so what is wrong with the server is said before they are made.
  const isFirstCall = volumes.parts.length > before.made.length && before.made.length === 0;
  const unchecked =
    event.dryRun || isFirstCall ? await checkNewServer(session, origin, event, plan.server) : [];
  if (event.dryRun) {
    return restoreReport(context, image.id, {
      state: 'planned',
      reasons: [...reasons, ...unchecked, ...statusReasons(before)],
      apply: eventToRun(context, image.id),
    });
  }
  if (event.asked)
    return unanswered(context, image.id, { code: 'RESTORE_REQUESTED_BEFORE', byRequest: false });
  const step = await makeVolumes(session, context, { image: image.id, parts: volumes.parts, before });
  const ids = step.made.map(({ volume }) => volume.id);
  const made = ids.length > 0 ? { made: ids } : {};
  if (step.state !== 'ready') {
    return restoreReport(context, image.id, {
      state: step.state,
      reasons: [...(isFirstCall ? reasons : volumes.without), ...step.reasons],
      next: eventToResume(context, image.id, made),
    });
  }
  const resumed = { ...context, event: { ...event, ...made } };
  const root = step.made.find(({ mark }) => mark.position === 0);
  const lease = await takeLease(context);
  if (lease && 'heldUntil' in lease)
    return unanswered(resumed, image.id, { code: 'RESTORE_REQUESTED_BEFORE', byRequest: true });
  const sent = await send(
    () => createServer(session, region, { ...plan.server, volumes: root ? [rootVolume(root)] : [] }),
    () => findMade(session, context),
    'new',
    step.reasons,
  ).catch(async (error) => {
    // No server was created, so a corrected event may use the same request.
    if (lease) await lease.release().catch(() => undefined);
    throw error;
  });
  if ('unsure' in sent) return unanswered(resumed, image.id, sent.unsure);
  return restoreReport(context, image.id, {
    state: 'building',
    restored: sent.done,
    reasons: [...reasons, ...step.reasons, { code: 'RESTORE_REQUESTED', server: sent.done }],
    next: eventToResume(resumed, image.id, { restored: sent.done }),
  });
}

function rootVolume({ volume: { id } }: MadeVolume): ServerVolume {
  return { id, source: 'volume', isRoot: true, isDeletedWithServer: false };
}

/**
 * Takes the lease that permits the one request for a server. A lease is needed because a server may
 * exist although a listing lacks it. Undefined when no lease can be stored.
 */
async function takeLease({ event, request, run }: RestoreContext): Promise<Lease | undefined> {
  try {
    const until = new Date(run.now.getTime() + REMEMBERED_MS);
    return await run.leases?.take(`restore/${event.account}/${request}`, until, run.now);
  } catch {
    // A second server does less damage than a restore that can't begin.
    return undefined;
  }
}

/**
 * The report for a restore of which it is unknown whether its server was created. No other server
 * is requested, because a listing that lacks the server proves nothing.
 */
function unanswered(context: RestoreContext, image: string, why: Reason): Restoration {
  return restoreReport(context, image, {
    state: 'failed',
    reasons: [why, { code: 'RESTORE_NOT_LISTED', request: context.request }, { code: 'RESTORE_CHECK_AGAIN' }],
    next: eventToResume(context, image, { asked: true }),
  });
}

async function findMade(session: Session, { origin, request }: RestoreContext): Promise<string | undefined> {
  const servers = await listServers(session, origin.region);
  return servers.find((server) => namesRequest(server, request))?.id;
}
