import { describe, expect } from 'vitest';
import { getTask, listTasks, startExport } from '../../lib/openstack/tasks.ts';
import { connected, receivedBy, test } from './connected.ts';

const WHAT = { image: 'ca5e7f11-5d57-4dd7-8ace-03ab647fe6c6', container: 'exports' };

describe('a task', () => {
  test('is requested, and found by its id and in the list', async ({ cloud }) => {
    const session = await connected(cloud);
    const asked = await startExport(session, 'DFW', WHAT);
    expect(asked).toMatchObject({ type: 'export', status: 'pending', message: undefined });
    expect(await getTask(session, 'DFW', asked.id)).toEqual(asked);
    expect(asked.input).toEqual({ image_uuid: WHAT.image, receiving_swift_container: 'exports' });
    expect(await listTasks(session, 'DFW')).toEqual([{ ...asked, input: undefined }]);
  });

  test('has its message if it failed, and disappears after two days', async ({ cloud }) => {
    const session = await connected(cloud);
    const { id } = await startExport(session, 'DFW', WHAT);
    cloud.advance(3_600_000);
    expect(await getTask(session, 'DFW', id)).toMatchObject({
      status: 'failure',
      message: expect.stringContaining('could not be found'),
    });
    cloud.advance(48 * 3_600_000);
    // The token has expired as well.
    expect(await getTask(session, 'DFW', id)).toBeUndefined();
    expect(await listTasks(session, 'DFW')).toEqual([]);
  });

  test('is requested only by an admin', async ({ cloud }) => {
    cloud.account.role = 'creator';
    await expect(startExport(await connected(cloud), 'DFW', WHAT)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });

  test('is not requested again if the answer is lost', async ({ cloud }) => {
    cloud.faults.push({ service: 'image', method: 'POST', answer: 'lose' });
    await expect(startExport(await connected(cloud), 'DFW', WHAT)).rejects.toMatchObject({
      code: 'NO_ANSWER',
    });
    expect(receivedBy(cloud, 'image').filter(({ method }) => method === 'POST')).toHaveLength(1);
  });

  test('causes an error if it cannot be read', async ({ cloud }) => {
    cloud.faults.push({ service: 'image', times: 2, answer: { status: 201, body: { id: 't1' } } });
    const session = await connected(cloud);
    await expect(startExport(session, 'DFW', WHAT)).rejects.toMatchObject({ code: 'BAD_ANSWER' });
    await expect(getTask(session, 'DFW', 't1')).rejects.toMatchObject({ code: 'BAD_ANSWER' });
  });
});

test('a list of tasks has every page', async ({ cloud }) => {
  const session = await connected(cloud);
  const asked = [];
  for (let i = 0; i < 7; i++) asked.push((await startExport(session, 'DFW', WHAT)).id);
  cloud.pageSize = 3;
  expect((await listTasks(session, 'DFW')).map(({ id }) => id).sort()).toEqual(asked.sort());
});
