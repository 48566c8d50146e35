import { beforeEach, describe, expect, test, vi } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudImage } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { leaveOut } from '../offsite/listings.ts';
import { copyEvent, OWNER, type Rackspace, rackspace } from '../offsite/rackspace.ts';

vi.setConfig({ testTimeout: 30_000 });

let r: Rackspace;
beforeEach(async () => {
  r = await rackspace();
});

const run = (offsite: object = {}) => r.h.run('offsite', copyEvent(offsite));
const copyNames = () => r.names().filter((name) => !name.startsWith('usage/'));
const exportsAsked = () => r.region.tasks.all.length;

/** Changes fields of a copy's manifest. */
function spoil(image: CloudImage, changes: object): void {
  const json = r.region.files.get(OWNER, `${r.keyOf(image)}.json`)!;
  const manifest = JSON.parse(String(json.read(0, json.bytes)));
  r.region.files.put(OWNER, json.name, Buffer.from(JSON.stringify({ ...manifest, ...changes })));
}

describe('Y3: a listing that lacks an object', () => {
  test.each([
    ['the data', (image: CloudImage) => [`${image.id}.vhd`]],
    ['a segment', (image: CloudImage) => [`${image.id}.vhd-00002`]],
    ['all data', (image: CloudImage) => r.objectsOf(image).filter((name) => name.includes('vhd'))],
    ['the manifest', (image: CloudImage) => [`${r.keyOf(image)}.json`]],
    ['everything', (image: CloudImage) => r.objectsOf(image)],
  ])('lacks %s of the only copy: the copy counts as good, stays, and is not repeated', async (_, lacking) => {
    const image = await r.copyOne();
    const names = lacking(image);
    leaveOut(r.h, 'objects', ({ name }) => names.includes(name!));
    const report = await run();
    expect(report).toMatchObject({ totals: { kept: 1 }, failures: [], warnings: [] });
    r.expectCopiesOf(image);
    expect(exportsAsked()).toBe(1);
  });

  test('a copy without its large object but with all segments stays, and is reported', async () => {
    const image = await r.copyOne();
    const container = r.region.files.containers.get(OWNER)!;
    container.delete(`${image.id}.vhd`);
    r.region.removeImage(image.id);
    const left = [...container.keys()].sort();
    const said = [await run(), await run()].map((report) =>
      textsOf([...report.warnings, ...report.failures]).join(),
    );
    for (const text of said) expect(text).toContain('its segments, such as');
    expect([...container.keys()].sort()).toEqual(left);
  });

  test('HEAD answers 404 for all its data: the rest of the copy is deleted, and the copy is repeated', async () => {
    const image = await r.copyOne();
    for (const name of r.objectsOf(image).filter((one) => one.includes('.vhd'))) {
      r.region.files.delete(OWNER, name);
    }
    const { error } = await r.h.fail('offsite', copyEvent());
    expect(error.message).toContain('was good, and is not any more');
    expect(copyNames()).toEqual([`${r.keyOf(image)}.export`]);
    r.pass(1);
    await run();
    r.expectCopiesOf(image);
  });

  test.each([503, 403])('HEAD answers %d: nothing is deleted, which is reported', async (status) => {
    const images = await r.copyMany(3);
    const fault = { service: 'object-store', method: 'HEAD', times: 999 } as const;
    r.h.cloud.faults.push({ ...fault, answer: { status, body: '' } });
    const { error } = await r.h.fail('offsite', copyEvent({ keep: { last: 1 } }));
    expect(error.message).toContain("a copy of web-1 in DFW can't be read, so none of them is deleted");
    r.expectCopiesOf(...images);
  });
});

describe('an unfinished copy', () => {
  test('is continued if a listing lacks its snapshot', async () => {
    const image = r.addSnapshot();
    await run();
    leaveOut(r.h, 'images', ({ id }) => id === image.id);
    expect(await run()).toMatchObject({ totals: { exporting: 1 } });
    r.pass(1);
    expect(await run()).toMatchObject({ totals: { copied: 1 } });
    r.expectCopiesOf(image);
  });

  test.each([
    ['is deactivated', (image: CloudImage) => Object.assign(image, { status: 'deactivated' })],
    [
      'can not be asked for',
      (image: CloudImage) => {
        leaveOut(r.h, 'images', ({ id }) => id === image.id);
        const path = new RegExp(`/images/${image.id}$`);
        r.h.cloud.faults.push({ service: 'image', path, times: 99, answer: answers.forbidden });
      },
    ],
  ])('stays while its snapshot %s', async (_, change) => {
    const image = r.addSnapshot();
    await run();
    change(image);
    r.pass(1);
    r.region.tasks.settle();
    const before = copyNames();
    await run();
    expect(copyNames()).toEqual(before);
    expect(before).toContain(`${image.id}.vhd`);
  });

  test('stays if its snapshot was deleted and its data are complete, because they may be the only ones', async () => {
    const image = r.addSnapshot();
    await run();
    r.pass(1);
    r.region.tasks.settle();
    r.region.removeImage(image.id);
    leaveOut(r.h, 'objects', ({ name }) => name!.includes('.vhd'));
    const report = await run();
    expect(textsOf(report.warnings).join()).toContain('was never verified, and its snapshot is gone');
    expect(copyNames()).toContain(`${image.id}.vhd`);
  });

  test.each([1, 2, 3])('counts as a copy although the listing lacks segment %d for long', async (n) => {
    const image = r.addSnapshot();
    await run();
    r.pass(0.5);
    leaveOut(r.h, 'objects', ({ name }) => name!.endsWith(`.vhd-0000${n}`));
    expect(await run()).toMatchObject({ totals: { exporting: 1 } });
    r.pass(2);
    expect(await run()).toMatchObject({ totals: { copied: 1 } });
    r.expectCopiesOf(image);
  });

  test('is not touched as long as its large object has fewer segments than exist', async () => {
    const image = r.addSnapshot();
    await run();
    r.pass(0.5);
    r.region.tasks.settle();
    // Swift builds the large object from a listing, which may lack a segment.
    const { files } = r.region;
    const real = files.get.bind(files);
    const segment = files.get(OWNER, `${image.id}.vhd-00003`)!;
    files.get = (container, name) => {
      if (name !== `${image.id}.vhd`) return real(container, name);
      files.delete(OWNER, segment.name);
      const partial = real(container, name);
      files.containers.get(OWNER)!.set(segment.name, segment);
      return partial;
    };
    r.pass(2);
    const { error } = await r.h.fail('offsite', copyEvent());
    expect(error.message).toContain('is not complete, and is left alone');
    files.get = real;
    expect(await run()).toMatchObject({ totals: { copied: 1 } });
    r.expectCopiesOf(image);
  });
});

describe('the last check before a deletion', () => {
  /**
   * Runs when the data of an image are requested for the second time, which is right before a
   * deletion.
   */
  const atTheLastLook = (image: CloudImage, change: () => unknown) => {
    const path = new RegExp(`/${image.id}\\.vhd$`);
    r.h.cloud.faults.push({ service: 'object-store', method: 'HEAD', path, skip: 1, answer: change });
  };

  test.each([
    [
      'its data are others',
      (old: CloudImage) => r.region.files.put(OWNER, `${old.id}.vhd-00001`, Buffer.from('x')),
    ],
  ])('keeps a copy if %s', async (_, change) => {
    const [old] = (await r.copyMany(2)) as [CloudImage, CloudImage];
    atTheLastLook(old, () => change(old));
    const report = await run({ keep: { last: 1 } });
    expect(report.totals.deleted).toBeUndefined();
    expect(copyNames()).toEqual(expect.arrayContaining([`${r.keyOf(old)}.json`, `${old.id}.vhd`]));
  });

  test.each([
    [
      'the only one that is left has lost its manifest',
      (_: CloudImage, newest: CloudImage) => r.region.files.delete(OWNER, `${r.keyOf(newest)}.json`),
    ],
    [
      'the only one that is left has lost its data',
      (_: CloudImage, newest: CloudImage) => r.region.files.delete(OWNER, `${newest.id}.vhd`),
    ],
    [
      'the only one that is left has another manifest',
      (_: CloudImage, newest: CloudImage) => spoil(newest, { owner: 'x' }),
    ],
  ])('keeps a copy if %s, and the run fails', async (_, change) => {
    const [old, newest] = (await r.copyMany(2)) as [CloudImage, CloudImage];
    atTheLastLook(old, () => change(old, newest));
    const { error, report } = await r.h.fail('offsite', copyEvent({ keep: { last: 1 } }));
    expect(error.message).toContain(`the copy ${r.keyOf(newest)}`);
    expect(error.message).toContain('was good, and is not any more');
    expect(report?.totals.deleted).toBeUndefined();
    expect(copyNames()).toEqual(expect.arrayContaining([`${r.keyOf(old)}.json`, `${old.id}.vhd`]));
  });
});

describe('a manifest with other contents', () => {
  test('does not count as a copy: three of them displace no real copy, stay, and are reported', async () => {
    const images = await r.copyMany(6);
    const fakes = images.slice(3);
    for (const [i, image] of fakes.entries())
      spoil(image, [{ owner: 'x' }, { sizeBytes: 1 }, { image: 'x' }][i]!);
    const report = await run({ keep: { last: 3 } });
    expect(report.totals).toEqual({ kept: 3 });
    expect(textsOf(report.warnings).filter((line) => line.includes('kept and not counted'))).toHaveLength(3);
    r.expectCopiesOf(...images);
  });

  test('of the newest snapshot is not overwritten by a copy', async () => {
    const image = await r.copyOne();
    spoil(image, { owner: 'somebody' });
    const before = copyNames();
    const report = await run();
    expect(textsOf(report.warnings).join()).toContain('is not the manifest of exactly this copy');
    expect(copyNames()).toEqual(before);
    expect(exportsAsked()).toBe(1);
  });
});

describe('ids and names in keys', () => {
  const elsewhere = () => {
    r.region.files.containers.set('theirs', new Map());
    r.region.files.put('theirs', 'notes', Buffer.from('theirs'));
  };

  test.each(['../../../../..', '../../../../../theirs', 'a/b', '.', '..', '%2e%2e', 'x y'])(
    'a server called "%s": nothing is written outside of the prefix',
    async (id) => {
      elsewhere();
      r.region.addImage({
        name: `web-1-daily-${new Date().toISOString()}`,
        owner: r.h.cloud.account.projectId,
        size: 10_000,
        properties: { ...r.addSnapshot().properties, autosnap_server: id, instance_uuid: id },
      });
      await run().catch(() => {});
      r.pass(1);
      await run().catch(() => {});
      expect([...r.region.files.containers.keys()].sort()).toEqual([OWNER, 'theirs']);
      expect(r.names('theirs')).toEqual(['notes']);
      const prefix = `copies/${OWNER}/rackspace/DFW/${r.server.id}/`;
      const isInPlace = (name: string) => /^(usage|reported)\//.test(name) || name.startsWith(prefix);
      expect(r.names().filter((name) => !isInPlace(name) && !/\.vhd(-\d+)?$/.test(name))).toEqual([]);
      expect(r.h.cloud.received.filter(({ path }) => path.includes('/theirs/'))).toEqual([]);
    },
  );

  test.each(['.', '..'])('an account called "%s" is refused before anything is written', async (account) => {
    elsewhere();
    r.addSnapshot();
    r.h.cloud.secrets.set(`autosnap/test/${account}`, r.h.cloud.secret('rackspace'));
    const { error } = await r.h.fail('offsite', copyEvent({}, { account }));
    expect(error.message).toContain(`account: "${account}" can't be part of the keys of copies`);
    expect(r.h.cloud.received.filter(({ method }) => method === 'PUT')).toEqual([]);
  });
});
