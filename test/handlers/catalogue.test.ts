import { describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, take } from '../history.ts';
import { reportBucket } from '../report-bucket.ts';

const JOBS = ['snapshot', 'cleanup'] as const;

/** A server in each of two regions, each with a snapshot of today. */
async function twoRegions(changes: Record<string, unknown> = {}) {
  setTime('2026-11-22T12:00:00Z');
  const h = await harness({ regions: ['DFW', 'ORD'] });
  const web = h.cloud.region('DFW').addServer({ name: 'web' });
  const mail = h.cloud.region('ORD').addServer({ name: 'mail' });
  await take(h, '2026-11-23T00:00:00Z', changes);
  deploy([policy(changes)]);
  setTime('2026-11-24T00:00:10Z');
  return { ...h, web, mail, event: { policy: 'daily' } };
}

const catalogued = ({ cloud }: Harness, name: string) => cloud.catalogue.find((one) => one.name === name)!;

const taken = ({ cloud }: Harness, region: string) => cloud.region(region).images.length;

describe('a region without an image service in the catalogue', () => {
  const withoutImages = async (changes: Record<string, unknown> = {}) => {
    const h = await twoRegions(changes);
    delete catalogued(h, 'ORD').imageUrl;
    return h;
  };

  test.each(JOBS)('fails the run of %s, and the error names the region', async (job) => {
    const h = await withoutImages();
    const { error, report } = await h.fail(job, h.event);
    expect(error.message).toContain("ORD can't be read");
    expect(error.message).toContain('The catalogue has no image endpoint in ORD');
    expect(report!.failedIn).toEqual({ ORD: 1 });
  });

  test.each([
    ['all regions', {}],
    ['named ones', { regions: ['ORD', 'DFW'] }],
  ])('does not stop other regions of a policy for %s', async (_, changes) => {
    const h = await withoutImages(changes);
    await h.fail('snapshot', h.event);
    expect(taken(h, 'DFW')).toBe(2);
  });

  test('fails doctor', async () => {
    const h = await withoutImages();
    const { error } = await h.fail('doctor', {});
    expect(error.message).toContain('region: ORD');
    expect(error.message).toContain('no image endpoint in ORD');
  });

  test('leaves its servers unprotected in the audit', async () => {
    const h = await withoutImages();
    const { sentence, late, policies } = await h.run('audit', {});
    expect(late).toMatchObject([
      { name: 'mail', region: 'ORD', state: 'never', cause: { code: 'SERIES_REGION_WITHOUT_IMAGES' } },
    ]);
    expect(sentence).toMatch(
      /^1 of 2 servers protected; mail in ORD: the account's catalogue has no image service in ORD/,
    );
    expect(policies[0]!.codes).toEqual(['POLICY_REGION_UNREADABLE']);
    expect(h.logs()).toMatch(/"Troubles":[1-9]/);
  });

  test('leaves servers uncovered that no policy selects', async () => {
    const h = await withoutImages({ servers: { names: ['web'] } });
    expect((await h.run('audit', {})).uncovered.map(({ name }) => name)).toEqual(['mail']);
  });

  test('is unknown in the audit if its servers cannot be listed either', async () => {
    const h = await withoutImages();
    h.cloud.faults.push({ service: 'compute', region: 'ORD', answer: answers.forbidden, times: 9 });
    const { sentence, policies } = await h.run('audit', {});
    expect(sentence).toMatch(/^ORD can't be read; elsewhere 1 of 1 server protected/);
    expect(policies[0]!.readable).toBe(false);
  });
});

describe('a region without a compute service in the catalogue', () => {
  const withoutCompute = async (changes: Record<string, unknown> = {}) => {
    const h = await twoRegions(changes);
    delete catalogued(h, 'ORD').computeUrl;
    return h;
  };

  test.each(JOBS)('fails the run of %s while it has our snapshots, and the error names it', async (job) => {
    const h = await withoutCompute();
    const { error, report } = await h.fail(job, h.event);
    expect(error.message).toContain("ORD can't be read");
    expect(error.message).toContain('The catalogue has no compute endpoint in ORD');
    expect(report!.failedIn).toEqual({ ORD: 1 });
  });

  test.each(JOBS)('fails the run of %s of a policy that names it', async (job) => {
    const h = await withoutCompute({ regions: ['ORD', 'DFW'] });
    expect((await h.fail(job, h.event)).report!.failedIn).toEqual({ ORD: 1 });
  });

  test('does not stop other regions, and nothing is deleted there', async () => {
    const h = await withoutCompute({ keep: { last: 1 } });
    for (const age of [5, 6]) {
      addSnapshot(h, h.mail, age, {}, 'ORD');
      addSnapshot(h, h.web, age);
    }
    await h.fail('snapshot', h.event);
    await h.fail('cleanup', h.event);
    // The newest good one, and the one that this run has just begun.
    expect(taken(h, 'DFW')).toBe(2);
    expect(taken(h, 'ORD')).toBe(3);
  });

  test('fails doctor', async () => {
    const { error } = await (await withoutCompute()).fail('doctor', {});
    expect(error.message).toContain('region: ORD: The catalogue has no compute endpoint in ORD');
  });

  test("can't be read in the audit, which knows only a part of the stored size", async () => {
    const h = await withoutCompute();
    const { sentence, policies, unlisted } = await h.run('audit', {});
    expect(sentence).toMatch(/^ORD can't be read; elsewhere 1 of 1 server protected/);
    expect(policies[0]).toMatchObject({ codes: ['POLICY_REGION_UNREADABLE'], unreadable: ['ORD'] });
    expect(unlisted).toEqual([{ account: 'rackspace', region: 'ORD' }]);
  });

  test('has not dropped out of coverage in the audit, because nothing is known of it', async () => {
    const h = await twoRegions();
    await reportBucket();
    await h.run('audit', {});
    delete catalogued(h, 'ORD').computeUrl;
    setTime('2026-11-24T01:00:10Z');
    const { dropped, policies } = await h.run('audit', {});
    expect(dropped).toEqual([]);
    expect(policies[0]!.codes).toContain('POLICY_REGION_UNREADABLE');
  });

  test('is no failure while nothing of ours is there', async () => {
    const h = await withoutCompute({ servers: { names: ['web'] } });
    h.cloud.region('ORD').addImage({ name: 'golden' });
    expect((await h.run('snapshot', h.event)).failures).toEqual([]);
    expect((await h.run('cleanup', h.event)).failures).toEqual([]);
    expect((await h.run('audit', {})).sentence).toMatch(/^1 of 1 server protected/);
    expect((await h.run('doctor', {})).checks.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
  });

  test('is no failure if it only names the image service of another region', async () => {
    const h = await withoutCompute({ servers: { names: ['web'] } });
    Object.assign(catalogued(h, 'ORD'), { imageUrl: catalogued(h, 'DFW').imageUrl });
    expect((await h.run('snapshot', h.event)).failures).toEqual([]);
    expect((await h.run('audit', {})).sentence).toMatch(/^1 of 1 server protected/);
  });

  test('is no failure if its image service does not answer', async () => {
    const h = await withoutCompute();
    h.cloud.faults.push({ service: 'image', region: 'ORD', answer: answers.forbidden, times: 9 });
    expect((await h.run('snapshot', h.event)).failures).toEqual([]);
  });
});

describe('a region without a volume service in the catalogue', () => {
  /** A server with and a server without a disk on a volume, in each of two regions of Keystone. */
  async function withoutVolumes({ hasSnapshots }: { hasSnapshots: boolean }) {
    setTime('2026-11-22T12:00:00Z');
    const h = await harness({ regions: ['DFW', 'ORD'], timing: { queuedMs: 0, savingMs: 0 } });
    h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
    for (const name of ['DFW', 'ORD']) {
      const region = h.cloud.region(name);
      const disk = region.addVolume({ size: 20 });
      region.addServer({ name: `db-${name}`, image: '', volumeIds: [disk.id] });
      region.addServer({ name: `web-${name}` });
    }
    if (hasSnapshots) await take(h, '2026-11-23T00:00:00Z');
    deploy([policy()]);
    delete catalogued(h, 'ORD').volumeUrl;
    setTime('2026-11-24T00:00:10Z');
    return h;
  }

  test.each([true, false])(
    'fails the snapshot of servers on volumes; has snapshots: %s',
    async (hasSnapshots) => {
      const h = await withoutVolumes({ hasSnapshots });
      const { error, report } = await h.fail('snapshot', { policy: 'daily' });
      expect(error.message).toContain(
        "ORD: the volumes of 1 server get no snapshots, and those that exist can't be verified or deleted: The catalogue has no volume endpoint in ORD",
      );
      expect(report!.codes).toMatchObject({ VOLUMES_UNSERVED: 1, TAKEN: 4 });
    },
  );

  test.each([true, false])(
    'leaves only these unprotected in the audit; has snapshots: %s',
    async (hasSnapshots) => {
      const h = await withoutVolumes({ hasSnapshots });
      await h.fail('snapshot', { policy: 'daily' });
      setTime('2026-11-24T01:00:10Z');
      const { sentence, late, policies, unlisted } = await h.run('audit', {});
      expect(sentence).toBe(
        "3 of 4 servers protected; db-ORD in ORD: the account's catalogue has no volume service in ORD, so no snapshot of the server, whose disk is a volume, can be verified",
      );
      expect(late).toMatchObject([
        { name: 'db-ORD', region: 'ORD', cause: { code: 'SERIES_REGION_WITHOUT_VOLUMES' } },
      ]);
      expect(policies[0]!.codes).toEqual(['VOLUMES_UNSERVED']);
      expect(unlisted).toEqual([]);
    },
  );

  test('stops the deletions there', async () => {
    const h = await withoutVolumes({ hasSnapshots: true });
    const before = taken(h, 'ORD');
    setTime('2026-12-24T01:00:10Z');
    const { error } = await h.fail('cleanup', policy({ keep: { last: 1 }, dryRun: true }));
    expect(error.message).toContain('no volume endpoint in ORD');
    expect(taken(h, 'ORD')).toBe(before);
  });

  test('is no failure if no server has its disk on a volume', async () => {
    const h = await withoutVolumes({ hasSnapshots: false });
    const { failures } = await h.run('snapshot', { policy: 'daily', servers: { names: ['web-*'] } });
    expect(failures).toEqual([]);
  });
});

describe('a catalogue without any image service', () => {
  test.each(JOBS)('fails the run of %s', async (job) => {
    const h = await twoRegions();
    for (const region of h.cloud.catalogue) delete region.imageUrl;
    const { report } = await h.fail(job, h.event);
    expect(report!.failedIn).toEqual({ DFW: 1, ORD: 1 });
  });

  test('leaves all servers unprotected in the audit', async () => {
    const h = await twoRegions();
    for (const region of h.cloud.catalogue) delete region.imageUrl;
    expect((await h.run('audit', {})).sentence).toMatch(/^0 of 2 servers protected; /);
  });
});

describe('a catalogue without any compute service', () => {
  test.each(JOBS)('fails the run of %s', async (job) => {
    const h = await twoRegions();
    for (const region of h.cloud.catalogue) delete region.computeUrl;
    expect((await h.fail(job, h.event)).error.message).toContain('no compute endpoint in any region');
  });

  test('is an account that the audit cannot read', async () => {
    const h = await twoRegions();
    for (const region of h.cloud.catalogue) delete region.computeUrl;
    const { policies } = await h.run('audit', {});
    expect(policies).toMatchObject([{ unreadable: 'account', readable: false }]);
  });
});

describe('a region that the catalogue no longer has', () => {
  const gone = async (changes: Record<string, unknown> = {}) => {
    const h = await twoRegions(changes);
    h.cloud.catalogue.splice(1);
    return h;
  };

  test('fails the snapshot run of a policy that names it; other regions are snapshotted', async () => {
    const h = await gone({ regions: ['DFW', 'ORD'] });
    const { error, report } = await h.fail('snapshot', h.event);
    expect(error.message).toContain("ORD can't be read");
    expect(report!.codes.REGION_UNREADABLE).toBe(1);
    expect(report!.failedIn).toEqual({ ORD: 1 });
    expect(taken(h, 'DFW')).toBe(2);
  });

  test('prevents all deletions by a policy that names it', async () => {
    const h = await gone({ regions: ['DFW', 'ORD'], keep: { last: 1 } });
    addSnapshot(h, h.web, 9);
    const { error } = await h.fail('cleanup', h.event);
    expect(error.message).toContain('regions: "ORD": the account has no such region');
    expect(taken(h, 'DFW')).toBe(2);
  });

  /** Both regions use the image service of DFW. */
  const shared = async (age: number) => {
    const h = await gone();
    addSnapshot(h, h.mail, age, { id: 'from-ord' }).properties.autosnap_restore_as =
      h.cloud.region('ORD').images[0]!.properties.autosnap_restore_as!;
    return h;
  };

  test('fails a snapshot run for all regions while recent snapshots were taken there', async () => {
    const h = await shared(0);
    const { error } = await h.fail('snapshot', h.event);
    expect(error.message).toContain("ORD can't be read");
    expect(error.message).toContain('its catalogue names DFW');
    expect(taken(h, 'DFW')).toBe(3);
  });

  test.each([
    ['no young snapshot was taken there', 30, {}],
    ['the policy is for other regions', 0, { regions: ['DFW'] }],
  ])('fails no snapshot run if %s', async (_, age, changes) => {
    const h = await shared(age);
    expect((await h.run('snapshot', { ...h.event, ...changes })).failures).toEqual([]);
  });

  test('makes its servers late in the audit', async () => {
    const h = await shared(0);
    const { late } = await h.run('audit', {});
    expect(late).toMatchObject([{ server: h.mail.id, cause: { code: 'SERIES_SERVER_UNCERTAIN' } }]);
  });
});
