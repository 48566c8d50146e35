import { describe, expect, test } from 'vitest';
import { verdictMarks } from '../../lib/snapshots/drill-marks.ts';
import { answers, type Fault } from '../../local/cloud/faults.ts';
import type { CloudImage } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { policy } from '../harness.ts';
import { addSnapshot, daysIn, decisionOn, deletions, history, idsIn, idsOf, MIDNIGHT } from '../history.ts';
import { inProcesses } from '../processes.ts';

// Losses in other tools that deleted too early, after an incomplete listing, twice, or more than
// was requested.

/**
 * An answer that is not a valid page. The session does not retry it, as it would after status 500.
 */
const UNREADABLE = { status: 200, body: { images: [{ id: 'x' }] } };

describe('L21 (service-fabrik-broker PR#1183): lost a retained snapshot, because deletion began before everything was validated', () => {
  test('deletion is the last step: it follows every listing and fresh reads of the image and of what stays, and is followed by another read', async () => {
    const h = await history(5);
    h.cloud.pageSize = 2;
    await h.run('cleanup', policy({ regions: ['DFW'] }));
    const requests = h.cloud.received
      .filter(({ service }) => service === 'compute' || service === 'image')
      .map(({ method, path }) => {
        const age = h.images.findIndex(({ id }) => path.includes(id));
        if (age < 0) return 'list';
        return path.endsWith('/members') ? `members ${age}` : `${method} ${age}`;
      });
    const deletionOf = (age: number) => [
      `GET ${age}`,
      'GET 0',
      `members ${age}`,
      `DELETE ${age}`,
      `GET ${age}`,
    ];
    const last = [...deletionOf(4), ...deletionOf(3)];
    expect(requests.filter((request) => request !== 'list')).toEqual(last);
    expect(requests.lastIndexOf('list', requests.indexOf('GET 4'))).toBe(requests.indexOf('GET 4') - 1);
    expect(requests.slice(requests.indexOf('GET 4'), requests.indexOf('DELETE 3') + 2)).toEqual(last);
  });

  test('an event with one invalid field deletes nothing, not even in regions that the field does not concern', async () => {
    const h = await history(5);
    const { error } = await h.fail('cleanup', policy({ regions: ['DFW', 'LON'] }));
    expect(error.message).toMatch('regions: "LON": the account has no such region');
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });
});

describe('L22 (psy0rz/zfs_autobackup#84): lost a snapshot that was needed as a base, because thinning continued after a failed step', () => {
  test.each<[string, Pick<Fault, 'service' | 'path' | 'answer'>]>([
    ['the servers are not listed', { service: 'compute', path: /detail$/, answer: answers.forbidden }],
    ['the images are not listed', { service: 'image', path: /images$/, answer: UNREADABLE }],
    ['an image is not read again', { service: 'image', path: /images\/./, answer: answers.forbidden }],
  ])('%s: nothing is deleted in this region, other regions are rotated', async (_, fault) => {
    const h = await history(5, ['DFW', 'ORD']);
    const mail = h.cloud.region('ORD').addServer({ name: 'mail' });
    const inOrd = [0, 1, 2, 3].map((age) => addSnapshot(h, mail, age, {}, 'ORD'));
    h.cloud.faults.push({ ...fault, region: 'DFW', times: Number.POSITIVE_INFINITY });
    const { error } = await h.fail('cleanup', policy());
    expect(error.name).toBe('RunFailed');
    expect(idsIn(h)).toEqual(idsOf([...h.images, ...inOrd.slice(0, 3)]));
  });
});

describe('L23 (miracle2k/k8s-snapshots PR#51): deleted the wrong snapshots beyond 500, because the listing ended at its first page', () => {
  /**
   * Six snapshots, ten minutes apart, on three pages of two. Glance lists the newest first, so the
   * oldest snapshots are on the last page.
   */
  async function threePages() {
    const h = await history(0);
    const images = [0, 1, 2, 3, 4, 5].map((age) =>
      addSnapshot(h, h.web, age / 144, { createdAt: new Date(MIDNIGHT.getTime() + (age + 1) * 60_000) }),
    );
    h.cloud.pageSize = 2;
    return { ...h, images };
  }

  test('the newest are on the last of three pages', async () => {
    const h = await threePages();
    const slots = h.cloud
      .region('DFW')
      .images.map(({ properties }) => properties.autosnap_slot?.slice(11, 16));
    expect(slots).toEqual(['23:10', '23:20', '23:30', '23:40', '23:50', '00:00']);
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 3, kept: 3 });
    expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 3)));
  });

  test.each([
    ['the second page fails', 1],
    ['the third page fails', 2],
  ])('%s: nothing is deleted', async (_, skip) => {
    const h = await threePages();
    const listing = { service: 'image', region: 'DFW', path: /images$/ } as const;
    h.cloud.faults.push({ ...listing, skip, answer: answers.forbidden, times: Number.POSITIVE_INFINITY });
    const { error } = await h.fail('cleanup', policy());
    expect(error.message).toMatch("DFW can't be read, so nothing is deleted there");
    expect(idsIn(h)).toEqual(idsOf(h.images));
  });
});

test('L24 (longhorn/longhorn#6484): 20 snapshots became 1, because two jobs worked on the same series', async () => {
  const h = await history(20);
  const keep = { last: 5 };
  const both = await inProcesses(h, 2, 'cleanup', policy({ keep, maxDeletes: 20 }));
  expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 5)));
  expect(both.map(({ totals }) => totals.kept)).toEqual([5, 5]);
});

test('L25 (apache/cloudstack#9446): lost a whole chain, because the backend deleted more than was requested', async () => {
  const h = await history(5);
  const lost = h.images.slice(1, 3);
  const answer = () => {
    for (const { id } of lost) h.cloud.region('DFW').removeImage(id);
  };
  h.cloud.faults.push({ service: 'image', method: 'DELETE', answer });
  const { error, report } = await h.fail('cleanup', policy());
  expect(textsOf(report?.failures)).toEqual([
    `DFW: image ${lost[0]?.id} of web (active, 2026-11-22T00:00:00Z) was to be kept and has disappeared: this run did not delete it`,
    `DFW: image ${lost[1]?.id} of web (active, 2026-11-21T00:00:00Z) was to be kept and has disappeared: this run did not delete it`,
  ]);
  expect(error.message).toMatch(lost[0]!.id);
});

describe('X3 (rackerlabs/ebs_snapper): lost 8 of 8 snapshots despite a minimum of 5, because the minimum was compared with a count read once', () => {
  test('the minimum holds over several deletions', async () => {
    const h = await history(8);
    const keep = { last: 1, atLeast: 5 };
    expect((await h.run('cleanup', policy({ keep }))).totals).toEqual({ deleted: 3, kept: 5 });
    expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 5)));
  });

  test('the minimum holds when others delete snapshots meanwhile: each deletion counts again', async () => {
    const h = await history(8);
    const answer = () => {
      for (const { id } of h.images.slice(0, 2)) h.cloud.region('DFW').removeImage(id);
    };
    h.cloud.faults.push({ service: 'image', method: 'DELETE', answer });
    const { report } = await h.fail('cleanup', policy({ keep: { last: 5, atLeast: 5 } }));
    // The first deletion was already in progress; the next two do not begin.
    expect(deletions(h)).toHaveLength(1);
    expect(idsIn(h)).toEqual(idsOf(h.images.slice(2, 7)));
    expect(decisionOn(report, h.images[6]!)).toBe('kept: fewer than 5 good ones (atLeast) would be left');
  });
});

describe('the newest snapshot that passed a drill', () => {
  const proof = ({ id }: { id: string }) =>
    Object.fromEntries(verdictMarks(id, true, new Date('2026-11-22T12:00:00Z')));

  /**
   * Snapshots of five days; those that are `ages` days old passed a drill. The policy keeps one.
   */
  async function drilled(...ages: number[]) {
    const h = await history(5);
    for (const age of ages) Object.assign(h.images[age]!.properties, proof(h.images[age]!));
    return h;
  }
  const keep = { last: 1 };

  test('stays in addition to those that the policy keeps', async () => {
    const h = await drilled(3);
    await h.run('cleanup', policy({ keep }));
    expect(daysIn(h)).toEqual(['11-23', '11-20']);
  });

  test('is deleted when a newer one has passed', async () => {
    const h = await drilled(1, 3);
    await h.run('cleanup', policy({ keep }));
    expect(daysIn(h)).toEqual(['11-23', '11-22']);
  });

  test('stays when the newer one disappears, fails or is held between the plan and the deletion', async () => {
    const changes: ((image: CloudImage, remove: () => void) => void)[] = [
      (_, remove) => remove(),
      (image) => Object.assign(image, { status: 'deactivated' }),
      ({ properties }) => Object.assign(properties, { autosnap_hold: 'forever' }),
      ({ id, properties }) =>
        Object.assign(
          properties,
          Object.fromEntries(verdictMarks(id, false, new Date('2026-11-23T05:00:00Z'))),
        ),
    ];
    for (const change of changes) {
      const h = await drilled(1, 3);
      const newer = h.images[1]!;
      const answer = () => change(newer, () => h.cloud.region('DFW').removeImage(newer.id));
      // This happens at the deletion of the oldest snapshot, which nothing prevents.
      h.cloud.faults.push({ service: 'image', method: 'DELETE', answer });
      const report = await h.run('cleanup', policy({ keep })).catch(() => undefined);
      expect(daysIn(h)).toContain('11-20');
      if (report)
        expect(decisionOn(report, h.images[3]!)).toBe(
          'kept: no newer snapshot with a passed drill would remain',
        );
    }
  });

  test('a snapshot that passes a drill between the plan and its deletion stays', async () => {
    const h = await drilled();
    const answer = () => void Object.assign(h.images[3]!.properties, proof(h.images[3]!));
    h.cloud.faults.push({ service: 'image', method: 'DELETE', answer });
    const report = await h.run('cleanup', policy({ keep }));
    expect(decisionOn(report, h.images[3]!)).toBe('kept: no newer snapshot with a passed drill would remain');
    expect(daysIn(h)).toEqual(['11-23', '11-20']);
  });
});
