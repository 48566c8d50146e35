import { describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudImage, CloudVolumeSnapshot, Region } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { harness, policy, setTime } from '../harness.ts';
import { addSnapshot, decisionOn, deletions, history, idsIn, idsOf, slotOf, take } from '../history.ts';
import { person } from '../losses/person.ts';

/** The volume snapshots that an image names. */
const namedBy = ({ properties }: CloudImage): string[] =>
  JSON.parse(properties.block_device_mapping ?? '[]').map(
    ({ snapshot_id }: { snapshot_id: string }) => snapshot_id,
  );

const snapshotsOf = (dfw: Region, image: CloudImage) =>
  namedBy(image).map((id) => dfw.volumeSnapshots.find((snapshot) => snapshot.id === id)!);

/**
 * An OpenStack with a server with two volumes, and a real snapshot of each of the last `count`
 * days, newest first; also other people's volume snapshots of the same volume and of another.
 */
async function volumeBacked(count: number) {
  const h = await harness();
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  const dfw = h.cloud.region('DFW');
  const db = dfw.addServer({ name: 'db', image: '', volumeIds: ['root', 'data'] });
  const foreign = ['root', 'another'].map((volumeId) => dfw.addVolumeSnapshot({ volumeId }));
  for (let age = count - 1; age >= 0; age--) {
    expect((await take(h, slotOf(age))).totals).toEqual({ taken: 1 });
  }
  return { ...h, dfw, db, foreign, images: dfw.images };
}

type Volumes = Awaited<ReturnType<typeof volumeBacked>>;

/**
 * Expects that these images and their volume snapshots, and the foreign ones, are all that exist.
 */
function expectLeft({ dfw, foreign }: Volumes, images: CloudImage[]): void {
  expect(idsOf(dfw.images)).toEqual(idsOf(images));
  expect(idsOf(dfw.volumeSnapshots)).toEqual([...idsOf(foreign), ...images.flatMap(namedBy)].sort());
}

describe('rotation', () => {
  test('deletes the volume snapshots and then the image, and no others', async () => {
    const h = await volumeBacked(5);
    const oldest = h.images[4]!;
    expect((await h.run('cleanup', policy({ maxDeletes: 1 }))).totals).toMatchObject({ deleted: 1 });
    expect(deletions(h).map(({ path }) => path.split('/').at(-1))).toEqual([...namedBy(oldest), oldest.id]);
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
    expectLeft(h, h.images.slice(0, 3));
  });

  test('a second cleanup deletes nothing', async () => {
    const h = await volumeBacked(5);
    await h.run('cleanup', policy());
    const before = deletions(h).length;
    expect((await h.run('cleanup', policy())).totals).toEqual({ kept: 3 });
    expect(deletions(h)).toHaveLength(before);
  });

  test('a dry run deletes neither image nor volume snapshot', async () => {
    const h = await volumeBacked(4);
    expect((await h.run('cleanup', policy({ dryRun: true }))).totals).toEqual({ planned: 1, kept: 3 });
    expect(deletions(h)).toEqual([]);
    expectLeft(h, h.images);
  });
});

test('a listing that confuses the ids of volume snapshots causes no wrong deletion', async () => {
  const h = await volumeBacked(4);
  const { images } = h;
  const mixUp = async (answer: Response) => {
    const listed = ((await answer.json()) as { images: { id: string; block_device_mapping: string }[] })
      .images;
    const [newest, oldest] = [images[0]!, images[3]!].map(
      ({ id }) => listed.find((image) => image.id === id)!,
    );
    const mapping = newest!.block_device_mapping;
    newest!.block_device_mapping = oldest!.block_device_mapping;
    oldest!.block_device_mapping = mapping;
    return Response.json({ images: listed });
  };
  h.cloud.faults.push({ service: 'image', method: 'GET', path: /images$/, answer: { edit: mixUp } });
  const report = await h.run('cleanup', policy());
  expect(report.totals).toEqual({ kept: 2 });
  expect(textsOf(report.warnings)).toEqual(
    Array(2).fill(expect.stringMatching(/that it names was not made with it: it is kept and not counted$/)),
  );
  expect(deletions(h)).toEqual([]);
  expectLeft(h, images);
});

test('all pages of images are listed before the first deletion, because Glance refuses a page after a deleted image', async () => {
  const h = await volumeBacked(5);
  const plain = h.dfw.addServer({ name: 'plain' });
  const others = Array.from({ length: 8 }, (_, age) => addSnapshot(h, plain, age));
  h.cloud.pageSize = 1;
  const report = await h.run('cleanup', policy());
  expect(report).toMatchObject({ totals: { deleted: 7, kept: 6 }, failures: [] });
  const requests = h.cloud.received.slice(-1_000).filter(({ service }) => service === 'image');
  const first = requests.findIndex(({ method }) => method === 'DELETE');
  const last = requests.findLastIndex(({ method }) => method === 'DELETE');
  expect(requests.slice(first, last).filter(({ path }) => path.endsWith('/images'))).toEqual([]);
  expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 3), ...others.slice(0, 3)]));
});

test('listings that lack volume snapshots of an image leave none of them behind', async () => {
  const h = await volumeBacked(4);
  const oldest = h.images[3]!;
  const shorten = async (answer: Response) => {
    const body = (await answer.json()) as { images: { id: string; block_device_mapping: string }[] };
    for (const image of body.images)
      if (image.id === oldest.id)
        image.block_device_mapping = JSON.stringify(JSON.parse(image.block_device_mapping).slice(1));
    return Response.json(body);
  };
  // A cleanup lists twice before it deletes parts of sets.
  const listing = { service: 'image', method: 'GET', path: /images$/ } as const;
  h.cloud.faults.push({ ...listing, times: Number.POSITIVE_INFINITY, answer: { edit: shorten } });
  const report = await h.run('cleanup', policy());
  expect(decisionOn(report, oldest)).toBe('kept: changed since the plan: it names other volume snapshots');
  expect(deletions(h)).toEqual([]);
  expectLeft(h, h.images);
});

describe('a later run finishes an interrupted deletion', () => {
  const DEFERRED = 'deferred: its volume snapshots are being deleted; a later run deletes the image';

  test('if volume snapshots are deleted slowly', async () => {
    const h = await volumeBacked(4);
    const oldest = h.images[3]!;
    const slow = snapshotsOf(h.dfw, oldest)[1]!;
    slow.deletesSlowly = true;
    const first = await h.run('cleanup', policy());
    expect(first.totals).toEqual({ deferred: 1, kept: 3 });
    expect(decisionOn(first, oldest)).toBe(DEFERRED);
    expect(idsIn(h)).toContain(oldest.id);

    h.dfw.volumeSnapshots.splice(h.dfw.volumeSnapshots.indexOf(slow), 1);
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
    expectLeft(h, h.images.slice(0, 3));
  });

  test('if they are still being deleted: Cinder refuses a second request, which is no failure', async () => {
    const h = await volumeBacked(4);
    const oldest = h.images[3]!;
    for (const snapshot of snapshotsOf(h.dfw, oldest)) snapshot.deletesSlowly = true;
    await h.run('cleanup', policy());
    const message = 'Invalid snapshot: Volume Snapshot status must be available or error.';
    const answer = { status: 400, body: { badRequest: { code: 400, message } } };
    h.cloud.faults.push({ service: 'volume', method: 'DELETE', answer, times: Number.POSITIVE_INFINITY });
    expect(decisionOn(await h.run('cleanup', policy()), oldest)).toBe(
      'deferred: its volume snapshots are being deleted since an earlier run',
    );
  });

  test.each([
    ['the image could not be deleted', 'image', /images/, 0, 2],
    ['the second volume snapshot could not be deleted', 'volume', /snapshots/, 1, 1],
  ] as const)('if %s', async (_, service, path, skip, gone) => {
    const h = await volumeBacked(4);
    h.cloud.faults.push({ service, method: 'DELETE', path, skip, answer: answers.forbidden });
    const { report } = await h.fail('cleanup', policy());
    expect(report?.totals).toEqual({ failed: 1, kept: 3 });
    expect(textsOf(report?.warnings).join()).toContain(`image ${h.images[3]!.id} of db can't be deleted`);
    expect(h.dfw.volumeSnapshots).toHaveLength(2 + 8 - gone);
    expect(h.dfw.images).toHaveLength(4);
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
    expectLeft(h, h.images.slice(0, 3));
  });

  test('if a volume that was created from the snapshot still needs it: in use, and the rest continues', async () => {
    const h = await volumeBacked(5);
    h.cloud.faults.push({ service: 'volume', method: 'DELETE', answer: answers.conflict });
    const report = await h.run('cleanup', policy());
    expect(report.totals).toEqual({ deleted: 1, kept: 4 });
    expect(decisionOn(report, h.images[4]!)).toMatch(/^kept: \[DELETE\] .* 409 The image is in use/);
    expectLeft(h, [...h.images.slice(0, 3), h.images[4]!]);
  });
});

describe('a run that takes snapshots', () => {
  test('reads all new volume snapshots in one listing, however many there are', async () => {
    const h = await volumeBacked(0);
    for (const name of ['db-2', 'db-3']) h.dfw.addServer({ name, image: '', volumeIds: [name] });
    setTime('2026-11-23T00:00:20Z');
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 3 });
    const calls = h.cloud.received.filter(({ service }) => service === 'volume');
    const last = calls.map(({ path }) => path.split('/').at(-1));
    expect(last).toEqual(['detail', 'detail', 'limits', 'detail']);
  });

  test('reads those that the listing lacks by their ids', async () => {
    const h = await volumeBacked(0);
    setTime('2026-11-23T00:00:20Z');
    const empty = async () => Response.json({ snapshots: [] });
    h.cloud.faults.push({ service: 'volume', path: /snapshots\/detail$/, times: 9, answer: { edit: empty } });
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    const calls = h.cloud.received.filter(({ service }) => service === 'volume');
    expect(calls.filter(({ path }) => /snapshots\/(?!detail)/.test(path)).length).toBeGreaterThan(0);
  });

  test('fails if they do not belong to the server', async () => {
    const h = await volumeBacked(0);
    setTime('2026-11-23T00:00:20Z');
    const meanwhile = async (answer: Response) => {
      for (const one of h.dfw.volumeSnapshots) one.volumeId = 'of another';
      return answer;
    };
    h.cloud.faults.push({ service: 'compute', method: 'POST', answer: { edit: meanwhile } });
    const { report } = await h.fail('snapshot', policy());
    expect(report?.entries[0]).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/its data are of volumes that db does not have: it does not count/),
    });
  });
});

describe('createBackup of another server', () => {
  test('does not rotate the snapshots of a server whose root volume was created from one of its backups', async () => {
    const h = await volumeBacked(0);
    const a = h.dfw.addServer({ name: 'a' });
    const backup = { image_type: 'backup', backup_type: 'daily', instance_uuid: a.id };
    const root = h.dfw.addVolume({ imageMetadata: backup });
    const b = h.dfw.addServer({ name: 'b', image: '', volumeIds: [root.id] });
    await take(h, slotOf(1), { servers: { names: ['b'] } });
    await take(h, slotOf(0), { servers: { names: ['b'] } });
    const ours = h.dfw.images.filter(({ properties }) => properties.autosnap_server === b.id);
    expect(ours).toHaveLength(2);
    expect(ours.map(({ properties }) => properties.image_type)).toEqual(['snapshot', 'snapshot']);

    const somebody = await person(h);
    const createBackup = { name: 'backup', backup_type: 'daily', rotation: 1 };
    expect(await somebody.action(a.id, { createBackup })).toMatchObject({ status: 202 });
    expect(idsOf(h.dfw.images)).toEqual(expect.arrayContaining(idsOf(ours)));
    expect((await h.run('cleanup', policy({ servers: { names: ['b'] } }))).totals).toEqual({ kept: 2 });
  });
});

describe('the state of an image follows from its volume snapshots', () => {
  const STATUSES = ['creating', 'deleting', 'error', 'error_deleting', 'backing-up', 'restoring', 'in-use'];
  test.each(STATUSES)(
    'with a volume snapshot that is %s it never counts, and causes no deletion',
    async (status) => {
      const h = await volumeBacked(4);
      snapshotsOf(h.dfw, h.images[0]!)[1]!.status = status;
      const report = await h.run('cleanup', policy());
      expect(report.totals).toEqual({ kept: 4 });
      expect(decisionOn(report, h.images[3]!)).toBe('kept: last 3 of 3');
      expect(decisionOn(report, h.images[0]!)).toMatch(
        /^kept: (failed, |not finished |status "volume snapshot )/,
      );
      expectLeft(h, h.images);
    },
  );

  test('with a missing volume snapshot it never counts, and causes no deletion', async () => {
    const h = await volumeBacked(4);
    const lost = snapshotsOf(h.dfw, h.images[0]!)[0]!;
    h.dfw.volumeSnapshots.splice(h.dfw.volumeSnapshots.indexOf(lost), 1);
    const report = await h.run('cleanup', policy());
    expect(decisionOn(report, h.images[0]!)).toBe('kept: failed, and there is no newer good one');
    expect(decisionOn(report, h.images[3]!)).toBe('kept: last 3 of 3');
    expect(deletions(h)).toEqual([]);
  });

  test('images whose volume snapshots failed after the plan do not count towards the minimum', async () => {
    const h = await volumeBacked(4);
    const answer = () => {
      for (const image of h.images.slice(0, 3)) snapshotsOf(h.dfw, image)[0]!.status = 'error';
    };
    h.cloud.faults.push({ service: 'image', method: 'GET', path: /images\/./, answer });
    const { report } = await h.fail('cleanup', policy());
    expect(decisionOn(report, h.images[3]!)).toBe('kept: fewer than 1 good ones (atLeast) would be left');
    expect(deletions(h)).toEqual([]);
    expect(report!.codes).toMatchObject({ IMAGE_DAMAGED: 3 });
  });

  test.each([
    ['are lost', (h, id) => h.dfw.volumeSnapshots.splice(h.dfw.volumeSnapshots.indexOf(id), 1)],
    ['are in error', (_, snapshot) => Object.assign(snapshot, { status: 'error' })],
  ] as [string, (h: Volumes, snapshot: CloudVolumeSnapshot) => unknown][])(
    'a run fails if the data of a kept image %s during the run',
    async (_, spoil) => {
      const h = await volumeBacked(4);
      const answer = () => spoil(h, snapshotsOf(h.dfw, h.images[0]!)[0]!);
      h.cloud.faults.push({ service: 'image', method: 'DELETE', path: /images\/./, answer });
      const { error, report } = await h.fail('cleanup', policy());
      expect(report!.codes).toMatchObject({ IMAGE_DAMAGED: 1 });
      expect(error.message).toContain(`image ${h.images[0]!.id} of db`);
    },
  );
});

describe('the ownership of an image has to be certain', () => {
  test('Y16: one of its volumes is detached: its earlier snapshots still count and rotate', async () => {
    const h = await volumeBacked(5);
    h.db.volumeIds = ['root'];
    expect(await h.run('cleanup', policy())).toMatchObject({ totals: { deleted: 2, kept: 3 }, warnings: [] });
    expectLeft(h, h.images.slice(0, 3));
  });

  test('none of its volumes is attached to the server any more: the images are kept, not counted, and reported', async () => {
    const h = await volumeBacked(5);
    h.db.volumeIds = ['another'];
    const { totals, warnings } = await h.run('cleanup', policy());
    expect(totals).toEqual({});
    expect(warnings).toHaveLength(5);
    expect(warnings[0]?.text).toMatch(
      /its data are of volumes that db does not have: it is kept and not counted$/,
    );
    expectLeft(h, h.images);
  });

  test('two images name the same volume snapshot: both are kept', async () => {
    const h = await volumeBacked(5);
    const { name, owner, properties } = h.images[4]!;
    const { block_device_mapping } = properties;
    const copy = h.dfw.addImage({
      name: 'a copy',
      owner,
      size: 0,
      properties: { block_device_mapping: block_device_mapping! },
    });
    const { totals, warnings } = await h.run('cleanup', policy());
    expect(totals).toEqual({ deleted: 1, kept: 3 });
    expect(textsOf(warnings)).toEqual([
      `DFW: ${name} (${h.images[4]?.id}) is marked as ours, but another image names the same volume snapshots: it is kept and not counted`,
    ]);
    expect(idsOf(h.dfw.images)).toEqual(idsOf([...h.images.slice(0, 3), h.images[4]!, copy]));
    expect(idsOf(h.dfw.volumeSnapshots)).toEqual(expect.arrayContaining(namedBy(h.images[4]!)));
  });

  const HOUR_MS = 3_600_000;
  test.each<[string, { name?: string; volumeSnapshot?: object; laterMs?: number }, RegExp]>([
    ['by its name', { name: 'restored, before the upgrade' }, /its name does not end in -daily-/],
    ['by the volume that its data are of', {}, /its data are of volumes that db does not have/],
    [
      'by the name of its volume snapshot',
      { volumeSnapshot: { volumeId: 'root', name: 'snapshot for another image' } },
      /that it names was not made with it/,
    ],
    [
      'by the time of its volume snapshot',
      { volumeSnapshot: { volumeId: 'root' }, laterMs: HOUR_MS + 1_000 },
      /that it names was not made with it/,
    ],
  ])('a manual image that inherited the marker is kept: recognised %s', async (_, its, reason) => {
    const h = await volumeBacked(3);
    const restored = h.dfw.addServer({ name: 'restored', image: '', volumeIds: ['copy'] });
    const { owner, properties, createdAt, name: ours } = h.images[2]!;
    const { name = ours, volumeSnapshot, laterMs = 0 } = its;
    const { id } = h.dfw.addVolumeSnapshot({
      volumeId: 'copy',
      name: `snapshot for ${name}`,
      createdAt: new Date(createdAt.getTime() + laterMs),
      ...volumeSnapshot,
    });
    const block_device_mapping = JSON.stringify([{ source_type: 'snapshot', snapshot_id: id }]);
    const manual = h.dfw.addImage({
      name,
      ...{ owner, createdAt, size: 0 },
      properties: { ...properties, block_device_mapping },
    });
    const { totals, warnings } = await h.run('cleanup', policy({ keep: { last: 2 }, maxDeletes: 9 }));
    expect(totals).toEqual({ deleted: 1, kept: 2 });
    expect(textsOf(warnings)).toEqual([expect.stringMatching(reason)]);
    expect(warnings[0]?.text).toMatch(manual.id);
    h.images.pop();
    expect(idsOf(h.dfw.images)).toEqual(idsOf([...h.images, manual]));
    expect(restored.volumeIds).toEqual(['copy']);
  });

  test('its server was deleted: it is kept with its volume snapshots', async () => {
    const h = await volumeBacked(5);
    h.dfw.servers.pop();
    expect((await h.run('cleanup', policy({ orphans: { after: '1h', keep: 1 } }))).totals).toEqual({
      kept: 5,
    });
    expectLeft(h, h.images);
  });
});

describe('volume snapshots that cannot be read', () => {
  test('not listed: nothing is deleted in the region', async () => {
    const h = await volumeBacked(5);
    const plain = h.dfw.addServer({ name: 'plain' });
    const listing = { service: 'volume', path: /snapshots\/detail$/, answer: answers.forbidden } as const;
    h.cloud.faults.push({ ...listing, times: Number.POSITIVE_INFINITY });
    const { error, report } = await h.fail('cleanup', policy({ servers: { ids: [plain.id, h.db.id] } }));
    expect(error.message).toMatch("DFW can't be read, so nothing is deleted there");
    expect(report?.totals).toEqual({});
    expect(deletions(h)).toEqual([]);
    expectLeft(h, h.images);
  });

  test('not requested if only images of others name some, as Rackspace has no volume snapshots of this kind', async () => {
    const h = await history(5);
    const { projectId: owner } = h.cloud.account;
    const properties = { block_device_mapping: '[{"snapshot_id":"v1"}]' };
    h.cloud.region('DFW').addImage({ name: 'imported', owner, size: 0, properties });
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 2, kept: 3 });
  });

  test('not read again before the deletion: nothing more is deleted in the region', async () => {
    const h = await volumeBacked(5);
    const reading = { service: 'volume', path: /snapshots\/(?!detail)/, method: 'GET' } as const;
    h.cloud.faults.push({ ...reading, answer: answers.forbidden, times: Number.POSITIVE_INFINITY });
    const { report } = await h.fail('cleanup', policy());
    expect(report?.totals).toEqual({ failed: 1, deferred: 1, kept: 3 });
    expectLeft(h, h.images);
  });
});
