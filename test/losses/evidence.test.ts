import { describe, expect, test } from 'vitest';
import { answers, leavingOut } from '../../local/cloud/faults.ts';
import type { CloudImage } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { deliverAll, startWaiting } from '../fleet/waiting.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, decisionOn, deletions, history, idsIn, idsOf } from '../history.ts';
import { reportBucket } from '../report-bucket.ts';

// Losses found in this product, caused by a message that arrived late, or by a listing that lacked
// something.

describe('Y2: ten snapshots became three, by rules that the policy no longer had', () => {
  const OLD = policy({ keep: { last: 3 } });
  const NEW = policy({ keep: { last: 30 } });

  test('an event from before a deployment, sent by hand or rerun, is refused with the remedy', async () => {
    const h = await history(10);
    deploy([NEW]);
    for (const job of ['cleanup', 'snapshot'] as const) {
      const { error } = await h.fail(job, OLD);
      expect(error.message).toContain('send {"policy": "daily"}');
    }
    expect(idsIn(h)).toEqual(idsOf(h.images));
    expect(h.cloud.received).toEqual([]);
  });

  test('an event that names the policy uses the deployed rules', async () => {
    const h = await history(10);
    deploy([NEW]);
    expect((await h.run('cleanup', { policy: 'daily' })).totals).toEqual({ kept: 10 });
  });

  test('a message in the queue names the policy, and its run uses the rules that were deployed meanwhile', async () => {
    const h = await history(10);
    const waiting = await startWaiting();
    const event = { policy: 'daily' };
    const work = { job: 'cleanup', event, since: new Date(), requestId: 'r', tries: 0 };
    waiting.queue.send(JSON.stringify(work), 0);
    deploy([NEW]);
    await deliverAll(waiting);
    expect(waiting.queue.messages).toEqual([]);
    expect(h.cloud.received.some(({ path }) => path.endsWith('/images'))).toBe(true);
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });

  test('a message of an older version, which contains its policy, is refused and removed', async () => {
    const h = await history(10);
    const waiting = await startWaiting();
    const work = { job: 'cleanup', event: OLD, since: new Date(), requestId: 'r', tries: 0 };
    waiting.queue.send(JSON.stringify(work), 0);
    deploy([NEW]);
    await deliverAll(waiting);
    expect(waiting.queue.messages).toEqual([]);
    expect(h.logs()).toContain('the event is a complete policy');
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });

  test('a removed policy deletes and takes nothing, and the report says so', async () => {
    const h = await history(10);
    deploy([policy({ policy: 'weekly' })]);
    for (const job of ['cleanup', 'snapshot'] as const) {
      const { error } = await h.fail(job, { policy: 'daily' });
      expect(error.message).toContain('there is no policy "daily" in this deployment, only weekly');
    }
    expect(idsIn(h)).toEqual(idsOf(h.images));
    expect(h.cloud.received.filter(({ service }) => service !== 'secrets')).toEqual([]);
  });

  test('a policy that no longer applies to the account of the message is refused', async () => {
    const h = await history(10);
    deploy([policy({ keep: { last: 3 }, account: ['another', 'customer-*'] })]);
    const { error } = await h.fail('cleanup', { policy: 'daily', account: 'rackspace' });
    expect(error.message).toContain('the policy "daily" is not deployed for the account "rackspace"');
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });

  test('a dry run may use other rules, and changes nothing', async () => {
    const h = await history(10);
    deploy([NEW]);
    expect((await h.run('cleanup', { ...OLD, dryRun: true })).totals).toEqual({ planned: 7, kept: 3 });
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });
});

describe('Y4: the series of a live server was reduced as if orphaned, because one listing lacked the server', () => {
  const SHRINKING = policy({ keep: { last: 30 }, orphans: { after: '30d', keep: 1 } });

  /** A server with eight snapshots, of which the newest is 40 days old. */
  async function old() {
    const h = await history(0, ['DFW', 'ORD']);
    return { ...h, images: Array.from({ length: 8 }, (_, i) => addSnapshot(h, h.web, 40 + i)) };
  }

  const withoutWeb = (h: Awaited<ReturnType<typeof old>>, times = 1) =>
    h.cloud.faults.push({
      service: 'compute',
      region: 'DFW',
      path: /\/servers\/detail/,
      times,
      answer: leavingOut(h.web.id),
    });

  test('all snapshots stay if GET returns the server', async () => {
    const h = await old();
    withoutWeb(h);
    expect((await h.run('cleanup', SHRINKING)).totals).toEqual({ kept: 8 });
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });

  test.each([
    ['403', answers.forbidden],
    ['503', answers.unavailable],
    ['a page of HTML', answers.html],
  ])('all snapshots stay and the run fails if GET answers %s', async (_, answer) => {
    const h = await old();
    withoutWeb(h, 9);
    h.cloud.faults.push({ service: 'compute', path: new RegExp(`/servers/${h.web.id}`), times: 99, answer });
    const { report } = await h.fail('cleanup', SHRINKING);
    expect(textsOf(report?.failures).join()).toContain("DFW can't be read, so nothing is deleted there");
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });

  test('all snapshots stay if the server is in another region with the same image service', async () => {
    const h = await old();
    const [dfw, ord] = h.cloud.catalogue;
    Object.assign(ord!, { imageUrl: dfw!.imageUrl });
    const { servers } = h.cloud.region('DFW');
    h.cloud.region('ORD').servers.push(...servers.splice(0));
    const { totals } = await h.run('cleanup', { ...SHRINKING, regions: ['DFW'] });
    expect(totals).toEqual({ kept: 8 });
    expect(deletions(h)).toEqual([]);
  });

  test('the series is reduced only if the server is gone in every region', async () => {
    const h = await old();
    h.cloud.region('DFW').servers.splice(0);
    expect((await h.run('cleanup', SHRINKING)).totals).toEqual({ deleted: 7, kept: 1 });
    const asked = h.cloud.received.filter(({ path }) => path.endsWith(`/servers/${h.web.id}`));
    expect(new Set(asked.map(({ region }) => region))).toEqual(new Set(['DFW', 'ORD']));
  });

  test('a server that the listing lacks still gets its snapshot', async () => {
    const h = await history(2);
    setTime('2026-11-24T00:00:10Z');
    withoutWeb(h);
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
  });

  test('a policy that names the server by its id does not fail', async () => {
    const h = await history(0);
    withoutWeb(h as Awaited<ReturnType<typeof old>>);
    expect((await h.run('snapshot', policy({ servers: { ids: [h.web.id] } }))).totals).toEqual({ taken: 1 });
  });
});

describe('Y11: three good snapshots disappeared during a run whose report said that they were kept', () => {
  /** They disappear when the first one is read for the last time. */
  function vanish(h: Harness, images: CloudImage[], oldest: CloudImage): void {
    h.cloud.faults.push({
      service: 'image',
      method: 'GET',
      path: new RegExp(`/images/${oldest.id}$`),
      answer: () => {
        for (const { id } of images) h.cloud.region('DFW').removeImage(id);
      },
    });
  }

  test('the run fails, although the minimum prevented all deletions', async () => {
    const h = await history(6);
    vanish(h, h.images.slice(0, 3), h.images[5]!);
    const { error, report } = await h.fail('cleanup', policy({ keep: { last: 5, atLeast: 5 } }));
    expect(report?.totals).toEqual({ kept: 3, failed: 3 });
    expect(report?.failures).toHaveLength(3);
    for (const { id } of h.images.slice(0, 3)) {
      expect(error.message).toContain(`image ${id} of web`);
    }
    expect(deletions(h)).toEqual([]);
  });

  test('a snapshot that only a listing lacks is not reported as lost', async () => {
    const h = await history(4);
    const [newest] = h.images;
    h.cloud.faults.push({
      service: 'image',
      path: /\/images$/,
      skip: 4,
      times: 4,
      answer: leavingOut(newest!.id),
    });
    const report = await h.run('cleanup', policy());
    expect(report.totals).toEqual({ deleted: 1, kept: 3 });
    expect(report.failures).toEqual([]);
  });
});

describe('Y26: a slot was taken twice, because an event was delivered twice', () => {
  test('thirty servers with snapshots of five seconds get thirty images from two deliveries six seconds apart', async () => {
    setTime('2026-11-23T00:00:05Z');
    const h = await harness({ regions: ['DFW'], timing: { queuedMs: 1_000, savingMs: 4_000 } });
    for (let i = 0; i < 30; i++) h.cloud.region('DFW').addServer({ name: `web-${i}` });
    const waiting = await startWaiting();
    let second: ReturnType<Harness['run']> | undefined;
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      skip: 10,
      answer: () => {
        setTime('2026-11-23T00:00:11Z');
        second ??= h.run('snapshot', policy());
        return second;
      },
    });
    const first = await h.run('snapshot', policy());
    expect(first.totals).toEqual({ taken: 30 });
    const late = await second!;
    expect(late).toMatchObject({
      totals: {},
      warnings: [{ code: 'OTHER_RUN' }],
    });
    // The second invocation waits for the lease, and then finds all slots taken.
    await deliverAll(waiting);
    expect(waiting.queue.messages).toEqual([]);
    expect(h.cloud.region('DFW').images).toHaveLength(30);
  });

  test('without a queue the second invocation does nothing, and its report says so', async () => {
    const h = await history(0);
    setTime('2026-11-24T00:00:05Z');
    let second: Promise<unknown> | undefined;
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      answer: () => {
        second = h.run('snapshot', policy());
        return second;
      },
    });
    await h.run('snapshot', policy());
    expect(await second).toMatchObject({ totals: {}, entries: [] });
    expect((await h.run('snapshot', policy())).entries[0]?.reason).toMatch(
      /^(already taken|already asked for|busy)/,
    );
  });

  test('the same ad-hoc request never takes a server twice, whatever the invocation', async () => {
    const h = await history(0);
    const byHand = { adhoc: true, request: 'before-upgrade', servers: { all: true } };
    expect((await h.run('snapshot', byHand)).totals).toEqual({ taken: 1 });
    setTime('2026-11-23T08:00:00Z');
    expect((await h.run('snapshot', byHand)).totals).toEqual({ skipped: 1 });
    expect((await h.run('snapshot', { ...byHand, request: 'after-upgrade' })).totals).toEqual({ taken: 1 });
  });
});

describe('Y27: rotation stopped, because the oldest snapshots could not be deleted', () => {
  test.each([409, 403] as const)(
    'ten of sixteen deletions answer %s: the other images are deleted, and the ten are reported',
    async (refusal) => {
      const h = await history(16);
      const stuck = h.images.slice(6);
      for (const image of stuck) Object.assign(image, { refusesDelete: refusal });
      const report = await h.run('cleanup', policy({ keep: { last: 2 }, maxDeletes: 3 }));
      expect(report.totals).toEqual({ deleted: 3, deferred: 1, kept: 12 });
      for (const { id } of stuck) {
        expect(textsOf(report.warnings)).toContainEqual(
          expect.stringContaining(`image ${id} of web can't be deleted`),
        );
      }
      const next = await h.run('cleanup', policy({ keep: { last: 2 }, maxDeletes: 3 }));
      expect(next.totals).toEqual({ deleted: 1, kept: 12 });
      expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 2), ...stuck]));
      expect(textsOf(next.warnings).filter((line) => line.includes("can't be deleted"))).toHaveLength(10);
      // A run that has nothing else to delete does not fail either.
      expect((await h.run('cleanup', policy({ keep: { last: 2 } }))).totals).toEqual({ kept: 12 });
    },
  );

  test('the audit reports what two cleanups with the same rules have left, and no earlier', async () => {
    const h = await history(16);
    await reportBucket();
    h.cold();
    const notRotatingAt = async (time: string) => {
      setTime(`2026-11-23T${time}:00Z`);
      return (await h.run('audit', {})).notRotating;
    };
    const cleanupAt = async (time: string) => {
      setTime(`2026-11-23T${time}:00Z`);
      await h.run('cleanup', { policy: 'daily' });
    };
    for (const image of h.images) Object.assign(image, { refusesDelete: 409 });
    deploy([policy({ keep: { last: 10 } })]);
    expect(await notRotatingAt('06:10')).toEqual([]);
    await cleanupAt('12:00');
    await cleanupAt('13:00');
    expect(await notRotatingAt('13:10')).toEqual([]);
    await cleanupAt('14:00');
    expect(await notRotatingAt('14:10')).toEqual([
      expect.objectContaining({ server: h.web.id, notRotating: 6 }),
    ]);
    // With other rules, these cleanups have left nothing.
    deploy([policy({ keep: { last: 2 } })]);
    h.cold();
    expect(await notRotatingAt('15:00')).toEqual([]);
    await cleanupAt('16:00');
    expect(await notRotatingAt('16:10')).toEqual([]);
    await cleanupAt('17:00');
    expect(await notRotatingAt('17:10')).toEqual([
      expect.objectContaining({ server: h.web.id, notRotating: 14 }),
    ]);
    const { warnings } = await h.run('audit', {});
    expect(textsOf(warnings).join()).toContain('DFW: the series daily of web is not rotating');
  });

  test('a run fails if its user may not delete anything', async () => {
    const h = await history(4);
    h.cloud.account.role = 'observer';
    const { report } = await h.fail('cleanup', policy());
    expect(decisionOn(report, h.images[3]!)).toMatch(/^failed: /);
  });
});
