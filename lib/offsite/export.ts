import pMap from 'p-map';
import * as v from 'valibot';
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
import { type Exported, etagOf, examine, FOOTER_BYTES, isSegmentOf, nameOf } from './exported.ts';

const HOUR_MS = 3_600_000;
/** What was written or begun may be missing in listings for a while. */
const SETTLING_MS = HOUR_MS;
const LONGEST_MS = 72 * HOUR_MS;
/** How far the clocks of the cloud and of the functions may be apart. */
const SKEW_MS = HOUR_MS / 2;

/** Where exports go, and how they are asked for. */
export interface Exporting {
  session: Session;
  container: Container;
  store: CopyStore;
  budget: Budget;
  now: Date;
}

/**
 * What is remembered of an export that was asked for, beside where its copy will be: that is what makes it ours. Without
 * a task it is not known whether it was asked for.
 */
const Begun = v.object({
  since: v.pipe(
    v.string(),
    v.transform((text) => new Date(text)),
    v.date(),
  ),
  task: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/))),
  /** The cloud has refused the request, so no export is running. */
  refused: v.optional(v.boolean()),
});
type Begun = v.InferOutput<typeof Begun>;

/** Of the object that remembers an export for the copy `key`. */
export function memoOf(key: string): string {
  return `${key}.export`;
}

/**
 * Asks for an image to be exported, once, or looks what has become of it; never waits. What is remembered is written
 * before it is asked for, and when an answer was lost, the tasks that there are say whether it was.
 *
 * @param key of the copy.
 * @returns the export once it is there and whole.
 */
export async function exportImage(
  exporting: Exporting,
  key: string,
  { id: image, sizeBytes = 0 }: { id: string; sizeBytes?: number | undefined },
): Promise<Exported | CopyResult> {
  const { session, container, store, budget } = exporting;
  // By the cloud's own clock, as the times of its tasks and objects are.
  const now = cloudTime(session);
  const name = nameOf(image);
  const memo = memoOf(key);
  const remember = (begun: object) => store.put(memo, JSON.stringify({ since: now, ...begun }));
  const ask = async (): Promise<CopyResult> => {
    try {
      const asked = { image, container: container.name };
      const { id: task } = await startExport(session, container.region, asked);
      await remember({ task });
    } catch (error) {
      if (isCloudError(error) && error.status && error.status < 500) await remember({ refused: true });
      throw error;
    }
    return exportingSince(now);
  };
  const begun = readBegun(await store.readText(memo));
  if (!begun) {
    if (await getObject(session, container, name)) {
      return failed({ code: 'EXPORT_NAME_TAKEN', name, container: container.name });
    }
    const refusal = budget.refuse(key, sizeBytes);
    if (refusal) return refusal;
    await budget.count({ key, id: now.toISOString(), at: exporting.now }, sizeBytes);
    await remember({});
    return ask();
  }

  const { since } = begun;
  const ageMs = now.getTime() - since.getTime();
  const task = await taskOf(exporting, image, begun);
  if (task && isRunning(task)) {
    if (task.id !== begun.task) await remember({ since, task: task.id });
    return ageMs < LONGEST_MS
      ? exportingSince(since)
      : failed({ code: 'EXPORT_STUCK', since: since.toISOString(), task: task.id });
  }
  const object = await getObject(session, container, name);
  if (!object && !task && !begun.task) {
    // The list of tasks may lack one that was begun a moment ago.
    if (begun.refused || ageMs >= SETTLING_MS) return ask();
    return { outcome: 'exporting', reasons: [{ code: 'EXPORT_UNSURE' }] };
  }
  if (!object && task?.status === 'success' && now.getTime() - task.updatedAt.getTime() < SETTLING_MS) {
    return { outcome: 'exporting', reasons: [{ code: 'EXPORT_UNSEEN', name }] };
  }
  if (!object || task?.status === 'failure') {
    const cause = task?.message ?? (task ? 'its task says that it is done' : 'its task is no longer kept');
    await forget(exporting, { key, image, since }, { data: !object });
    return failed({ code: 'EXPORT_FAILED', cause, name, isThere: object !== undefined });
  }

  const listed = await listObjects(session, container, `${name}-`);
  const seen = {
    container: container.name,
    image,
    object,
    footer: await lastBytes(session, container, name, object.bytes),
  };
  const found = examine({ ...seen, segments: listed });
  if (!('code' in found)) return found;
  if (now.getTime() - object.at.getTime() < SETTLING_MS) {
    return { outcome: 'exporting', reasons: [{ code: 'EXPORT_INCOMPLETE', problem: found }] };
  }
  const segments = await askForSegments(exporting, image, listed);
  const confirmed = examine({ ...seen, segments });
  if (!('code' in confirmed)) return confirmed;
  if (!isMadeOf(object, `${container.name}/${name}-`, segments)) {
    return failed({ code: 'EXPORT_LEFT_ALONE', problem: found });
  }
  await forget(exporting, { key, image, since }, { data: true });
  return failed({ code: 'EXPORT_DISCARDED', problem: confirmed });
}

/**
 * Forgets an export that nobody waits for. While it is running it stays: what it writes at its end would be nobody's.
 *
 * @param copied whether a good copy of the image is elsewhere. Without one the exported data stay, because they may be
 *   the only ones that are left; only what a failed export has left is taken away.
 */
export async function abandon(
  exporting: Pick<Exporting, 'session' | 'container' | 'store'>,
  key: string,
  image: string,
  { copied }: { copied: boolean },
): Promise<void> {
  const { session, container, store } = exporting;
  const isCopy = (await store.readText(`${key}.json`)) !== undefined;
  if (isCopy) return store.delete(memoOf(key));
  const begun = readBegun(await store.readText(memoOf(key)));
  if (!begun) return;
  const { since } = begun;
  const task = await taskOf({ session, container }, image, begun);
  if (task && isRunning(task)) return;
  if (!copied) {
    const mayBeRunning =
      !task && !begun.task && !begun.refused && cloudTime(session).getTime() - since.getTime() < LONGEST_MS;
    if (mayBeRunning || (await getObject(session, container, nameOf(image)))) return;
  }
  await forget(exporting, { key, image, since }, { data: true });
}

/**
 * Deletes what an export has written, and nothing older than it. The empty object first: without it, nothing that is
 * left is taken for an image. The memory of it last.
 */
async function forget(
  { session, container, store }: Pick<Exporting, 'session' | 'container' | 'store'>,
  { key, image, since }: { key: string; image: string; since: Date },
  { data }: { data: boolean },
): Promise<void> {
  const isIts = ({ at }: { at: Date }) => at.getTime() >= since.getTime() - SKEW_MS;
  if (data) {
    const object = await getObject(session, container, nameOf(image));
    if (object && isIts(object)) await deleteObject(session, container, nameOf(image));
    for (const one of await listObjects(session, container, `${nameOf(image)}-`)) {
      if (isSegmentOf(image, one.name) && isIts(one)) await deleteObject(session, container, one.name);
    }
  }
  await store.delete(memoOf(key));
}

/** The segments of an export, each asked for by itself: those that a listing shows, and those that it should show. */
async function askForSegments(
  { session, container }: Pick<Exporting, 'session' | 'container'>,
  image: string,
  listed: readonly ListedObject[],
): Promise<ListedObject[]> {
  const prefix = `${nameOf(image)}-`;
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
 * Whether an object is a plain one, or is made of exactly these segments. Swift puts it together from a listing: while
 * that lags, or shows what others have named like a segment, it says nothing about the export.
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
 * The task of an export: the one that is remembered, or, where that has failed or none is, the one that has come further
 * of those that export the same image to the same place, since two runs may have asked at once.
 */
async function taskOf(
  { session, container }: Pick<Exporting, 'session' | 'container'>,
  image: string,
  { since, task: id }: Begun,
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

function readBegun(text: string | undefined): Begun | undefined {
  try {
    return v.parse(Begun, JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
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

function exportingSince(since: Date): CopyResult {
  const minute = `${since.toISOString().slice(0, 16)}Z`;
  return { outcome: 'exporting', reasons: [{ code: 'EXPORT_RUNNING', since: minute }] };
}

function failed(reason: Reason): CopyResult {
  return { outcome: 'failed', reasons: [reason] };
}
