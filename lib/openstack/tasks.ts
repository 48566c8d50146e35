import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import { date, listAll, unreadable } from './pages.ts';
import type { Session } from './session.ts';

/** A task of Rackspace's image service. */
export interface Task {
  id: string;
  /** `pending`, `processing`, `success` or `failure`. */
  status: string;
  type: string;
  createdAt: Date;
  /** Of a task that has ended, when that was. */
  updatedAt: Date;
  /** What it was asked for; a listing does not show it. */
  input?: Record<string, unknown> | undefined;
  /** Why it has failed. */
  message?: string | undefined;
}

const GlanceTask = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  status: v.string(),
  type: v.string(),
  created_at: date,
  updated_at: date,
  input: v.fallback(v.optional(v.record(v.string(), v.unknown())), undefined),
  message: v.fallback(v.nullish(v.string()), undefined),
});

/**
 * Asks for an image to be exported as a VHD into a container of Cloud Files, as `<image id>.vhd`; that takes its time.
 *
 * `POST /v2/tasks`: Rackspace docs-cloud-images, "Task to export image". It fails when the container is not there, and
 * when that object is. Not repeated when its answer is lost.
 *
 * @throws {CloudError} FORBIDDEN when the user is no admin.
 */
export async function startExport(
  session: Session,
  region: string,
  { image, container }: { image: string; container: string },
): Promise<Task> {
  const request = { service: 'image', region, path: '/tasks' } as const;
  const json = { type: 'export', input: { image_uuid: image, receiving_swift_container: container } };
  const { body } = await session.request({ ...request, method: 'POST', json, expect: [201] });
  return read(request, body);
}

/** A task as it is now; undefined when it is no longer kept, which is two days after its end. */
export async function getTask(session: Session, region: string, id: string): Promise<Task | undefined> {
  const request = { service: 'image', region, path: `/tasks/${encodeURIComponent(id)}` } as const;
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    return read(request, body);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** All tasks that are kept, without their input. `GET /v2/tasks`, in pages like those of images. */
export async function listTasks(session: Session, region: string): Promise<Task[]> {
  const request = { service: 'image', region, path: '/tasks' } as const;
  return (await listAll(session, { request, key: 'tasks', item: GlanceTask })).map(fromGlance);
}

function read(request: Parameters<typeof unreadable>[0], body: unknown): Task {
  const task = v.safeParse(GlanceTask, body);
  if (!task.success) throw unreadable(request, v.getDotPath(task.issues[0]) ?? 'not a task');
  return fromGlance(task.output);
}

function fromGlance({
  id,
  status,
  type,
  created_at,
  updated_at,
  input,
  message,
}: v.InferOutput<typeof GlanceTask>): Task {
  // Rackspace's "nothing to say" is this word.
  return {
    id,
    status,
    type,
    createdAt: created_at,
    updatedAt: updated_at,
    input,
    message: message === 'None' ? undefined : (message ?? undefined),
  };
}
