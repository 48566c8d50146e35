import pMap from 'p-map';
import { HOUR_MS, isoSeconds } from '../config/dates.ts';
import { isCloudError } from '../openstack/errors.ts';
import {
  type Container,
  deleteObject,
  getObject,
  type ListedObject,
  listObjects,
  type ObjectFacts,
  readObject,
} from '../openstack/objects.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import { getTask, listTasks, startExport, type Task } from '../openstack/tasks.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Budget } from './budget.ts';
import type { CopyResult } from './copy-result.ts';
import type { CopyStore } from './copy-store.ts';
import {
  checkExport,
  type Exported,
  etagOf,
  exportedName,
  FOOTER_BYTES,
  isSegmentOf,
} from './export-integrity.ts';
import { type ExportRecord, exportRecordOf, readRecord } from './export-record.ts';

/** How long new objects and tasks may be missing in listings. */
const SETTLING_MS = HOUR_MS;
/** An export that runs longer than this is reported as stuck. */
const STUCK_AFTER_MS = 72 * HOUR_MS;
/** The largest accepted difference between the clocks of the cloud and of the functions. */
const SKEW_MS = HOUR_MS / 2;

/** The context for exports: the container that they are written to, and the budget. */
export interface ExportContext {
  session: Session;
  container: Container;
  store: CopyStore;
  budget: Budget;
  now: Date;
}

/**
 * Requests the export of an image once, or checks the progress of an earlier request. Never waits.
 * The record is written before the request. When the response was lost, the list of tasks shows
 * whether the cloud has begun the export.
 *
 * @param key the key of the copy.
 * @returns the export once it is complete, or else the result to report.
 */
export async function exportImage(
  context: ExportContext,
  key: string,
  { id: image, sizeBytes = 0 }: { id: string; sizeBytes?: number | undefined },
): Promise<Exported | CopyResult> {
  const { session, container, store, budget } = context;
  // By the cloud's clock, like the times of tasks and objects.
  const now = cloudTime(session);
  const name = exportedName(image);
  const recordKey = exportRecordOf(key);
  const writeRecord = (begun: object) => store.put(recordKey, JSON.stringify({ since: now, ...begun }));
  const request = async (): Promise<CopyResult> => {
    try {
      const asked = { image, container: container.name };
      const { id: task } = await startExport(session, container.region, asked);
      await writeRecord({ task });
    } catch (error) {
      if (isCloudError(error) && error.status && error.status < 500) await writeRecord({ refused: true });
      throw error;
    }
    return exportingSince(now);
  };
  const begun = readRecord(await store.readText(recordKey));
  if (!begun) {
    if (await getObject(session, container, name)) {
      return failed({ code: 'EXPORT_NAME_TAKEN', name, container: container.name });
    }
    const refusal = budget.refuse(key, sizeBytes);
    if (refusal) return refusal;
    await budget.count({ key, id: now.toISOString(), at: context.now }, sizeBytes);
    await writeRecord({});
    return request();
  }

  const { since } = begun;
  const ageMs = now.getTime() - since.getTime();
  const task = await taskOf(context, image, begun);
  if (task && isRunning(task)) {
    if (task.id !== begun.task) await writeRecord({ since, task: task.id });
    return ageMs < STUCK_AFTER_MS
      ? exportingSince(since)
      : failed({ code: 'EXPORT_STUCK', since: isoSeconds(since), task: task.id });
  }
  const object = await getObject(session, container, name);
  if (!object && !task && !begun.task) {
    // A task that was begun a moment ago may be missing in the list of tasks.
    if (begun.refused || ageMs >= SETTLING_MS) return request();
    return { outcome: 'exporting', reasons: [{ code: 'EXPORT_UNCERTAIN' }] };
  }
  if (!object && task?.status === 'success' && now.getTime() - task.updatedAt.getTime() < SETTLING_MS) {
    return { outcome: 'exporting', reasons: [{ code: 'EXPORT_NOT_LISTED', name }] };
  }
  if (!object || task?.status === 'failure') {
    await deleteExport(context, { key, image, since }, { data: !object });
    return failed({ code: 'EXPORT_FAILED', ...resultOfTask(task), name, isThere: object !== undefined });
  }

  const listed = await listObjects(session, container, `${name}-`);
  const seen = {
    container: container.name,
    image,
    object,
    footer: await lastBytes(session, container, name, object.bytes),
  };
  const found = checkExport({ ...seen, segments: listed });
  if (!('code' in found)) return found;
  if (now.getTime() - object.at.getTime() < SETTLING_MS) {
    return { outcome: 'exporting', reasons: [{ code: 'EXPORT_INCOMPLETE', problem: found }] };
  }
  const segments = await getSegments(context, image, listed);
  const confirmed = checkExport({ ...seen, segments });
  if (!('code' in confirmed)) return confirmed;
  if (!isMadeOf(object, `${container.name}/${name}-`, segments)) {
    return failed({ code: 'EXPORT_LEFT_ALONE', problem: found });
  }
  await deleteExport(context, { key, image, since }, { data: true });
  return failed({ code: 'EXPORT_DISCARDED', problem: confirmed });
}

/**
 * Deletes an export that is no longer needed, and its record. A running export is not deleted,
 * because the data that it writes at its end would have no record.
 *
 * @param copied whether another good copy of the image exists. If not, the exported data stay,
 *   because they may be the only remaining data; then only the remains of a failed export are
 *   deleted.
 */
export async function abandonExport(
  context: Pick<ExportContext, 'session' | 'container' | 'store'>,
  key: string,
  image: string,
  { copied }: { copied: boolean },
): Promise<void> {
  const { session, container, store } = context;
  const isCopy = (await store.readText(`${key}.json`)) !== undefined;
  if (isCopy) return store.delete(exportRecordOf(key));
  const begun = readRecord(await store.readText(exportRecordOf(key)));
  if (!begun) return;
  const { since } = begun;
  const task = await taskOf({ session, container }, image, begun);
  if (task && isRunning(task)) return;
  if (!copied) {
    const mayBeRunning =
      !task &&
      !begun.task &&
      !begun.refused &&
      cloudTime(session).getTime() - since.getTime() < STUCK_AFTER_MS;
    if (mayBeRunning || (await getObject(session, container, exportedName(image)))) return;
  }
  await deleteExport(context, { key, image, since }, { data: true });
}

/**
 * Deletes the data that an export has written, but no older data. The manifest object is deleted
 * first, because the segments alone do not look like an image. The record is deleted last.
 */
async function deleteExport(
  { session, container, store }: Pick<ExportContext, 'session' | 'container' | 'store'>,
  { key, image, since }: { key: string; image: string; since: Date },
  { data }: { data: boolean },
): Promise<void> {
  const isOfExport = ({ at }: { at: Date }) => at.getTime() >= since.getTime() - SKEW_MS;
  if (data) {
    const object = await getObject(session, container, exportedName(image));
    if (object && isOfExport(object)) await deleteObject(session, container, exportedName(image));
    for (const one of await listObjects(session, container, `${exportedName(image)}-`)) {
      if (isSegmentOf(image, one.name) && isOfExport(one)) await deleteObject(session, container, one.name);
    }
  }
  await store.delete(exportRecordOf(key));
}

/**
 * The segments of an export, each requested by its name: those in the listing, and those that may
 * be missing in it.
 */
async function getSegments(
  { session, container }: Pick<ExportContext, 'session' | 'container'>,
  image: string,
  listed: readonly ListedObject[],
): Promise<ListedObject[]> {
  const prefix = `${exportedName(image)}-`;
  const suffixes = listed
    .filter(({ name }) => isSegmentOf(image, name))
    .map((one) => one.name.slice(prefix.length));
  const digits = suffixes[0]?.length ?? 5;
  const last = Math.max(1, ...suffixes.map(Number));
  const found: ListedObject[] = [];
  for (let number = 0; ; number++) {
    const name = prefix + String(number).padStart(digits, '0');
    const object = await getObject(session, container, name);
    if (object) found.push({ name, bytes: object.bytes, hash: object.etag, at: object.at });
    else if (number > last) return found;
  }
}

/**
 * Whether an object is not a large object, or is a dynamic large object of exactly these segments
 * (https://docs.openstack.org/swift/latest/overview_large_objects.html). Swift assembles a large
 * object from a listing. While the listing is incomplete, or contains other objects with the
 * prefix, the size and the ETag of the large object say nothing about the export.
 */
function isMadeOf(
  { bytes, etag, segments: prefix }: ObjectFacts,
  own: string,
  segments: readonly ListedObject[],
) {
  if (prefix === undefined) return true;
  const sum = segments.reduce((total, one) => total + one.bytes, 0);
  return prefix === own && sum === bytes && etagOf(segments) === etag;
}

/**
 * The task of an export. It is the task in the record. If that task has failed, or the record has
 * no task, it is a task that exports the same image to the same container, preferably one that has
 * not failed, because two runs may have requested the export.
 */
async function taskOf(
  { session, container }: Pick<ExportContext, 'session' | 'container'>,
  image: string,
  { since, task: id }: ExportRecord,
): Promise<Task | undefined> {
  const { region, name } = container;
  const known = id === undefined ? undefined : await getTask(session, region, id);
  if (id !== undefined && known?.status !== 'failure') return known;
  const candidates = (await listTasks(session, region)).filter(
    ({ type, createdAt }) => type === 'export' && createdAt.getTime() > since.getTime() - SKEW_MS,
  );
  const tasks = await pMap(candidates, (task) => getTask(session, region, task.id), { concurrency: 4 });
  const its = tasks.filter(
    (task) => task?.input?.image_uuid === image && task.input.receiving_swift_container === name,
  );
  return its.find((task) => task?.status !== 'failure') ?? known ?? its[0];
}

function isRunning({ status }: Task): boolean {
  return status !== 'success' && status !== 'failure';
}

async function lastBytes(
  session: Session,
  container: Container,
  name: string,
  size: number,
): Promise<Buffer> {
  const from = Math.max(0, size - FOOTER_BYTES);
  const chunks: Buffer[] = [];
  if (size > 0) {
    const body = await readObject(session, container, name, { from, count: size - from });
    for await (const chunk of body) chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** How an export task ended, as facts of a reason. */
function resultOfTask(task: Task | undefined): Pick<Reason<'EXPORT_FAILED'>, 'task' | 'message'> {
  if (!task) return { task: 'gone' };
  const { status, message } = task;
  return {
    task: status === 'failure' ? 'failed' : 'succeeded',
    ...(message === undefined ? {} : { message }),
  };
}

function exportingSince(since: Date): CopyResult {
  const minute = `${since.toISOString().slice(0, 16)}Z`;
  return { outcome: 'exporting', reasons: [{ code: 'EXPORT_RUNNING', since: minute }] };
}

function failed(reason: Reason): CopyResult {
  return { outcome: 'failed', reasons: [reason] };
}
