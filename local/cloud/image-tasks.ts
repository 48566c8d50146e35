import type { Hono } from 'hono';
import type { Env } from './faults.ts';
import { glanceFault } from './glance-fault.ts';
import { seconds } from './image-json.ts';
import { bodyOf, isObject } from './json-body.ts';
import type { Region } from './state.ts';
import type { CloudTask } from './tasks.ts';

/** Rackspace's tasks, which export and import images. */
export function addTaskRoutes(app: Hono<Env>, region: Region, pageSize: () => number): void {
  const { account } = region;

  app.post('/tasks', async (c) => {
    if (account.role !== 'admin') {
      return glanceFault(c, 403, 'You are not authorized to complete add_task action.');
    }
    const { type, input } = await bodyOf<Pick<CloudTask, 'type' | 'input'>>(c);
    if (type !== 'export' && type !== 'import') return glanceFault(c, 400, `Invalid task type: ${type}`);
    if (!isObject(input)) return glanceFault(c, 400, 'Invalid input of a task');
    return c.json(taskJson(region.tasks.add(type, input, account.projectId), account.projectId), 201);
  });

  // A listing omits some fields of the tasks.
  app.get('/tasks', (c) => {
    const listed = region.tasks.all.filter(({ id }) => !region.unlisted.has(id));
    const { marker } = c.req.query();
    const from = listed.findIndex(({ id }) => id === marker) + 1;
    const page = listed.slice(from, from + pageSize());
    const next = `/v2/tasks?marker=${page.at(-1)?.id}`;
    return c.json({
      tasks: page.map((task) => {
        const whole = taskJson(task, account.projectId);
        const { input: _, message: __, expires_at: ___, result: ____, ...brief } = whole;
        return brief;
      }),
      first: '/v2/tasks',
      schema: '/v2/schemas/tasks',
      ...(page.length === pageSize() ? { next } : {}),
    });
  });

  app.get('/tasks/:id', (c) => {
    const task = region.tasks.all.find(({ id }) => id === c.req.param('id'));
    return task
      ? c.json(taskJson(task, account.projectId))
      : glanceFault(c, 404, `Task not found ${c.req.param('id')}`);
  });
}

function taskJson(task: CloudTask, owner: string) {
  const { id, type, status, input, message, createdAt, updatedAt, expiresAt, result } = task;
  return {
    id,
    type,
    status,
    input,
    message,
    owner,
    created_at: seconds(createdAt),
    updated_at: seconds(updatedAt),
    ...(expiresAt ? { expires_at: seconds(expiresAt) } : {}),
    ...(result ? { result } : {}),
    self: `/v2/tasks/${id}`,
    schema: '/v2/schemas/task',
  };
}
