import { expect, test } from 'vitest';
import type { Diagnosis } from '../../lib/doctor/diagnosis.ts';
import { policy } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import { type AuditedDeployment, auditedDeployment } from '../incidents/deployment.ts';

const IN_2030 = policy({ schedule: 'cron(0 0 * * ? 2030)' });

async function withSnapshotOf(age: number, changes: object) {
  const d = await auditedDeployment('2026-11-22T06:30:00Z', changes);
  addSnapshot(d, d.addServer('web'), age);
  return d;
}

async function diagnosis(d: AuditedDeployment, time: string) {
  const found = await d.at(time, 'doctor', {});
  if (found instanceof Error) return [found.message];
  return (found as Diagnosis).checks
    .filter(({ verdict }) => verdict !== 'pass')
    .map((c) => `${c.verdict} ${c.check}: ${c.detail}`);
}

test.each(['2026-11-22T07:30:00Z', '2027-11-22T07:30:00Z', '2029-06-01T07:30:00Z'])(
  'a schedule that begins only in 2030 protects nothing at %s',
  async (time) => {
    const d = await withSnapshotOf(1, policy());
    await d.audit('2026-11-22T06:40:00Z');
    d.use(IN_2030);
    const { result } = await d.audit(time);
    expect(result.sentence).toMatch(
      /^0 of 1 server protected; web: the schedule begins only at 2030-01-01 00:00/,
    );
    expect(result.policies[0]!.problems).toContainEqual(
      expect.stringMatching(
        /^schedule: it begins only at 2030-01-01 00:00 UTC: no snapshot is taken before: correct it/,
      ),
    );
  },
);

test('people get one e-mail about a schedule that begins only in 2030', async () => {
  const d = await withSnapshotOf(1, policy());
  await d.audit('2026-11-22T06:40:00Z');
  d.use(IN_2030);
  const { mails } = await d.audit('2026-11-22T07:30:00Z');
  expect(mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: web: the schedule begins only at 2030-01-01 00:00',
  ]);
  expect((await d.audit('2026-11-22T08:30:00Z')).mails).toEqual([]);
});

test('a schedule that begins in some days lets a new server wait, and an old snapshot makes a server late', async () => {
  const d = await auditedDeployment('2026-12-20T06:30:00Z', policy({ schedule: 'cron(0 0 * * ? 2027)' }));
  d.cloud.region('DFW').addServer({ name: 'new', createdAt: new Date('2026-12-20T00:00:00Z') });
  const [young, old] = [d.addServer('young'), d.addServer('old')];
  addSnapshot(d, young, -26);
  addSnapshot(d, old, 30);
  const { result } = await d.audit('2026-12-20T07:30:00Z');
  expect(result.sentence).toMatch(/^1 of 3 servers protected; old: the schedule begins only at 2027-01-01/);
  expect(result.sentence).toContain('1 waits for its first snapshot');
});

test.each<[string, Record<string, unknown>, string]>([
  [
    'begins only in 2030',
    { schedule: 'cron(0 0 * * ? 2030)' },
    'warn schedule: it begins only at 2030-01-01 00:00 UTC: no snapshot is taken before',
  ],
  [
    'pauses until 2030',
    { schedule: 'cron(0 0 * * ? 2024,2030)' },
    'warn schedule: it pauses until 2030-01-01 00:00 UTC: no snapshot is taken until then',
  ],
  [
    'begins only in 2030, of cleanups',
    { cleanup: 'cron(0 0 * * ? 2030)' },
    'warn cleanup: it begins only at 2030-01-01 00:00 UTC: all snapshots are kept before',
  ],
])('doctor warns of a schedule that %s', async (_, changes, warning) => {
  const d = await withSnapshotOf(1, policy(changes));
  expect(await diagnosis(d, '2026-11-22T07:30:00Z')).toContain(warning);
});

test.each<[string, Record<string, unknown>, string]>([
  ['cleanups', { cleanup: 'cron(0 0 * * ? 2024)' }, 'cleanup: it never fires again: all snapshots are kept'],
  [
    'copies',
    { offsite: { schedule: 'cron(0 0 * * ? 2024)', keep: { last: 1 } } },
    'offsite.schedule: it never fires again: nothing is copied any more',
  ],
  [
    'drills',
    { drill: { schedule: 'cron(0 0 * * ? 2024)' } },
    'drill.schedule: it never fires again: nothing is proven any more',
  ],
])(
  'the end of the schedule of %s is a problem of the policy, and the day is not good',
  async (_, changes, problem) => {
    const d = await withSnapshotOf(1, policy(changes));
    const { result, mails } = await d.audit('2026-11-22T07:30:00Z', { digest: 'on-trouble' });
    expect(result.sentence).toMatch(/^1 of 1 server protected/);
    expect(result.policies[0]!.codes).toContain('POLICY_SCHEDULE_ENDED');
    expect(mails.at(-1)!.text).toContain(`- daily: ${problem}: correct it: its last field is the year`);
  },
);
