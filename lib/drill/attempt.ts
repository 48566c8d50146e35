import { HOUR_MS, MINUTE_MS } from '../config/dates.ts';
import type { Drill } from '../config/policy.ts';
import { listServers } from '../openstack/compute.ts';
import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { deleteServer, getServer, type ServerDetail } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Outcome } from '../reporting/report.ts';
import type { RecoveryTime } from '../snapshots/drill-marks.ts';
import { isSnapshot } from '../snapshots/snapshot.ts';
import { ownershipOf, type Unproven } from './ownership.ts';
import { probe } from './probe.ts';
import { DRILL_KEY, type DrillRecord, readRecords, withRecord } from './record.ts';
import { rootSnapshotsOf } from './root-snapshots.ts';
import { getSource, type Source, setSourceProperty } from './source.ts';
import type { DrillTarget, SourceReader } from './targets.ts';
import { readThrowAway, type ThrowAway } from './throw-away.ts';
import { bootedVolumes, verdictFacts, writeVerdict } from './verdict.ts';
import type { DrillLog, VolumeRecord } from './volume-record.ts';

/** The context for checking and deleting throw-away servers. */
export interface DrillContext {
  session: Session;
  owner: string;
  drill: Drill;
  /** The account of the policy. */
  account: string;
  /** Decides whether an image or a volume snapshot is a snapshot of this deployment. */
  read: SourceReader;
  /** The records of drills that make volumes; undefined when they can't be read. */
  log: DrillLog | undefined;
}

/**
 * The progress of a throw-away server.
 *
 * - running: the drill has no verdict yet.
 * - deleting: the deletion was requested, and the server still exists.
 * - undeletable: the server exists, and this run can neither check nor delete it.
 * - deleted: the server no longer exists.
 * - foreign: no drill made the server. No run changes or deletes it.
 * - abandoned: a drill may have made the server, but nothing proves it. No run changes or deletes
 *   it.
 */
export interface DrillStep extends DrillResult {
  state: 'running' | 'deleting' | 'undeletable' | 'deleted' | 'foreign' | 'abandoned';
  /** The server was already being deleted when this run found it. */
  wasDeleting?: boolean;
}

/** The outcome of a drill, and the reasons for the outcome. */
export interface DrillResult {
  outcome: Outcome;
  reasons: [Reason, ...Reason[]];
  /** How long a passed drill took. */
  recovery?: RecoveryTime | undefined;
}

const RUNNING: DrillStep = {
  state: 'running',
  outcome: 'deferred',
  reasons: [{ code: 'DRILL_NOT_CHECKED' }],
};

/** A throw-away server that a run follows until it is deleted. */
export interface DrillAttempt {
  server: ThrowAway;
  step: DrillStep;
  /**
   * Why the run deletes the server without a verdict; undefined when the drill still needs a
   * verdict.
   */
  needless: Reason | undefined;
  /**
   * Whether another server has the same nonce. If so, only the record on the image says which of
   * the two servers the drill made.
   */
  hasTwin: boolean;
  /** The snapshot that the server boots; undefined if it is no snapshot of the policy any more. */
  target: DrillTarget | undefined;
  /** The record of the volumes that the drill has made; undefined without such volumes. */
  record: VolumeRecord | undefined;
}

/** A {@link DrillAttempt} in its initial state. */
export function attemptOf(
  server: ThrowAway,
  { needless, hasTwin = false, target, record }: Partial<DrillAttempt> = {},
): DrillAttempt {
  return { server, step: RUNNING, needless, hasTwin, target, record };
}

/**
 * Checks a throw-away server once and takes the next step of its drill: writes the verdict on the
 * image, then deletes the server.
 */
export function advanceDrill(context: DrillContext, attempt: DrillAttempt): Promise<DrillStep> {
  return withErrorsAsSteps(attempt, () => nextStep(context, attempt));
}

/** Checks a throw-away server once, for a dry run. Changes nothing. */
export function previewDrill(context: DrillContext, attempt: DrillAttempt): Promise<DrillStep> {
  return withErrorsAsSteps(attempt, async () => {
    const seen = await inspect(context, attempt);
    return 'state' in seen ? seen : attempt.step;
  });
}

async function withErrorsAsSteps(
  attempt: DrillAttempt,
  takeStep: () => Promise<DrillStep>,
): Promise<DrillStep> {
  try {
    return await takeStep();
  } catch (error) {
    if (!isCloudError(error)) throw error;
    if (attempt.step.state === 'deleting' || error.code === 'OUT_OF_TIME') return attempt.step;
    return { state: 'undeletable', outcome: 'failed', reasons: [unreadableReason(error)] };
  }
}

async function nextStep(context: DrillContext, attempt: DrillAttempt): Promise<DrillStep> {
  const { server, step, needless } = attempt;
  const seen = await inspect(context, attempt);
  if ('state' in seen) return seen;
  const { detail, image, isNamed } = seen;
  if (!isNamed) await nameServer(context.session, image, server);
  if (detail.taskState === 'deleting') {
    return {
      state: 'deleting',
      outcome: 'deleted',
      reasons: [{ code: 'DRILL_BEING_DELETED' }],
      wasDeleting: true,
    };
  }
  if (needless !== undefined)
    return deleteThrowAway(context, attempt, { outcome: 'deleted', reasons: [needless] });
  if (!isSnapshot(context.read(image))) {
    return deleteThrowAway(context, attempt, {
      outcome: 'deleted',
      reasons: [{ code: 'DRILL_IMAGE_FOREIGN' }],
    });
  }
  const beganAt = attempt.record?.at ?? server.createdAt;
  const { passed, reason, recovery } = await verdictOn(context.drill, detail, {
    createdAt: server.createdAt,
    beganAt,
    isFirstCheck: step.reasons[0].code === 'DRILL_NOT_CHECKED',
  });
  if (passed === undefined) return { ...step, reasons: [reason] };
  const booted = bootedVolumes(attempt, detail);
  const problem = await writeVerdict(context.session, image, passed, booted, recovery);
  const reasons: DrillResult['reasons'] = [reason, ...verdictFacts(booted)];
  return deleteThrowAway(
    context,
    attempt,
    problem === undefined
      ? { outcome: passed ? 'proven' : 'failed', reasons, recovery }
      : { outcome: 'failed', reasons: [...reasons, problem] },
  );
}

/**
 * Reads a throw-away server and the image that its metadata name. Changes nothing.
 *
 * @returns the server, the image, and whether the image names the server; or a step when this run
 *   has nothing left to do, because the server is deleted or being deleted, or because nothing
 *   proves that a drill made it.
 */
async function inspect(
  { session, owner }: DrillContext,
  { server, step, hasTwin }: DrillAttempt,
): Promise<{ detail: ServerDetail; image: Source; isNamed: boolean } | DrillStep> {
  const detail = await getServer(session, server.region, server.id);
  if (!detail || /DELETED$/.test(detail.status)) {
    return step.state === 'deleting'
      ? { ...step, state: 'deleted' }
      : { state: 'deleted', outcome: 'skipped', reasons: [{ code: 'DRILL_SERVER_GONE' }] };
  }
  if (step.state === 'deleting') return step;
  const image = await getSource(session, server.region, server.image);
  const roots = await rootSnapshotsOf(session, detail);
  const ownership = ownershipOf(detail, server, image, { owner, projectId: session.projectId, roots });
  if (typeof ownership === 'object') {
    return unprovenStep(ownership.problem, ownership);
  }
  const isNamed = ownership === 'named';
  return isNamed || !(hasTwin || (await hasTwinBy(session, server)))
    ? { detail, image: image!, isNamed }
    : unprovenStep({ code: 'DRILL_TWIN', image: server.image }, { mayBeDrill: true });
}

/**
 * Whether another server has the same nonce. The servers are listed again, because an earlier
 * listing may have been incomplete.
 */
async function hasTwinBy(session: Session, { region, id, nonce }: ThrowAway): Promise<boolean> {
  const servers = await listServers(session, region);
  return servers.some((other) => other.id !== id && readThrowAway(other)?.nonce === nonce);
}

function unprovenStep(reason: Reason, { mayBeDrill }: Pick<Unproven, 'mayBeDrill'>): DrillStep {
  return { state: mayBeDrill ? 'abandoned' : 'foreign', outcome: 'skipped', reasons: [reason] };
}

/** The reason for a server that can't be read now; the next run checks the server again. */
export function unreadableReason(error: CloudError): Reason {
  return { code: 'DRILL_READ_LATER', ...errorFactsOf(error) };
}

/**
 * Adds the id of a drill's server to the drill's record on the image. Only a server that its image
 * names is ever deleted.
 */
export async function nameServer(
  session: Session,
  image: Source,
  { nonce, id }: Pick<ThrowAway, 'nonce' | 'id'>,
): Promise<void> {
  const recorded = readRecords(image).find((one) => one.nonce === nonce);
  const at = image.updatedAt ?? recorded?.at ?? new Date();
  await writeRecord(session, image, { nonce, at, server: id });
}

/** Writes the record of a drill on the image that the drill boots. */
export async function writeRecord(session: Session, image: Source, record: DrillRecord): Promise<void> {
  await setSourceProperty(session, image, DRILL_KEY, withRecord(image, record));
}

/**
 * The verdict on a snapshot, from the state of its throw-away server. `passed` is undefined while
 * the server may still boot.
 *
 * @param facts.beganAt when the drill requested the server, or before that its volumes.
 * @param facts.isFirstCheck whether this run has not checked the server before.
 */
async function verdictOn(
  { hours, check }: Drill,
  { status, fault, addresses, launchedAt }: ServerDetail,
  { createdAt, beganAt, isFirstCheck }: { createdAt: Date; beganAt: Date; isFirstCheck: boolean },
): Promise<{ passed?: boolean; reason: Reason; recovery?: RecoveryTime }> {
  const ageMs = Date.now() - createdAt.getTime();
  const minutes = Math.round(ageMs / MINUTE_MS);
  const late = (reason: Reason<'DRILL_NOT_ACTIVE' | 'DRILL_SILENT'>) =>
    ageMs < hours * HOUR_MS ? { reason } : { passed: false, reason: { ...reason, limitHours: hours } };
  if (status === 'ERROR') {
    return {
      passed: false,
      reason: { code: 'DRILL_ERROR', ...(fault === undefined ? {} : { fault }) },
    };
  }
  if (status !== 'ACTIVE') return late({ code: 'DRILL_NOT_ACTIVE', status, minutes });
  const since = (at: Date) => Math.max(0, Math.round((at.getTime() - beganAt.getTime()) / 1000));
  // Without the time from the cloud, the server was ACTIVE by now.
  const activeAt = launchedAt && launchedAt >= createdAt ? launchedAt : undefined;
  const activeSeconds = since(activeAt ?? new Date());
  // A server that an earlier run has requested may have been ready long before this check.
  const isLateCheck = isFirstCheck && ageMs > MINUTE_MS;
  const limit = { isAtMost: true as const };
  const active = { activeSeconds, ...(isLateCheck && !activeAt ? limit : {}) };
  if (!check) return { passed: true, reason: { code: 'DRILL_BOOTED', ...active }, recovery: active };
  const answer = await probe(addresses, check);
  const answered = { activeSeconds, answeredSeconds: since(new Date()), ...(isLateCheck ? limit : {}) };
  return 'good' in answer
    ? { passed: true, reason: { code: 'DRILL_ANSWERED', ...answer.good, ...answered }, recovery: answered }
    : late({ code: 'DRILL_SILENT', answers: answer.bad, minutes });
}

/**
 * Deletes a throw-away server. Reads the server and its image again first, and deletes the server
 * only if the image names it.
 */
async function deleteThrowAway(
  context: DrillContext,
  attempt: DrillAttempt,
  result: DrillResult,
): Promise<DrillStep> {
  try {
    const seen = await inspect(context, attempt);
    if ('state' in seen) return isUnproven(seen) ? seen : { ...result, state: seen.state };
    if (!seen.isNamed) return unprovenStep({ code: 'DRILL_NOT_NAMED' }, { mayBeDrill: true });
    await deleteServer(context.session, attempt.server);
    return { state: 'deleting', ...result };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    if (error.code === 'OUT_OF_TIME') return { state: 'deleting', ...result };
    const reason: Reason = { code: 'DRILL_DELETED_LATER', ...errorFactsOf(error) };
    return { state: 'undeletable', outcome: 'failed', reasons: [...result.reasons, reason] };
  }
}

/** Whether nothing proves that a drill made the server. Such a server is never deleted. */
export function isUnproven({ state }: Pick<DrillStep, 'state'>): boolean {
  return state === 'foreign' || state === 'abandoned';
}
