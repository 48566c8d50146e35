import { describe, expect, test } from 'vitest';
import type { Report, SnapshotLine } from '../../lib/reporting/report.ts';
import { textsOf } from '../finding-texts.ts';
import { setTime } from '../harness.ts';
import {
  type Bench,
  bench,
  daysLater,
  idsOf,
  policyOf,
  slotAt,
  slotOf,
  stuckAt,
  takeSlots,
} from './bench.ts';
import { environment } from './environment.ts';
import { eventually, type GlanceImage, volumeSnapshotIdsOf } from './openstack.ts';

const { controlDir, serverIds, volumeServerId } = environment;
const server = serverIds[0]!;
/** A day after everything was created, when even a snapshot without its data may be deleted. */
const NEXT_DAY = daysLater(2);

const disks = [
  { disk: 'a disk of its own', id: server, skipped: false },
  { disk: 'a volume (needs VOLUME_SERVER_ID)', id: volumeServerId, skipped: !volumeServerId },
];

for (const { disk, id, skipped } of disks) {
  describe.skipIf(skipped)(`a server with ${disk}`, () => {
    test('two simultaneous cleanups delete what one would, and neither fails', async () => {
      const running = await bench();
      const { ours, run, settle } = running;
      await takeSlots(running, [id], [-5, -4, -3, -2, -1]);
      const before = await ours();
      const kept = before.slice(-2);
      const keepTwo = policyOf([id], { keep: { last: 2 } });
      const reports = await running.twice('cleanup', keepTwo);
      for (const report of reports) {
        const lines = linesOf(report);
        expect(lines.every(({ reasons }) => reasons.length > 0)).toBe(true);
        // The later one may have found less, or another run in progress.
        const outcomes = kept.map((image) => lines.find((line) => line.image === image.id)?.outcome);
        expect(outcomes).toEqual(['kept', 'kept']);
        expect(lines.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
      }
      await settle();
      await expectData(running, kept);
      setTime(NEXT_DAY);
      await run('cleanup', keepTwo);
      expect(idsOf(await ours())).toEqual(idsOf(kept));
    });

    test('a cleanup during a snapshot run keeps the snapshots that it counted, and the new one', async () => {
      const running = await bench();
      const { cloud, ours, release, run, settle, turn } = running;
      await takeSlots(running, [id], [-3, -2]);
      const [oldest] = await ours();
      const keepOne = policyOf([id], { keep: { last: 1 } });
      setTime(slotAt(-1));
      if (controlDir) await turn('fake_snapshot_delay', '2');
      const [taking, cleaning] = await atOnce(run('snapshot', keepOne), run('cleanup', keepOne));
      const counted = linesOf(cleaning).filter(({ reasons }) => reasons.includes('last 1 of 1'));
      expect(counted).toHaveLength(1);
      expect(linesOf(cleaning).find((line) => line.image === oldest!.id)?.outcome).not.toBe('kept');
      await release();
      await settle();

      const taken = taking.entries[0]?.image ?? 'none';
      const images = await Promise.all([counted[0]!.image, taken].map((image) => cloud.image(image)));
      expect(images.map((image) => image?.status)).toEqual(['active', 'active']);
      await expectData(running, images as GlanceImage[]);

      setTime(NEXT_DAY);
      await run('cleanup', keepOne);
      await settle();
      await run('cleanup', keepOne);
      expect((await ours()).filter((image) => image.id === taken)).toHaveLength(1);
      await expectData(running, [(await cloud.image(taken))!]);
    });
  });
}

test.skipIf(!controlDir)(
  'cleanups while a snapshot is in progress never delete the good one before it (needs CONTROL_DIR)',
  async () => {
    const running = await bench();
    const { cloud, ours, run, turn } = running;
    await takeSlots(running, [server], [-3, -2]);
    const keepOne = policyOf([server], { keep: { last: 1 } });
    setTime(slotAt(-1));
    await turn('fake_snapshot_delay', '2');
    const taken = (await run('snapshot', keepOne)).entries[0]?.image ?? 'none';
    const seen = new Set<string | undefined>();
    await eventually('the snapshot made', async () => {
      const report = await run('cleanup', keepOne);
      const line = linesOf(report).find(({ image }) => image === taken);
      seen.add(line?.status);
      if (line?.status !== 'active') {
        expect((await ours()).map((image) => image.autosnap_slot)).toEqual([
          slotOf(slotAt(-2)),
          slotOf(slotAt(-1)),
        ]);
      }
      return line?.status === 'active' ? true : undefined;
    });
    expect(seen.size).toBeGreaterThan(1);
    expect(idsOf(await ours())).toEqual([taken]);
    expect((await cloud.image(taken))?.status).toBe('active');
  },
);

// Of two simultaneous requests Nova refuses one: with 409 and no image, or (26.2) with 500 and an
// image that stays queued for ever.
test.skipIf(!controlDir)(
  'two simultaneous snapshot runs create one good snapshot for each server, and leftovers of Nova are reported and do no harm (needs CONTROL_DIR)',
  async () => {
    const running = await bench();
    const { cloud, ours, run, turn, release } = running;
    const keepOne = policyOf(serverIds, { keep: { last: 1 } });
    await takeSlots(running, serverIds, [-2]);
    setTime(slotAt(-1));
    // As long as real snapshots take: none is finished before the other run reaches its server.
    await turn('fake_snapshot_delay', '10');
    const reports = await running.twice('snapshot', keepOne);
    await cloud.idle(serverIds);
    await release();

    const entries = reports.flatMap((report) => report.entries);
    const taken = entries.filter(({ outcome }) => outcome === 'taken');
    expect(taken.map((entry) => entry.server).sort()).toEqual([...serverIds].sort());
    for (const { outcome, reason } of entries.filter((entry) => !taken.includes(entry))) {
      expect([outcome, reason]).toEqual([
        'skipped',
        expect.stringMatching(
          /^(already taken: image |already asked for: image |busy: |the cloud is busy with the server )/,
        ),
      ]);
    }
    const made = (await ours()).filter((image) => image.autosnap_slot === slotOf(slotAt(-1)));
    const orphans = made.filter(({ status }) => status === 'queued');
    expect(made.filter(({ status }) => status === 'active').map((image) => image.id)).toEqual(
      expect.arrayContaining(taken.map((entry) => entry.image)),
    );
    expect(made).toHaveLength(taken.length + orphans.length);

    // While it is young, an orphaned image may still be finished.
    const early = linesOf(await run('cleanup', keepOne));
    expect(idsOf(await ours())).toEqual(idsOf(made));
    for (const { id } of orphans) {
      expect(early).toContainEqual(
        expect.objectContaining({ image: id, outcome: 'kept', reasons: ['not finished (queued)'] }),
      );
    }

    const [last] = orphans.sort((a, b) => String(b.created_at).localeCompare(String(a.created_at)));
    setTime(last ? stuckAt(last) : slotAt(0));
    const next = await run('snapshot', keepOne);
    expect(next.totals).toEqual({ taken: serverIds.length });
    await cloud.idle(serverIds);
    const { warnings } = await run('cleanup', keepOne);
    expect(warnings).toHaveLength(orphans.length);
    for (const { id } of orphans) {
      expect(textsOf(warnings)).toContainEqual(
        expect.stringMatching(`image ${id} of .*: it will never finish; delete it`),
      );
    }
    const newest = next.entries.map((entry) => ({ id: entry.image! }));
    expect(idsOf(await ours())).toEqual(idsOf([...newest, ...orphans]));
  },
);

// Nova sets no task_state for an image of a volume-backed server, so it refuses neither of two
// requests.
test.skipIf(!volumeServerId)(
  'two simultaneous snapshot runs of a volume-backed server: duplicates are good, reported, and rotated completely (needs VOLUME_SERVER_ID)',
  async () => {
    const running = await bench();
    const { ours, run, settle } = running;
    const keepOne = policyOf([volumeServerId], { keep: { last: 1 } });
    await takeSlots(running, [volumeServerId], [-2]);
    const [before] = await ours();
    setTime(slotAt(-1));
    const reports = await running.twice('snapshot', keepOne);
    await settle();
    const taken = reports.flatMap(({ entries }) => entries).filter(({ outcome }) => outcome === 'taken');
    const made = (await ours()).filter((image) => image.id !== before!.id);
    expect(idsOf(made)).toEqual(taken.map((entry) => entry.image).sort());
    await expectData(running, [before!, ...made]);

    const cleanup = await run('cleanup', keepOne);
    await settle();
    const counted = linesOf(cleanup).filter(({ reasons }) => reasons.includes('last 1 of 1'));
    // The images of one slot count once, and stay or are deleted together.
    expect(counted.map(({ image }) => image).sort()).toEqual(idsOf(made));
    await expectData(running, made);

    setTime(slotAt(0));
    await run('snapshot', keepOne);
    await settle();
    // A snapshot without its data is deleted once there is one of a newer slot.
    setTime(NEXT_DAY);
    await run('cleanup', keepOne);
    await settle();
    const left = await ours();
    await expectData(running, left.slice(-1));
    const gone = [before!, ...made];
    expect(left.filter(({ id }) => gone.some((image) => image.id === id))).toEqual([]);

    // It uses storage, so it should be reported.
    const told = [...reports, cleanup].flatMap(({ warnings }) => textsOf(warnings)).join('\n');
    if (made.length > 1) expect(idsOf(made).filter((id) => told.includes(id))).not.toEqual([]);
  },
);

/** The reports of two simultaneous runs, after both have ended, even if one of them fails. */
async function atOnce(first: Promise<Report>, second: Promise<Report>): Promise<[Report, Report]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}

/**
 * Expects that Cinder has the volume snapshots of these images, all available, and no others since
 * the test began.
 */
async function expectData({ volumeSnapshots }: Bench, images: GlanceImage[]): Promise<void> {
  const there = await volumeSnapshots();
  expect(there.filter(({ status }) => status !== 'available')).toEqual([]);
  expect(idsOf(there)).toEqual([...new Set(images)].flatMap(volumeSnapshotIdsOf).sort());
}

function linesOf(report: Report): SnapshotLine[] {
  return report.entries.flatMap((entry) => entry.snapshots ?? []);
}
