import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Bucket } from '../../lib/offsite/bucket.ts';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import { type MemoryBucket, memoryBucket } from '../faults/memory-bucket.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, DAY_MS, MIDNIGHT } from '../history.ts';
import { copyEvent } from '../offsite/rackspace.ts';

// A snapshot is copied in the region in which it was taken, whatever region its image is found in.

let bucket: MemoryBucket;
vi.mock('../../lib/offsite/bucket.ts', () => ({ bucketNamed: (): Bucket => bucket }));
// No module of another file may keep the real one, nor this one.
beforeAll(() => void vi.resetModules());
afterAll(() => void vi.resetModules());

let h: Harness;
let web: CloudServer;
/** The URL of a separate image service of ORD, if there were one. */
let ownImages: string;

/**
 * An OpenStack whose two regions share one image service. The server "web" is in the second region.
 */
beforeEach(async () => {
  bucket = memoryBucket();
  h = await harness({ regions: ['DFW', 'ORD'] });
  vi.stubEnv('AUTOSNAP_COPIES_BUCKET', 'copies');
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  const [dfw, ord] = h.cloud.catalogue;
  ownImages = ord!.imageUrl!;
  Object.assign(ord!, { imageUrl: dfw!.imageUrl });
  web = h.cloud.region('ORD').addServer({ name: 'web' });
  setTime(new Date(MIDNIGHT.getTime() + DAY_MS / 4));
});

/**
 * A snapshot of "web" with the region in which it was taken. Its image is in the shared image
 * service.
 */
function snapshotOf(age: number, home = 'ORD'): CloudImage {
  const image = addSnapshot(h, web, age, { size: 1_000, diskFormat: 'qcow2', containerFormat: 'bare' }, home);
  h.cloud.region(home).removeImage(image.id);
  return h.cloud.region('DFW').addImage(image);
}

function fail(service: 'compute' | 'image'): void {
  if (service === 'image') Object.assign(h.cloud.catalogue[1]!, { imageUrl: ownImages });
  h.cloud.faults.push({ service, region: 'ORD', times: Infinity, answer: answers.unavailable });
}

const copies = () =>
  [...bucket.objects.keys()]
    .filter((key) => key.startsWith('copies/') && key.endsWith('.json'))
    .map((key) => key.split('/'))
    .map(([, , , region, , , , file]) => `${region} ${file}`);
const copyOf = ({ id }: CloudImage, region = 'ORD') => `${region} ${id}.json`;

describe('while the region of a server', () => {
  test.each(['before', 'after'])(
    'cannot be read, nothing of it is copied under another region, copied %s or not',
    async (when) => {
      const old = snapshotOf(1);
      if (when === 'after') await h.run('offsite', copyEvent());
      const image = snapshotOf(0);
      fail('compute');
      const before = copies();
      const { error, report } = await h.fail('offsite', copyEvent());
      expect(error.message).toContain("ORD can't be read");
      expect(textsOf(report?.warnings).join()).toContain(
        'DFW: web: not copied: its newest snapshot was taken in region ORD',
      );
      expect(copies()).toEqual(before);
      h.cloud.faults.length = 0;
      await h.run('offsite', copyEvent());
      expect(copies()).toEqual(when === 'after' ? [copyOf(old), copyOf(image)] : [copyOf(image)]);
    },
  );

  test('is no longer in the catalogue, nothing of it is copied, which is reported', async () => {
    snapshotOf(0);
    h.cloud.catalogue.splice(1);
    const report = await h.run('offsite', copyEvent());
    expect(textsOf(report.warnings).join()).toContain('its newest snapshot was taken in region ORD');
    expect(copies()).toEqual([]);
  });

  test('is not in the policy, nothing of it is copied', async () => {
    snapshotOf(0);
    const report = await h.run('offsite', copyEvent({}, { regions: ['DFW'] }));
    expect([report.warnings, copies()]).toEqual([[], []]);
  });

  test.each(['compute', 'image'] as const)(
    'has no %s service for now, its copies are neither counted nor deleted',
    async (service) => {
      for (const age of [3, 2, 1]) {
        snapshotOf(age);
        await h.run('offsite', copyEvent({ keep: { last: 9 } }));
      }
      const before = copies();
      expect(before).toHaveLength(3);
      const dfwWithWeb = h.cloud.region('DFW').servers;
      dfwWithWeb.push(web);
      fail(service);
      const { error } = await h.fail('offsite', copyEvent({ keep: { last: 1 } }));
      expect(error.message).toContain("ORD can't be read");
      expect(copies()).toEqual(before);
    },
  );
});

test('a snapshot of a deleted server is copied once, in the region in which it was taken', async () => {
  const old = snapshotOf(1);
  await h.run('offsite', copyEvent());
  h.cloud.region('ORD').servers.splice(0);
  expect((await h.run('offsite', copyEvent())).totals).toEqual({ kept: 1 });
  const image = snapshotOf(0);
  const { totals, entries } = await h.run('offsite', copyEvent());
  expect(totals).toEqual({ copied: 1, kept: 1 });
  expect(entries.map(({ name }) => name)).toEqual(['web']);
  expect(copies()).toEqual([copyOf(old), copyOf(image)]);
});

test('a snapshot without the region in which it was taken is copied only while its server is listed', async () => {
  const image = snapshotOf(0);
  image.properties.autosnap_restore_as = 'unknown';
  fail('compute');
  const { report } = await h.fail('offsite', copyEvent());
  expect(textsOf(report?.warnings).join()).toContain(
    'the region in which its newest snapshot was taken is unknown',
  );
  expect(copies()).toEqual([]);
  h.cloud.faults.length = 0;
  await h.run('offsite', copyEvent());
  expect(copies()).toEqual([copyOf(image)]);
});

test.each([
  ['can not be read', () => fail('compute')],
  ['is no longer in the catalogue', () => void h.cloud.catalogue.splice(1)],
])('no drill of a snapshot begins in another region while its own region %s', async (_, lose) => {
  snapshotOf(0);
  const event = policy({ drill: { schedule: 'rate(1 day)' }, dryRun: true });
  expect((await h.run('drill', event)).totals).toEqual({ planned: 1 });
  lose();
  const { report } = await h.fail('drill', event);
  expect(report?.totals).toEqual({});
});

describe('the audit of a policy with copies', () => {
  /** The servers whose copies are behind, four days after "web" and "db" were last copied. */
  async function behindAfter(change: (newest: CloudImage) => unknown, changes: object = {}) {
    const db = h.cloud.region('ORD').addServer({ name: 'db' });
    snapshotOf(1);
    await h.run('offsite', copyEvent());
    const newest = snapshotOf(0);
    deploy([copyEvent({}, changes)]);
    h.cold();
    await change(newest);
    setTime(new Date(MIDNIGHT.getTime() + 4 * DAY_MS));
    const { behind, orphaned } = await h.run('audit', {});
    expect(h.cloud.region('ORD').servers).toContain(db);
    // A snapshot without its region is in both.
    const namesOf = (series: { name: string }[]) => [...new Set(series.map(({ name }) => name))];
    return { behind: namesOf(behind), orphaned: namesOf(orphaned) };
  }
  const remove = () => h.cloud.region('ORD').removeServer(web);

  test.each<[string, (newest: CloudImage) => unknown, object, Awaited<ReturnType<typeof behindAfter>>]>([
    ['of a server that is there', () => {}, {}, { behind: ['web'], orphaned: [] }],
    ['of a server that is gone', remove, {}, { behind: ['web'], orphaned: ['web'] }],
    [
      'of a server that is gone, once its last snapshot is copied',
      async () => {
        remove();
        await h.run('offsite', { policy: 'daily' });
      },
      {},
      { behind: [], orphaned: ['web'] },
    ],
    [
      'of a server that is gone, and whose last snapshot does not name its region',
      (newest) => {
        newest.properties.autosnap_restore_as = 'unknown';
        remove();
      },
      {},
      { behind: [], orphaned: ['web'] },
    ],
    [
      'of a server that is there and not selected any more',
      () => {},
      { servers: { names: ['db'] } },
      { behind: [], orphaned: [] },
    ],
  ])('whether the copies are behind %s', async (_, change, changes, expected) => {
    expect(await behindAfter(change, changes)).toEqual(expected);
  });
});
