import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import { date, listAll, unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';

/** A task of Rackspace's image service. */
export interface Task {
  id: string;
  /** `pending`, `processing`, `success` or `failure`. */
  status: string;
  type: string;
  createdAt: Date;
  /** When the task ended, for an ended task. */
  updatedAt: Date;
  /** The input of the task; listings do not contain it. */
  input?: Record<string, unknown> | undefined;
  /** Why the task failed. */
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
 * Starts a task that exports an image as a VHD into a container of Cloud Files, as
 * `<image id>.vhd`. The task runs for a while.
 *
 * `POST /v2/tasks`, "Task to export image":
 * https://docs.rackspace.com/docs/cloud-images/v2/api-reference/image-task-operations. The task
 * fails if the container does not exist or the object exists already. The request is not retried
 * when its response is lost.
 *
 * @throws {CloudError} FORBIDDEN if the user is no admin.
 */
export async function startExport(
  session: Session,
  region: string,
  { image, container }: { image: string; container: string },
): Promise<Task> {
  const request = { service: 'image', region, path: '/tasks' } as const;
  const json = { type: 'export', input: { image_uuid: image, receiving_swift_container: container } };
  const { body } = await session.request({ ...request, method: 'POST', json, expect: [201] });
  return parseTask(request, body);
}

/**
 * The current state of a task; undefined if the cloud has deleted it, two days after its end.
 * `GET /v2/tasks/{id}`:
 * https://docs.rackspace.com/docs/cloud-images/v2/api-reference/image-task-operations
 */
export async function getTask(session: Session, region: string, id: string): Promise<Task | undefined> {
  const request = { service: 'image', region, path: `/tasks/${encodeURIComponent(id)}` } as const;
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    return parseTask(request, body);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * All tasks that the cloud still has, without their input. `GET /v2/tasks`, in pages like the image
 * listing: https://docs.rackspace.com/docs/cloud-images/v2/api-reference/image-task-operations
 */
export async function listTasks(session: Session, region: string): Promise<Task[]> {
  const request = { service: 'image', region, path: '/tasks' } as const;
  return (await listAll(session, { request, key: 'tasks', item: GlanceTask })).map(taskFromGlance);
}

function parseTask(request: Parameters<typeof unreadableAnswer>[0], body: unknown): Task {
  const task = v.safeParse(GlanceTask, body);
  if (!task.success) throw unreadableAnswer(request, v.getDotPath(task.issues[0]) ?? 'not a task');
  return taskFromGlance(task.output);
}

function taskFromGlance({
  id,
  status,
  type,
  created_at,
  updated_at,
  input,
  message,
}: v.InferOutput<typeof GlanceTask>): Task {
  // Rackspace sends the word "None" for an empty message.
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
