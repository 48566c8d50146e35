import { describe, expect, test, vi } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import { answers } from '../../local/cloud/faults.ts';
import { textsOf } from '../finding-texts.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, daysIn, decisionOn, deletions, history, idsIn, idsOf } from '../history.ts';
import { elsewhere, inProcesses } from '../processes.ts';

/** Runs the second job completely right before the first matching request of the first job. */
function inTheMiddle(
  { cloud }: Harness,
  [service, method]: ['compute' | 'image', 'POST' | 'DELETE'],
  run: () => Promise<Report>,
): Promise<Report> {
  return new Promise((resolve, reject) => {
    cloud.faults.push({ service, method, answer: () => run().then(resolve, reject) });
  });
}

/** What a run did that started while another one was running. */
const NOTHING = {
  totals: {},
  entries: [],
  failures: [],
  warnings: [{ code: 'OTHER_RUN' }],
};

describe('a second cleanup that starts during the first', () => {
  test('does nothing, and its report says so', async () => {
    const h = await history(12);
    const runs = await Promise.all([1, 2, 3].map(() => h.run('cleanup', policy())));
    expect(runs.filter(({ totals }) => totals.deleted === 9)).toHaveLength(1);
    expect(runs.filter(({ totals }) => totals.deleted === undefined)).toMatchObject([NOTHING, NOTHING]);
    expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 3)));
  });

  test('does nothing, whatever rules its event has', async () => {
    const h = await history(6);
    const edited = policy({ keep: { last: 1 } });
    const second = inTheMiddle(h, ['image', 'DELETE'], () => h.run('cleanup', edited));
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 3, kept: 3 });
    expect(await second).toMatchObject(NOTHING);
    expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 3)));
  });

  test('runs once the first has ended, whether or not that succeeded', async () => {
    const h = await history(5);
    h.cloud.faults.push({ service: 'image', method: 'GET', answer: answers.forbidden });
    await h.fail('cleanup', policy());
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 2, kept: 3 });
    expect((await h.run('cleanup', policy())).totals).toEqual({ kept: 3 });
  });

  test.each<[string, 'cleanup' | 'snapshot', Record<string, unknown>]>([
    ['of another policy is not kept out', 'cleanup', { policy: 'weekly' }],
    ['of another job is not kept out', 'snapshot', {}],
    ['that is a dry run is not kept out', 'cleanup', { dryRun: true }],
  ])('%s', async (_, job, changes) => {
    const h = await history(5);
    const second = inTheMiddle(h, ['image', 'DELETE'], () => h.run(job, policy(changes)));
    await h.run('cleanup', policy());
    expect(JSON.stringify((await second).warnings)).not.toMatch('another run');
  });

  test('a lease lasts no longer than the time of its run', async () => {
    const h = await history(5);
    const { promise, resolve: release } = Promise.withResolvers<void>();
    h.cloud.faults.push({ service: 'image', method: 'DELETE', answer: () => promise });
    // Lambda kills the first run, so that it does not end before the others.
    const first = h.run('cleanup', policy(), { remainingMs: 20_000 });
    await vi.waitFor(() => expect(deletions(h)).toHaveLength(1));
    expect(await h.run('cleanup', policy())).toMatchObject(NOTHING);
    setTime('2026-11-23T06:00:21Z');
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 2, kept: 3 });
    release();
    await first;
  });
});

describe('two simultaneous cleanups in separate processes', () => {
  test('delete the same as one, whichever is first', async () => {
    const h = await history(12);
    const both = await inProcesses(h, 3, 'cleanup', policy());
    for (const { totals, failures, warnings } of both) {
      expect({ totals, failures, warnings }).toEqual({
        totals: { deleted: 9, kept: 3 },
        failures: [],
        warnings: [],
      });
    }
    expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 3)));
  });

  test('a run that the other overtakes finds its work done', async () => {
    const h = await history(6);
    const second = inTheMiddle(h, ['image', 'DELETE'], () => elsewhere(h, 'cleanup', policy()));
    const first = await h.run('cleanup', policy());
    expect((await second).totals).toEqual({ deleted: 3, kept: 3 });
    expect(first.totals).toEqual({ deleted: 3, kept: 3 });
    expect(h.images.slice(3).map((image) => decisionOn(first, image))).toEqual([
      'deleted: no rule keeps it; already gone',
      'deleted: no rule keeps it; already gone',
      'deleted: no rule keeps it',
    ]);
    expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 3)));
  });

  test('with a policy edited to keep less: the minimum holds, and the run with the older rules reports the missing snapshots', async () => {
    const h = await history(6);
    const edited = policy({ keep: { last: 1, atLeast: 2 } });
    const second = inTheMiddle(h, ['image', 'DELETE'], () => elsewhere(h, 'cleanup', edited));
    const { error } = await h.fail('cleanup', policy({ keep: { last: 4 } }));
    expect((await second).totals).toEqual({ deleted: 4, kept: 2 });
    expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 2)));
    for (const { id } of h.images.slice(2, 4)) {
      expect(error.message).toMatch(new RegExp(`image ${id} of web .* was to be kept and has disappeared`));
    }
  });

  test('of two policies do not affect each other', async () => {
    const h = await history(5);
    const weekly = [0, 1, 2, 3, 4].map((age) =>
      addSnapshot(h, h.web, age, { properties: { autosnap_policy: 'weekly' } }),
    );
    const second = inTheMiddle(h, ['image', 'DELETE'], () => h.run('cleanup', policy({ policy: 'weekly' })));
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 2, kept: 3 });
    expect((await second).totals).toEqual({ deleted: 2, kept: 3 });
    expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 3), ...weekly.slice(0, 3)]));
  });
});

describe('a cleanup and a simultaneous snapshot run', () => {
  /** Four good snapshots of the days before, and the due slot of the 23rd. */
  async function due() {
    const h = await history(0);
    const images = [1, 2, 3, 4].map((age) => addSnapshot(h, h.web, age));
    setTime('2026-11-23T00:00:10Z');
    return { ...h, images };
  }

  test('a cleanup during a snapshot run does not count snapshots that do not exist yet', async () => {
    const h = await due();
    const cleanup = inTheMiddle(h, ['compute', 'POST'], () => h.run('cleanup', policy()));
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    expect(await cleanup).toMatchObject({ totals: { deleted: 1, kept: 3 }, failures: [], warnings: [] });
    expect(daysIn(h)).toEqual(['11-23', '11-22', '11-21', '11-20']);
  });

  test('a snapshot run during a cleanup changes no decision', async () => {
    const h = await due();
    const snapshot = inTheMiddle(h, ['image', 'DELETE'], () => h.run('snapshot', policy()));
    const report = await h.run('cleanup', policy());
    expect(report).toMatchObject({ totals: { deleted: 1, kept: 3 }, failures: [], warnings: [] });
    expect((await snapshot).totals).toEqual({ taken: 1 });
    expect(daysIn(h)).toEqual(['11-23', '11-22', '11-21', '11-20']);
  });

  test('a snapshot that finishes meanwhile causes no deletion before the next cleanup', async () => {
    const h = await due();
    await h.run('snapshot', policy());
    h.cloud.faults.push({ service: 'image', method: 'DELETE', answer: () => h.cloud.advance(3_600_000) });
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 4 });
    expect((await h.run('cleanup', policy())).totals).toEqual({ deleted: 1, kept: 3 });
    expect(daysIn(h)).toEqual(['11-23', '11-22', '11-21']);
  });

  test('a snapshot that fails meanwhile and disappears is a warning, and no good snapshot is deleted', async () => {
    const h = await due();
    h.web.snapshotOutcome = 'vanishes';
    await h.run('snapshot', policy());
    h.cloud.faults.push({ service: 'image', method: 'DELETE', answer: () => h.cloud.advance(3_600_000) });
    const { totals, warnings } = await h.run('cleanup', policy());
    expect(totals).toEqual({ deleted: 1, kept: 4 });
    expect(textsOf(warnings)).toEqual([
      expect.stringMatching(
        /has disappeared before it was finished: the cloud removed the unfinished image, so the snapshot failed$/,
      ),
    ]);
    expect(daysIn(h)).toEqual(['11-22', '11-21', '11-20']);
  });
});

describe('two simultaneous snapshot runs for one slot', () => {
  test.each([['image'], ['']])(
    'in one process: the second does nothing (image of the server: "%s")',
    async (image) => {
      const h = await fleet({ image });
      const second = inTheMiddle(h, ['compute', 'POST'], () => h.run('snapshot', policy()));
      expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 3 });
      expect(await second).toMatchObject(NOTHING);
      expect(made(h)).toHaveLength(3);
    },
  );

  test('ad-hoc requests run one at a time, and beside policies', async () => {
    const h = await fleet();
    const adhoc = (request: string) => ({ adhoc: true, request, servers: { all: true } });
    const same = inTheMiddle(h, ['compute', 'POST'], () => h.run('snapshot', adhoc('before-upgrade')));
    const other = inTheMiddle(h, ['compute', 'POST'], () => h.run('snapshot', adhoc('another')));
    expect((await h.run('snapshot', adhoc('before-upgrade'))).totals.taken).toBeGreaterThan(0);
    expect(await same).toMatchObject(NOTHING);
    expect((await other).warnings).toEqual([]);
  });

  async function fleet(changes: { image?: string; volumeIds?: string[] } = {}) {
    setTime('2026-11-23T00:00:10Z');
    const h = await harness();
    h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
    for (const name of ['a', 'b', 'c']) h.cloud.region('DFW').addServer({ name, ...changes });
    return h;
  }
  const made = ({ cloud }: Harness) =>
    cloud.region('DFW').images.map(({ properties }) => properties.autosnap_server);

  test('in two processes: each server is taken once, and the other run reports the reason', async () => {
    const h = await fleet();
    const both = await inProcesses(h, 2, 'snapshot', policy());
    const entries = both.flatMap((report) => report.entries);
    expect(entries.filter(({ outcome }) => outcome === 'taken')).toHaveLength(3);
    const others = entries.filter(({ outcome }) => outcome !== 'taken');
    expect(others.map(({ reason }) => reason)).toEqual(
      Array(3).fill(expect.stringMatching(/^(busy|already taken|already asked for): /)),
    );
    expect(new Set(made(h)).size).toBe(3);
    expect(made(h)).toHaveLength(3);
  });

  test('a run that the other overtakes finds the servers busy', async () => {
    const h = await fleet();
    const second = inTheMiddle(h, ['compute', 'POST'], () => elsewhere(h, 'snapshot', policy()));
    const first = await h.run('snapshot', policy());
    const reports = [first, await second];
    expect(reports.map(({ totals }) => (totals.taken ?? 0) + (totals.skipped ?? 0))).toEqual([3, 3]);
    expect(reports.reduce((sum, { totals }) => sum + (totals.taken ?? 0), 0)).toBe(3);
    expect(new Set(made(h)).size).toBe(3);
    expect(made(h)).toHaveLength(3);
  });

  test('a status 500 from the cloud shows that the server is busy, which is taken once', async () => {
    const h = await fleet();
    const [a] = h.cloud.region('DFW').servers;
    const path = new RegExp(a!.id);
    h.cloud.faults.push({ service: 'compute', method: 'POST', path, answer: answers.taskStateRace });
    const both = await inProcesses(h, 2, 'snapshot', policy());
    const ofA = both.flatMap(({ entries }) => entries.filter(({ name }) => name === 'a'));
    expect(ofA.map(({ outcome }) => outcome).sort()).toEqual(['skipped', 'taken']);
    expect(made(h)).toHaveLength(3);
  });

  // The cloud is never busy with a volume-backed server, so it refuses nothing. Duplicate images of
  // a slot count once.
  test('volume-backed servers: nothing is lost, and duplicate images of a slot count once and are reported', async () => {
    const h = await fleet({ image: '', volumeIds: ['root'] });
    const second = inTheMiddle(h, ['compute', 'POST'], () => elsewhere(h, 'snapshot', policy()));
    const reports = [await h.run('snapshot', policy()), await second];
    expect(new Set(made(h)).size).toBe(3);
    const named = new Set(reports.flatMap(({ entries }) => entries.map(({ image }) => image)));
    expect(idsIn(h).filter((id) => !named.has(id))).toEqual([]);
    const images = Map.groupBy(h.cloud.region('DFW').images, ({ properties }) => properties.autosnap_server);
    const doubled = [...images.values()].filter(({ length }) => length > 1);
    expect(doubled).toHaveLength(1);
    h.cloud.advance(3_600_000);
    const { totals, warnings } = await h.run('cleanup', policy({ keep: { last: 1 } }));
    expect(totals).toEqual({ kept: 4 });
    expect(textsOf(warnings)).toEqual([expect.stringMatching(/has 2 snapshots of .*, which count as one: /)]);
    for (const { id } of doubled.flat()) expect(warnings[0]?.text).toMatch(id);
  });

  test('a later run takes nothing again, and a cleanup deletes nothing', async () => {
    const h = await fleet();
    await inProcesses(h, 2, 'snapshot', policy());
    h.cloud.advance(3_600_000);
    expect((await h.run('snapshot', policy())).totals).toEqual({ skipped: 3 });
    expect((await h.run('cleanup', policy({ keep: { last: 1 } }))).totals).toEqual({ kept: 3 });
    expect(deletions(h)).toEqual([]);
  });
});
