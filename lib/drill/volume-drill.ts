import { MOST_DRILL_HOURS } from '../config/drill-field.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { ServerVolume } from '../openstack/servers.ts';
import { cloudTime } from '../openstack/session.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import { attemptOf, type DrillAttempt, type DrillContext, type DrillResult } from './attempt.ts';
import { deleteVolumes } from './delete-volumes.ts';
import { findVolumes } from './find-volumes.ts';
import { judgeVolumes, requestVolumes } from './make-volumes.ts';
import { LONGEST_REQUEST_MS } from './ownership.ts';
import {
  currentSource,
  type flavorsOf,
  type RefusedDrill,
  requestServer,
  serverRequestFor,
  unsentDrill,
} from './request-server.ts';
import type { DrillTarget } from './targets.ts';
import { verdictFacts, writeVerdict } from './verdict.ts';
import type { VolumeRecord } from './volume-record.ts';

/**
 * The progress of a drill that makes volumes.
 *
 * - filling: the volumes are being filled; no server was requested yet.
 * - booting: the server was requested, and may exist.
 * - deleting: the drill is over, and its server is gone. The volumes are being deleted.
 * - later: as deleting, and a later run goes on.
 * - done: the volumes are gone, and the record with them.
 */
export type VolumeDrillState = 'filling' | 'booting' | 'deleting' | 'later' | 'done';

/** A drill that makes volumes, which a run follows until they are deleted. */
export interface VolumeDrill {
  record: VolumeRecord;
  /** The snapshot that is drilled; undefined if it is no snapshot of the policy any more. */
  target: DrillTarget | undefined;
  state: VolumeDrillState;
  result: DrillResult;
  /** The drill's server, as soon as it is known. */
  attempt: DrillAttempt | undefined;
  /** The volumes that nothing proves to be the drill's. */
  abandoned: Finding<'DRILL_VOLUME_ABANDONED'>[];
}

type Flavors = ReturnType<typeof flavorsOf>;

/**
 * Begins a drill that makes volumes: stores the record, which names the volumes, and requests them.
 * Without the record no volume is requested, because nothing would later distinguish it from a
 * volume with a copied mark.
 *
 * @throws {CloudError} when the cloud can't be read; then nothing was requested.
 */
export async function beginVolumeDrill(
  context: DrillContext,
  target: DrillTarget,
  flavors: Flavors,
): Promise<VolumeDrill | RefusedDrill> {
  const { session, owner, account, log } = context;
  const { region, policy, disks } = target;
  const nonce = crypto.randomUUID();
  const now = new Date();
  const designed = serverRequestFor(target, context, await flavors(region), { nonce, now, volumes: [] });
  if ('problem' in designed) return unsentDrill(designed.problem);
  const source = await currentSource(context, target);
  if ('effect' in source) return source;
  const at = cloudTime(session);
  const volumes = disks.made.map(({ saved, name, position }) => ({
    ...{ snapshot: saved.id, name, position },
    ...(saved.sizeGb === undefined ? {} : { sizeGb: saved.sizeGb }),
    ...(saved.place.type === undefined ? {} : { type: saved.place.type }),
  }));
  const record = { nonce, account, policy, region, image: source.id, at, volumes };
  try {
    if (!log) return unsentDrill({ code: 'DRILL_UNRECORDED' });
    await log.put(record);
  } catch (error) {
    return unsentDrill({ code: 'DRILL_UNRECORDED', message: (error as Error).message });
  }
  const drill = volumeDrillOf(record, target);
  const requested = await requestVolumes(session, record, owner);
  await update(context, drill, { volumes: requested.volumes });
  if (requested.refusal) await finish(context, drill, { outcome: 'failed', reasons: [requested.refusal] });
  return drill;
}

/** A {@link VolumeDrill} in the state that its record says. */
export function volumeDrillOf(record: VolumeRecord, target: DrillTarget | undefined): VolumeDrill {
  const names = record.volumes.map(({ name }) => name);
  return {
    ...{ record, target, attempt: undefined, abandoned: [] },
    state: record.isOver ? 'deleting' : record.requestedAt ? 'booting' : 'filling',
    result: record.isOver
      ? { outcome: 'deleted', reasons: [{ code: 'DRILL_VOLUMES_LEFT', names }] }
      : { outcome: 'deferred', reasons: [{ code: 'DRILL_VOLUMES_FILLING', names }] },
  };
}

/**
 * Takes the next step of a drill: requests the server when the volumes are filled, and deletes the
 * volumes when the server is gone.
 *
 * @returns the server if it was requested now.
 */
export async function advanceVolumeDrill(
  context: DrillContext,
  drill: VolumeDrill,
  flavors: Flavors,
): Promise<DrillAttempt | undefined> {
  try {
    if (drill.state === 'filling') return await boot(context, drill, flavors);
    if (drill.state === 'booting') await followServer(context, drill);
    if (drill.state === 'deleting') await deleteStep(context, drill);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    // The next run goes on.
    if (error.code === 'OUT_OF_TIME') return undefined;
    const reason: Reason = { code: 'DRILL_VOLUMES_READ_LATER', ...errorFactsOf(error) };
    const [first, ...others] = [...settledReasons(drill), reason];
    drill.result = { outcome: 'failed', reasons: [first!, ...others] };
    if (drill.state === 'deleting') drill.state = 'later';
  }
  return undefined;
}

/** The reasons of a drill that is over; those of one that has no result yet are outdated. */
function settledReasons({ state, result }: VolumeDrill): Reason[] {
  return state === 'deleting' ? result.reasons : [];
}

async function boot(
  context: DrillContext,
  drill: VolumeDrill,
  flavors: Flavors,
): Promise<DrillAttempt | undefined> {
  const { session, owner } = context;
  const { target, record } = drill;
  if (!target) {
    await finish(context, drill, { outcome: 'deleted', reasons: [{ code: 'DRILL_IMAGE_FOREIGN' }] });
    return undefined;
  }
  const found = await findVolumes(session, record, owner);
  const parts = found.map(({ part }) => part);
  if (parts.some(({ id }, i) => id !== record.volumes[i]?.id))
    await update(context, drill, { volumes: parts });
  const judged = judgeVolumes(found, record, { now: new Date(), limitHours: MOST_DRILL_HOURS });
  if (judged.state === 'waiting') return undefined;
  if (judged.state === 'failed') {
    await finish(context, drill, await failedResult(context, drill, judged));
    return undefined;
  }
  const { nonce } = record;
  if (!(await update(context, drill, { requestedAt: cloudTime(session) }))) {
    drill.result = { outcome: 'failed', reasons: [{ code: 'DRILL_UNRECORDED' }] };
    return undefined;
  }
  const begun = await requestServer(context, target, flavors, {
    nonce,
    volumes: serverVolumes(drill.record),
  });
  if (!('effect' in begun)) {
    drill.state = 'booting';
    drill.attempt = attemptOf(begun, { target, record: drill.record });
    await update(context, drill, { server: begun.id });
    return drill.attempt;
  }
  const result = { outcome: begun.outcome, reasons: begun.reasons };
  if (begun.effect === 'uncertain' || begun.outcome === 'deferred') {
    drill.state = 'booting';
    drill.result = result;
  } else await finish(context, drill, result);
  return undefined;
}

/** The volumes of a record for the request for the server. The drill itself deletes them. */
function serverVolumes({ volumes }: VolumeRecord): ServerVolume[] {
  return volumes
    .toSorted((a, b) => a.position - b.position)
    .map(({ id, position }) => ({
      ...{ id: id!, source: 'volume', isRoot: position === 0, isDeletedWithServer: false },
    }));
}

async function failedResult(
  context: DrillContext,
  { target, record }: VolumeDrill,
  { reason, isVerdict }: { reason: Reason; isVerdict: boolean },
): Promise<DrillResult> {
  if (!isVerdict) return { outcome: 'failed', reasons: [reason] };
  const source = await currentSource(context, target!);
  const booted = { names: [], without: [], snapshots: record.volumes.map(({ snapshot }) => snapshot) };
  const problem = 'effect' in source ? undefined : await writeVerdict(context.session, source, false, booted);
  return { outcome: 'failed', reasons: [reason, ...verdictFacts(booted), ...(problem ? [problem] : [])] };
}

/** Ends a drill whose server is gone, or was never created as far as the cloud shows. */
async function followServer(context: DrillContext, drill: VolumeDrill): Promise<void> {
  const { attempt, record } = drill;
  if (attempt) {
    const { state, outcome, reasons } = attempt.step;
    // The server is somebody's: its volumes are then attached to a server that is not the drill's.
    if (state === 'foreign') delete drill.record.server;
    if (state === 'deleted' || state === 'foreign') await finish(context, drill, { outcome, reasons });
    return;
  }
  const isSettled = Date.now() - record.requestedAt!.getTime() > LONGEST_REQUEST_MS;
  if (record.server === undefined && !isSettled) {
    drill.result = { outcome: 'deferred', reasons: [{ code: 'DRILL_NOT_CHECKED' }] };
    return;
  }
  await finish(context, drill, { outcome: 'skipped', reasons: [{ code: 'DRILL_SERVER_GONE' }] });
}

/** Ends a drill: from now on its volumes are only deleted. */
async function finish(context: DrillContext, drill: VolumeDrill, result: DrillResult): Promise<void> {
  drill.result = result;
  drill.state = 'deleting';
  if (!drill.record.isOver) await update(context, drill, { isOver: true });
}

async function deleteStep(context: DrillContext, drill: VolumeDrill): Promise<void> {
  const { left, isOpen, problems, abandoned } = await deleteVolumes(
    context.session,
    drill.record,
    context.owner,
  );
  drill.abandoned.push(...abandoned);
  if (left.length === 0) {
    drill.state = 'done';
    await context.log?.remove(drill.record).catch(() => undefined);
    return;
  }
  if (left.length < drill.record.volumes.length) await update(context, drill, { volumes: left });
  if (problems.length > 0) {
    drill.result = { outcome: 'failed', reasons: [...drill.result.reasons, ...problems] };
  }
  if (problems.length > 0 || !isOpen) drill.state = 'later';
}

/**
 * Changes the record of a drill. If the bucket fails, the change is lost when the run ends, and the
 * next run finds the volumes and the server again.
 *
 * @returns whether the change was stored.
 */
async function update(
  { log }: DrillContext,
  drill: VolumeDrill,
  changes: Partial<VolumeRecord>,
): Promise<boolean> {
  drill.record = { ...drill.record, ...changes };
  if (drill.attempt) drill.attempt.record = drill.record;
  const stored = log?.put(drill.record).then(
    () => true,
    () => false,
  );
  return (await stored) ?? false;
}

/** The result that the report shows at the end of the run. */
export function volumeDrillResult({ state, result, record }: VolumeDrill): DrillResult {
  if (state !== 'deleting' && state !== 'later') return result;
  const names = record.volumes.map(({ name }) => name);
  const outcome = result.outcome === 'deleted' ? 'deferred' : result.outcome;
  return {
    outcome,
    reasons: [...result.reasons, { code: 'DRILL_VOLUMES_STILL_BEING_DELETED', names }],
  };
}
