import { expect, test } from 'vitest';
import type { Problem } from '../../lib/incidents/problem.ts';
import { incidentProblems } from '../../lib/incidents/problem-detection.ts';
import { isBusyCode, withBusyGivenUp } from '../../lib/reporting/busy-entries.ts';
import { failedRunOf } from '../../lib/reporting/failed-run.ts';
import { finishReport } from '../../lib/reporting/finish-report.ts';
import type { Reason } from '../../lib/reporting/reasons.ts';
import type { Report } from '../../lib/reporting/report.ts';
import {
  CLOUD_REMEDIES,
  FAILURE_REMEDIES,
  incidentRemedies,
} from '../../lib/reporting/sentences/incident.ts';
import { reasonOf } from '../../lib/reporting/sentences.ts';
import { entryOfSet } from '../../lib/volumes/snapshot-set.ts';
import { auditOf, seriesOf, shown } from '../audit/audits.ts';

const AT = new Date('2026-11-24T00:00:30Z');
const PLACE = { service: 'autosnap', stage: 'test', accounts: ['rackspace'] };
const VOLUME = { id: 'v', name: 'db-data', status: 'available', sizeGb: 10, metadata: {}, attachments: [] };
const CLOUD = { code: 'CLOUD', error: 'UNAVAILABLE', message: 'no' } as const;

/** The report of a run that took the image of "db", and no snapshot of its volume. */
function reportWith(outcome: 'failed' | 'skipped', reason: Reason): Report {
  const image = { server: 'server-db', name: 'db', region: 'DFW', outcome: 'taken' } as const;
  const entry = entryOfSet(
    { ...image, ...reasonOf({ code: 'TAKEN', name: 'i' }) },
    [{ volume: VOLUME as never, outcome, reason }],
    isBusyCode,
  );
  return finishReport({
    ...{ job: 'snapshot', policy: 'daily', owner: 'autosnap-test', account: 'rackspace', dryRun: false },
    ...{ failures: [], warnings: [], nothingSelected: false, entries: [entry] },
  });
}

function problemsOf(report: Report, minutes: number): Problem[] {
  const run = failedRunOf({ job: 'snapshot', policy: 'daily', account: 'rackspace' }, report, true);
  const audit = auditOf([seriesOf([shown(0)], { name: 'db' })]);
  return incidentProblems(audit, [{ ...run, at: AT }], new Date(AT.getTime() + 60_000 * minutes));
}

const remediesOf = ([problem]: Problem[]) =>
  problem!.reasons.flatMap((reason) => incidentRemedies(reason, PLACE))[0];

test.each<[string, Reason, { isAtOnce: boolean; isShared: boolean; remedy: string }]>([
  [
    'in error',
    { code: 'VOLUME_IN_STATE', status: 'error' },
    { isAtOnce: true, isShared: false, remedy: `db (VOLUME_IN_STATE): ${FAILURE_REMEDIES.VOLUME_IN_STATE}` },
  ],
  [
    'over the quota',
    { code: 'VOLUMES_OVER_QUOTA', needed: 2, left: 1, kind: 'volumeSnapshots' },
    {
      isAtOnce: false,
      isShared: false,
      remedy: `db (VOLUMES_OVER_QUOTA): ${FAILURE_REMEDIES.VOLUMES_OVER_QUOTA}`,
    },
  ],
  [
    'of a block storage that is down',
    CLOUD,
    { isAtOnce: false, isShared: true, remedy: `db (UNAVAILABLE): ${CLOUD_REMEDIES.UNAVAILABLE}` },
  ],
])('the incident of a server with a volume %s has the cause of the volume', (_, reason, expected) => {
  const report = reportWith('failed', reason);
  expect(problemsOf(report, 1)).toHaveLength(expected.isAtOnce ? 1 : 0);
  const problems = problemsOf(report, 60);
  expect(problems[0]!.sharedCause).toBe(expected.isShared ? 'rackspace/DFW/CLOUD' : undefined);
  expect(remediesOf(problems)).toBe(expected.remedy);
});

test.each<Reason>([{ code: 'VOLUME_BUSY', status: 'extending' }, { code: 'VOLUME_SNAPSHOT_IN_PROGRESS' }])(
  'a server whose volume was busy for too long has the remedy for that: $code',
  (reason) => {
    const busy = reportWith('skipped', reason);
    expect(busy.entries[0]).toMatchObject({ code: 'WITHOUT_VOLUMES', cause: reason.code });
    const problems = problemsOf(withBusyGivenUp(busy, 10_800_000), 1);
    expect(remediesOf(problems)).toBe(`db (BUSY_TOO_LONG): ${FAILURE_REMEDIES.BUSY_TOO_LONG}`);
  },
);
