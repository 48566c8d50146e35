import { beforeEach, describe, expect, test, vi } from 'vitest';
import { answers, type Fault } from '../../local/cloud/faults.ts';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { copyEvent, OWNER, type Rackspace, rackspace } from '../offsite/rackspace.ts';

vi.setConfig({ testTimeout: 30_000 });

// A copy that cannot be created or deleted does not prevent the work on others.

let r: Rackspace;
beforeEach(async () => {
  r = await rackspace();
});

const run = (offsite: object = {}, changes: object = {}) => r.h.run('offsite', copyEvent(offsite, changes));
const fail = (offsite: object = {}, changes: object = {}) => r.h.fail('offsite', copyEvent(offsite, changes));
const addServer = (name: string, id?: string): CloudServer =>
  r.region.addServer({ name, ...(id ? { id } : {}) });
const isCopied = (image: CloudImage) => r.names().includes(`${r.keyOf(image)}.json`);
const exportsOf = ({ id }: CloudImage) =>
  r.h.cloud.received.filter(({ method, path }) => method === 'POST' && path.endsWith('/tasks')).length &&
  r.region.tasks.all.filter(({ input }) => input.image_uuid === id).length;

/** All further exports of one image fail. */
function failExportsOf({ id }: CloudImage): void {
  const { tasks } = r.region;
  const settle = tasks.settle.bind(tasks);
  tasks.settle = () => {
    const image = r.region.images.find((one) => one.id === id);
    if (image) r.region.removeImage(id);
    settle();
    if (image) r.region.addImage(image);
  };
}

describe('an export that fails each time', () => {
  test('is requested at growing intervals, is reported each time, and leaves the monthly limit to others', async () => {
    const bad = r.addSnapshot({ size: 400_000 });
    failExportsOf(bad);
    const limit = { maxBytesPerMonth: '2.3MB' };
    const tries = new Set<string>();
    for (let hour = 0; hour < 9 * 24; hour += 12) {
      const { report } = await fail(limit).catch(() => ({ report: undefined }));
      for (const { input, id } of r.region.tasks.all) if (input.image_uuid === bad.id) tries.add(id);
      const said = report?.entries[0]?.snapshots?.[0];
      if (said && said.outcome !== 'exporting') expect(said.outcome).toBe('failed');
      r.pass(12);
    }
    expect(tries.size).toBe(4);
    const other = r.addSnapshot({ size: 400_000 }, {}, addServer('web-2'));
    await fail(limit);
    r.pass(1);
    await fail(limit);
    expect(isCopied(other)).toBe(true);
  });

  test("does not prevent the copy of the same server's next snapshot", async () => {
    failExportsOf(r.addSnapshot());
    for (let i = 0; i < 3; i++) {
      await fail().catch(() => {});
      r.pass(1);
    }
    const next = r.addSnapshot();
    await run().catch(() => {});
    r.pass(1);
    await run().catch(() => {});
    expect(isCopied(next)).toBe(true);
  });
});

test('an export that never ends is reported each time, and the next snapshot is exported meanwhile', async () => {
  const stuck = r.addSnapshot();
  await run();
  const [task] = r.region.tasks.all;
  const at = new Date().toISOString();
  const never = { id: task!.id, type: 'export', status: 'processing', created_at: at, updated_at: at };
  const fault: Fault = {
    service: 'image',
    path: new RegExp(`/tasks/${task!.id}$`),
    times: 999,
    answer: { status: 200, body: never },
  };
  r.h.cloud.faults.push(fault);
  r.pass(80);
  const next = r.addSnapshot();
  for (let i = 0; i < 2; i++) {
    expect((await fail()).error.message).toContain('ask Rackspace about the task');
    r.pass(1);
  }
  expect(isCopied(next)).toBe(true);
  expect(exportsOf(stuck)).toBeLessThanOrEqual(1);
});

test('an image larger than the monthly limit is reported, and smaller ones are copied', async () => {
  const large = r.addSnapshot(
    { size: 5_000_000 },
    {},
    addServer('a', '00000000-0000-4000-8000-000000000000'),
  );
  r.pass(1);
  const small = r.addSnapshot({ size: 600_000 });
  for (let i = 0; i < 2; i++) {
    const report = await run({ maxBytesPerMonth: '1MB' });
    expect(textsOf(report.warnings).join()).toContain('5.0 MB are more than offsite.maxBytesPerMonth');
    r.pass(1);
  }
  expect([isCopied(large), isCopied(small)]).toEqual([false, true]);
});

describe('a refused deletion', () => {
  test.each([
    ['409', answers.conflict],
    ['403', answers.forbidden],
  ])('with %s does not count towards maxDeletes, and is reported each time', async (_, answer) => {
    const images = await r.copyMany(7);
    const refused = images.slice(0, 3);
    const path = new RegExp(`(${refused.map(({ id }) => id).join('|')})\\.vhd$`);
    r.h.cloud.faults.push({ service: 'object-store', method: 'DELETE', path, times: 999, answer });
    const keep = { keep: { last: 1 } };
    const first = await fail(keep, { maxDeletes: 2 });
    expect(first.report?.totals).toEqual({ failed: 3, deleted: 2, deferred: 1, kept: 1 });
    const second = await fail(keep, { maxDeletes: 2 });
    expect(second.report?.totals).toEqual({ failed: 3, deleted: 1, kept: 1 });
    expect((await fail(keep)).report?.totals).toEqual({ failed: 3, kept: 1 });
    r.expectCopiesOf(...refused, images[6]!);
  });
});

describe('an error', () => {
  test('with the copies of one server does not stop those of others', async () => {
    const images = [
      r.addSnapshot({}, {}, addServer('a')),
      r.addSnapshot(),
      r.addSnapshot({}, {}, addServer('z')),
    ];
    const path = new RegExp(`/${r.server.id}/`);
    r.h.cloud.faults.push({ service: 'object-store', path, times: 999, answer: answers.conflict });
    await fail();
    r.pass(1);
    const { error } = await fail();
    expect(error.message).toContain("a copy of web-1 in DFW can't be read, so none of them is deleted");
    expect(images.map(isCopied)).toEqual([true, false, true]);
  });

  test('with one copy does not stop new copies of its server, and no copy of the server is deleted', async () => {
    const images = await r.copyMany(3);
    const path = new RegExp(`${images[0]!.id}\\.json$`);
    r.h.cloud.faults.push({ service: 'object-store', path, times: 999, answer: answers.forbidden });
    const next = r.addSnapshot();
    for (let i = 0; i < 2; i++) {
      const { report } = await fail({ keep: { last: 1 } });
      expect(report?.totals.deleted).toBeUndefined();
      r.pass(1);
    }
    r.expectCopiesOf(...images, next);
  });

  test('with the rest of one copy does not stop the others of its server', async () => {
    const [old, , newest] = (await r.copyMany(3)) as [CloudImage, CloudImage, CloudImage];
    for (const name of r.objectsOf(old).filter((one) => one.includes('.vhd'))) {
      r.region.files.delete(OWNER, name);
    }
    const path = new RegExp(`${old.id}\\.json$`);
    r.h.cloud.faults.push({
      service: 'object-store',
      method: 'DELETE',
      path,
      times: 999,
      answer: answers.conflict,
    });
    const next = r.addSnapshot();
    const { report } = await fail({ keep: { last: 1 } });
    expect(textsOf(report?.failures).join()).toMatch(/the leftovers of .* can't be deleted/);
    expect(report?.totals).toMatchObject({ exporting: 1, deleted: 1, kept: 1 });
    r.pass(1);
    await fail({ keep: { last: 1 } });
    expect([isCopied(newest), isCopied(next)]).toEqual([false, true]);
  });

  test('with one region does not stop another, not even if the usage of the month is stored in the first', async () => {
    r = await rackspace(['DFW', 'ORD']);
    const ord = r.h.cloud.region('ORD');
    const server = ord.addServer({ name: 'web-2' });
    const { properties, name, owner } = r.addSnapshot({}, {}, server);
    r.region.images.length = 0;
    const image = ord.addImage({ name, owner, size: 10_000, properties });
    r.h.cloud.faults.push({ service: 'object-store', region: 'DFW', times: 999, answer: answers.conflict });
    const { report } = await fail();
    expect(textsOf(report?.failures).join()).toContain('nothing is copied in DFW');
    expect(report?.totals).toEqual({ exporting: 1 });
    r.pass(1);
    await fail();
    expect(ord.files.list(OWNER)?.some(({ name }) => name.endsWith(`${image.id}.json`))).toBe(true);
  });
});

describe('the order', () => {
  /** The images in the order of the requests for their exports. */
  const asked = () =>
    r.region.tasks.all
      .toReversed()
      .map(({ input }) => r.region.images.find(({ id }) => id === input.image_uuid)!.name.split('-daily')[0]);
  const limit = { maxBytesPerMonth: '1GB' };

  test('begins with the image that has waited longest, whatever the ids', async () => {
    const ids = ['c', 'a', 'b'].map((n) => `${n.repeat(8)}-0000-4000-8000-000000000000`);
    const servers = ids.map((id, i) => addServer(`s${i}`, id));
    r.region.servers.splice(0, 1);
    for (const server of servers) {
      r.addSnapshot({}, {}, server);
      r.pass(1);
    }
    await run(limit);
    expect(asked()).toEqual(['s0', 's1', 's2']);
  });

  test('changes if the deadline is reached: the image that had its turn is not the first of the next run', async () => {
    const servers = [r.server, addServer('s1'), addServer('s2')];
    for (const server of servers) r.addSnapshot({}, {}, server);
    // Each run reaches the first request for an export, which never ends.
    const tried: string[] = [];
    for (let i = 0; i < 3; i++) {
      r.h.hangAfter(0, { service: 'image', method: 'POST' });
      const before = r.names().filter((name) => name.includes('/attempts/'));
      await r.h.run('offsite', copyEvent(limit), { remainingMs: 6_500 }).catch(() => {});
      tried.push(...r.names().filter((name) => name.includes('/attempts/') && !before.includes(name)));
      r.h.cloud.faults.length = 0;
      r.pass(0.1);
    }
    expect(new Set(tried).size).toBe(3);
  });
});
