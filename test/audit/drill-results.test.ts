import { describe, expect, test } from 'vitest';
import { proofOf, provenServers, provenWithoutVolumes } from '../../lib/audit/drill-results.ts';
import { snapshot } from '../snapshots.ts';
import { daysAgo, seriesOf, shown } from './audits.ts';

const NOW = new Date('2026-11-24T10:00:00Z');
const at = (time: string) => new Date(`2026-11-${time}:00:00Z`);

/** A snapshot of that day, with the times of its last passed and its last drill. */
function drilled(day: number, proven?: string, last = proven) {
  return snapshot(`2026-11-${day}T00:00:00Z`, {
    proven: proven ? at(proven) : undefined,
    drilled: last ? at(last) : undefined,
  });
}

describe('the results of drills of a series', () => {
  test.each([
    [
      'one passed',
      [drilled(24), drilled(23, '23T04')],
      { proven: '2026-11-23T04:00:00Z', unprovenSeconds: 108_000 },
    ],
    [
      'an older one was drilled last',
      [drilled(24, '24T04'), drilled(23, '24T05')],
      { proven: '2026-11-24T05:00:00Z', unprovenSeconds: 18_000 },
    ],
    [
      'the newest failed, another had passed',
      [drilled(24, undefined, '24T04'), drilled(23, '23T04')],
      { proven: '2026-11-23T04:00:00Z', unprovenSeconds: 108_000, failed: '2026-11-24T04:00:00Z' },
    ],
    [
      'the same passed, then failed: it is not proven',
      [drilled(23, '23T04', '24T04')],
      { unprovenSeconds: 122_400, failed: '2026-11-24T04:00:00Z' },
    ],
    [
      'one failed, a newer one passed since',
      [drilled(24, '24T04'), drilled(23, undefined, '23T04')],
      { proven: '2026-11-24T04:00:00Z', unprovenSeconds: 21_600 },
    ],
    ['none yet: since there is something to prove', [drilled(24), drilled(23)], { unprovenSeconds: 122_400 }],
    ['nothing to prove yet', [snapshot('2026-11-24T00:00:00Z', { state: 'pending' })], {}],
  ])('%s: the results are $2', (_, series, proof) => {
    expect(proofOf(series, true, NOW)).toEqual(proof);
    expect(proofOf(series.toReversed(), true, NOW)).toEqual(proof);
  });

  test('without drills in the policy, results are shown only if there are some', () => {
    expect(proofOf([drilled(24)], false, NOW)).toBeUndefined();
    expect(proofOf([drilled(24, undefined, '24T04')], false, NOW)).toMatchObject({
      failed: '2026-11-24T04:00:00Z',
    });
  });
});

test('a server counts once, with its newest proof; deleted servers and those without drills do not count', () => {
  const proven = (name: string, days: number, changes = {}) =>
    seriesOf([shown(0)], { name, proof: { proven: daysAgo(days) }, ...changes });
  const series = [
    proven('web-1', 9, { policy: 'weekly' }),
    proven('web-1', 2),
    proven('web-2', 5),
    proven('', 50, { state: 'orphaned', server: 'gone' }),
    seriesOf([shown(0)], { name: 'web-3' }),
    seriesOf([shown(0)], { name: 'web-4', proof: {} }),
  ];
  const counted = {
    count: 3,
    holding: 2,
    oldest: { server: 'server-web-2', name: 'web-2', account: 'rackspace', region: 'DFW', since: daysAgo(5) },
  };
  expect(provenServers(series)).toEqual(counted);
  expect(provenServers(series.toReversed())).toEqual(counted);
  expect(provenServers(series.slice(-2))).toEqual({ count: 1, holding: 0 });
});

test('says whether the newest proof was with volumes, and counts the servers proven without', () => {
  const older = { ...drilled(23, '23T04'), provenVolumes: 'without' as const };
  const newer = { ...drilled(24, '24T05'), provenVolumes: 'with' as const };
  expect(proofOf([older, newer], true, NOW)).toMatchObject({ provenVolumes: 'with' });
  expect(proofOf([older], true, NOW)).toMatchObject({ provenVolumes: 'without' });
  expect(proofOf([drilled(24, '24T05')], true, NOW)).not.toHaveProperty('provenVolumes');
  const series = [proofOf([older], true, NOW)!, proofOf([newer], true, NOW)!].map((proof, i) =>
    seriesOf([shown(0)], { server: `s${i}`, proof }),
  );
  expect(provenWithoutVolumes(series)).toBe(1);
});
