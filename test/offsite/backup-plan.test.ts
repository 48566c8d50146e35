import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { type BackupSeries, planBackups, retainBackups } from '../../lib/offsite/backup-plan.ts';
import type { BackupSource } from '../../lib/offsite/backup-sources.ts';
import type { OwnBackup } from '../../lib/offsite/backups.ts';
import type { OffsitePolicy } from '../../lib/offsite/plan.ts';
import type { VolumeBackup } from '../../lib/openstack/volume-backups.ts';
import { policy } from '../harness.ts';
import { snapshot } from '../snapshots.ts';

const DAY_MS = 86_400_000;
const dayOf = (day: number) => new Date(Date.UTC(2026, 0, day));
const NOW = dayOf(360);

const policyOf = (keep: object) =>
  parsePolicy(policy({ offsite: { schedule: 'rate(6 hours)', volumes: 'backup', keep } })) as OffsitePolicy;

/** The snapshot of a day, of the only volume. */
function source(day: number): BackupSource {
  const one = snapshot(dayOf(day), { id: `s${day}`, createdAt: dayOf(day), status: 'available' });
  return { snapshot: { ...one, volume: 'v' }, marker: { name: '', description: '', metadata: {} } };
}

/**
 * A backup of the data of a day: F(ull) or I(ncremental), x: failed, c: being created, d: needed.
 */
function backup(day: number, parts = 'F', createdAt = dayOf(day + 1)): VolumeBackup {
  const has = (part: string) => parts.includes(part);
  return {
    ...{ id: `b${day}`, region: 'DFW', name: '', description: '', volumeId: 'v', snapshotId: `s${day}` },
    status: has('x') ? 'error' : has('c') ? 'creating' : 'available',
    ...{ createdAt, dataAt: dayOf(day), sizeGb: 1, metadata: {}, failReason: undefined },
    ...{ isIncremental: has('I'), hasDependents: has('d') },
  };
}

const STATES = { available: 'good', error: 'failed', creating: 'pending' } as const;

function own(one: VolumeBackup): OwnBackup {
  const { id, status, createdAt } = one;
  const state = STATES[status as keyof typeof STATES];
  return { backup: one, copy: snapshot(one.dataAt!, { id, volume: 'v', status, state, createdAt }) };
}

function series(days: number[], backups: VolumeBackup[], changes: Partial<BackupSeries> = {}): BackupSeries {
  return {
    ...{ volume: 'v', sources: days.map(source), own: backups.map(own), all: backups },
    ...{ isDeselected: false, isAttached: true },
    ...changes,
  };
}

const planned = (its: BackupSeries, rules: Parameters<typeof retainBackups>[1], now: Date) =>
  planBackups(its, now, retainBackups(its, rules, now));
const made = (its: BackupSeries, keep: object = { last: 9 }) => {
  const { make } = planned(its, policyOf(keep), NOW);
  return make && [make.source.snapshot.id, make.incremental ? 'incremental' : 'full', make.waits?.code];
};
const deleted = (its: BackupSeries, keep: object) =>
  planned(its, policyOf(keep), NOW)
    .actions.filter(({ action }) => action === 'delete')
    .map(({ backup: { id } }) => id);

describe('the backup to make', () => {
  test.each<[string, BackupSeries, (string | undefined)[] | undefined, object?]>([
    ['none without snapshots', series([], []), undefined],
    [
      'the newest snapshot, in full without a backup before it',
      series([1, 2], []),
      ['s2', 'full', undefined],
    ],
    ['incrementally after a full one', series([2], [backup(1)]), ['s2', 'incremental', undefined]],
    [
      'incrementally after a chain',
      series([3], [backup(1, 'Fd'), backup(2, 'I')]),
      ['s3', 'incremental', undefined],
    ],
    ['none if the newest has one', series([1, 2], [backup(2)]), undefined],
    ['none while its own is being made', series([2], [backup(2, 'c')]), undefined],
    ['again if its own has failed, in full', series([2], [backup(2, 'x')]), ['s2', 'full', undefined]],
    ['in full after a failed one', series([3], [backup(1), backup(2, 'x')]), ['s3', 'full', undefined]],
    ['not while another one is being made', series([3], [backup(2, 'c')]), ['s3', 'full', 'BACKUP_WAITS']],
    [
      'in full if the rules do not keep the whole chain',
      series([4], [backup(1, 'Fd'), backup(2, 'Id'), backup(3, 'I')]),
      ['s4', 'full', undefined],
      { last: 2 },
    ],
    [
      'incrementally after the backup of somebody else',
      series([2], [], { all: [backup(1)] }),
      ['s2', 'incremental', undefined],
    ],
    [
      'in full if the first one of the chain is missing',
      series([3], [backup(2, 'I')]),
      ['s3', 'full', undefined],
    ],
    [
      'in full if only later data are backed up',
      series([2], [], { all: [backup(3)] }),
      ['s2', 'full', undefined],
    ],
    ['none of a deselected server', series([2], [], { isDeselected: true }), undefined],
    [
      'later after several failures',
      series([9], [backup(7, 'x'), backup(8, 'x', new Date(NOW.getTime() - DAY_MS / 2))]),
      ['s9', 'full', 'BACKUP_RETRIED_LATER'],
    ],
  ])('%s', (_, its, expected, keep) => {
    expect(made(its, keep)).toEqual(expected);
  });
});

describe('the backups to delete', () => {
  const chain = [backup(1, 'Fd'), backup(2, 'Id'), backup(3, 'I')];
  test.each<[string, BackupSeries, object, string[]]>([
    [
      'full ones, the oldest first',
      series(
        [],
        [1, 2, 3].map((day) => backup(day)),
      ),
      { last: 1 },
      ['b1', 'b2'],
    ],
    ['none that a kept one depends on', series([], chain), { last: 1 }, []],
    [
      'a whole chain, the dependents first',
      series([], [...chain, backup(4)]),
      { last: 1 },
      ['b3', 'b2', 'b1'],
    ],
    [
      'the oldest chain first',
      series([], [backup(1, 'Fd'), backup(2, 'I'), backup(3, 'Fd'), backup(4, 'I'), backup(5)]),
      { last: 1 },
      ['b2', 'b1', 'b4', 'b3'],
    ],
    [
      'none that the backup of somebody else depends on',
      series([], [], {
        own: [backup(1, 'Fd'), backup(3)].map(own),
        all: [backup(1, 'Fd'), backup(2, 'I'), backup(3)],
      }),
      { last: 1 },
      [],
    ],
    ['none of a volume that is attached nowhere', series([], chain, { isAttached: false }), { last: 1 }, []],
    ['a failed one, after a newer good one', series([], [backup(1, 'x'), backup(2)]), { last: 9 }, ['b1']],
    ['no failed one without a newer good one', series([], [backup(1), backup(2, 'x')]), { last: 9 }, []],
    ['none that is being made', series([], [backup(1, 'c'), backup(2)]), { last: 1 }, []],
  ])('%s', (_, its, keep, expected) => {
    expect(deleted(its, keep)).toEqual(expected);
  });
});

test('in every history, no backup goes before those that depend on it, the newest stays, and the chains stay short', () => {
  const world = fc.record({
    days: fc.array(fc.constantFrom('ok', 'fails', 'no run', 'no rotation'), { minLength: 1, maxLength: 60 }),
    last: fc.integer({ min: 1, max: 5 }),
    foreign: fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(world, ({ days, last, foreign }) => {
      /** The backups in Cinder, with the one that each depends on. */
      const there = new Map<string, { backup: VolumeBackup; parent: string | undefined; isOwn: boolean }>();
      const list = () =>
        [...there.values()].map((one) => ({
          ...one,
          backup: {
            ...one.backup,
            hasDependents: [...there.values()].some(({ parent }) => parent === one.backup.id),
          },
        }));
      const rules = policyOf({ last });
      let hadGood = false;
      for (const [i, weather] of days.entries()) {
        const day = i + 1;
        const now = dayOf(day + 2);
        if (foreign.includes(day)) {
          const theirs = { ...backup(day), id: `f${day}`, dataAt: new Date(dayOf(day).getTime() - 1) };
          there.set(theirs.id, { backup: theirs, parent: undefined, isOwn: false });
        }
        if (weather === 'no run') continue;
        const all = list();
        const its = series([day], [], {
          own: all.filter(({ isOwn }) => isOwn).map((one) => own(one.backup)),
          all: all.map((one) => one.backup),
        });
        const { make, actions } = planned(its, rules, now);
        if (make && !make.waits) {
          const latest = all
            .map((one) => one.backup)
            .filter((one) => one.status === 'available' && one.dataAt! < dayOf(day))
            .sort((a, b) => b.dataAt!.getTime() - a.dataAt!.getTime())[0];
          if (make.incremental) expect(latest).toBeDefined();
          const parts = `${make.incremental ? 'I' : 'F'}${weather === 'fails' ? 'x' : ''}`;
          const parent = make.incremental ? latest!.id : undefined;
          there.set(`b${day}`, { backup: backup(day, parts), parent, isOwn: true });
          hadGood ||= weather !== 'fails';
        }
        if (weather === 'no rotation') continue;
        for (const { backup: one, action } of actions) {
          if (action !== 'delete') continue;
          const isNeeded = [...there.values()].some(({ parent }) => parent === one.id);
          // The run reads the backup again, and leaves it if the new backup depends on it.
          if (isNeeded) {
            expect(there.get(`b${day}`)?.parent).toBe(one.id);
            continue;
          }
          expect(one.id[0]).toBe('b');
          there.delete(one.id);
        }
      }
      const good = [...there.values()].filter(({ backup: { status } }) => status === 'available');
      for (const { parent } of there.values()) if (parent) expect(there.has(parent)).toBe(true);
      if (hadGood) expect(good.some(({ isOwn }) => isOwn)).toBe(true);
      const isSmooth = days.every((weather) => weather === 'ok') && foreign.length === 0;
      if (isSmooth) expect(there.size).toBeLessThanOrEqual(3 * last + 2);
    }),
    { numRuns: 300 },
  );
});
