import { expect, test } from 'vitest';
import { failuresIn } from '../../lib/audit/failures.ts';
import { finishReport, withFailures } from '../../lib/reporting/finish-report.ts';
import type { Finding, ReasonCode } from '../../lib/reporting/reasons.ts';
import type { Entry, Report } from '../../lib/reporting/report.ts';

const WEB = { server: 's1', name: 'web-1', region: 'DFW' };
const DB = { server: 's2', name: 'db-1', region: 'ORD' };
const failed = (entry: Pick<Entry, 'server' | 'name' | 'region'>): Entry => ({
  ...entry,
  outcome: 'failed',
  reason: 'the quota is used up',
});
const taken = (entry: Pick<Entry, 'server' | 'name' | 'region'>): Entry => ({ ...entry, outcome: 'taken' });
const busy: Entry = { ...WEB, outcome: 'skipped', code: 'SERVER_BUSY', reason: 'busy' };
const already: Entry = { ...WEB, outcome: 'skipped', code: 'ALREADY_TAKEN', reason: 'already taken' };

/** A snapshot run for midnight of a daily policy; `changes` go on top. */
function run(entries: Entry[], changes: Partial<Report> = {}, failures: string[] = []): Report {
  const report = finishReport({
    job: 'snapshot',
    policy: 'daily',
    owner: 'autosnap-prod',
    account: 'rackspace',
    dryRun: false,
    slot: '2026-11-24T00:00:00Z',
    nextRun: '2026-11-25T00:00:00Z',
    failures: failures.map((message) => ({ code: 'CLOUD', error: 'NO_ANSWER', message })),
    warnings: [],
    nothingSelected: false,
    entries,
  });
  return { ...report, ...changes };
}

function crash(changes: Partial<Report> = {}): Report {
  return run([], {
    codes: { RUN_CRASHED: 1 },
    failures: [{ code: 'RUN_CRASHED', text: 'the whole run failed: wrong key' }],
    ...changes,
  });
}

/** The lines of the failures, and how many were repaired. */
function foundIn(runs: Report[]) {
  const { open, repaired } = failuresIn(runs);
  return { lines: open.map(({ line }) => line), repaired };
}

const LINE = 'snapshot daily: web-1 in DFW: the quota is used up';
const NEXT = { slot: '2026-11-25T00:00:00Z', nextRun: '2026-11-26T00:00:00Z' };
const HOURLY = { slot: '2026-11-24T00:00:07Z', nextRun: '2026-11-24T01:00:07Z' };

test.each<[string, Report[], string[], number]>([
  ['nothing failed', [run([taken(WEB)])], [], 0],
  ['a server failed in each try', [run([failed(WEB)]), run([failed(WEB)])], [LINE], 0],
  ['the retry took it', [run([failed(WEB)]), run([taken(WEB)])], [], 1],
  ['it was there when the retry looked', [run([failed(WEB)]), run([already])], [], 1],
  ['the retry found it busy', [run([failed(WEB)]), run([busy])], [LINE], 0],
  ['the retry took another', [run([failed(WEB)]), run([taken(DB)], { isPart: true })], [LINE], 0],
  ['the whole retry was good, and its entry was left out', [run([failed(WEB)]), run([taken(DB)])], [], 1],
  ['the run before was good', [run([taken(WEB)]), run([failed(WEB)])], [LINE], 0],
  ['one of two was repaired', [run([failed(WEB), failed(DB)]), run([taken(DB), failed(WEB)])], [LINE], 1],
  ['the run for the next slot was good', [run([failed(WEB)]), run([taken(WEB)], NEXT)], [LINE], 0],
  [
    'the retry of a rate has a slot of its own',
    [run([failed(WEB)], HOURLY), run([taken(WEB)], { slot: '2026-11-24T00:02:09Z' })],
    [],
    1,
  ],
  [
    'the retry failed as a whole, for the same reason in other words',
    [run([], {}, ['503 of request 1']), run([], {}, ['500 of request 2'])],
    ['snapshot daily: 500 of request 2'],
    0,
  ],
  ['another job was good', [run([failed(WEB)]), run([taken(WEB)], { job: 'drill' })], [LINE], 0],
  ['another account was', [run([failed(WEB)]), run([taken(WEB)], { account: 'customer-b' })], [LINE], 0],
  ['another policy was', [run([failed(WEB)]), run([taken(WEB)], { policy: 'weekly' })], [LINE], 0],
  [
    'a cleanup at any later time deleted it',
    [
      run([failed(WEB)], { job: 'cleanup' }),
      run([{ ...WEB, outcome: 'deleted' }], { ...NEXT, job: 'cleanup' }),
    ],
    [],
    1,
  ],
])('if %s, open failures are $2, and repaired: $3', (_, runs, lines, repaired) => {
  expect(foundIn(runs)).toEqual({ lines, repaired });
});

const WHOLE = 'snapshot daily: the whole run failed: wrong key';
const LON = "LON can't be read";

test.each<[string, Report[], string[], number]>([
  ['a run that failed as a whole', [crash(), crash()], [WHOLE], 0],
  ['one of several accounts', [crash({ accounts: 2 })], [WHOLE.replace('daily', 'daily of rackspace')], 0],
  ['a retry went on where it had failed', [crash(), run([failed(WEB)])], [LINE], 1],
  [
    'another run was at work',
    [crash(), run([], { left: { otherRunUntil: '2026-11-24T00:15:00Z' } })],
    [WHOLE],
    0,
  ],
  ['a run for a part was good', [crash(), run([taken(WEB)], { isPart: true })], [WHOLE], 0],
  ['a run that resumes', [crash(), run([taken(WEB)], { resumesAt: '2026-11-24T00:15:00Z' })], [WHOLE], 0],
  ['the run for the next slot was good', [crash(), run([taken(WEB)], NEXT)], [WHOLE], 0],
  ['a region that can not be read', [run([], {}, [LON]), run([], {}, [LON])], [`snapshot daily: ${LON}`], 0],
  ['a region that could be read again', [run([], {}, [LON]), run([taken(WEB)])], [], 1],
])('after %s, open failures are $2, and repaired: $3', (_, runs, lines, repaired) => {
  expect(foundIn(runs)).toEqual({ lines, repaired });
});

test('each ad-hoc request is separate work', () => {
  const adhoc = { policy: 'adhoc', slot: '2026-11-24T09:00:00Z' };
  const { nextRun: _, ...first } = run([failed(WEB)], adhoc);
  const { nextRun: __, ...other } = run([taken(WEB)], { ...adhoc, slot: '2026-11-24T09:30:00Z' });
  expect(foundIn([first, other]).lines).toEqual([LINE.replace('daily', 'adhoc')]);
  expect(foundIn([first, { ...other, slot: adhoc.slot }])).toEqual({ lines: [], repaired: 1 });
});

test('the failures of one server for one cause are counted, whatever the slots and images', () => {
  const snapshot = (image: string, slot: string) => ({
    image,
    slot,
    status: 'active',
    outcome: 'failed' as const,
    codes: ['CLOUD' as const],
    error: 'CONFLICT',
    reasons: [`409 of ${image}`],
  });
  const entry = (name: string, ...images: string[]): Entry => ({
    ...{ server: name, name, region: 'DFW', policy: 'daily', outcome: 'failed' },
    snapshots: images.map((image, day) => snapshot(image, `2026-11-2${day}T00:00:00Z`)),
  });
  const cleanup = run([entry('web', 'a', 'b', 'c'), entry('db', 'd')], { job: 'cleanup' });
  expect(failuresIn([cleanup, cleanup]).open).toMatchObject([
    { times: 2, slot: '2026-11-20T00:00:00Z', line: expect.stringContaining('db in DFW') },
    { times: 6, slot: '2026-11-22T00:00:00Z', line: expect.stringContaining('web in DFW') },
  ]);
  const hours = ['00', '01', '02'].map((hour) => run([failed(WEB)], { slot: `2026-11-24T${hour}:00:00Z` }));
  expect(failuresIn(hours).open).toMatchObject([{ times: 3, slot: '2026-11-24T02:00:00Z' }]);
});

test('a failure is the same if its data are, whatever its texts say', () => {
  const because = (code: ReasonCode, reason: string): Entry => ({ ...failed(WEB), code, reason });
  const first = because('IMAGE_FAILED', 'image a failed');
  expect(foundIn([run([first]), run([because('IMAGE_FAILED', 'image b failed')])]).lines).toEqual([
    LINE.replace('the quota is used up', 'image b failed'),
  ]);
  const other = run([because('IMAGE_EMPTY', first.reason!)]);
  expect(foundIn([run([first]), other]).lines).toHaveLength(2);

  const unmatched = (selector: string): Finding => ({ code: 'SELECTOR_UNMATCHED', selector, isPart: false });
  const reports = ['names', 'tags', 'names'].map((selector) => withFailures(run([]), [unmatched(selector)]));
  expect(foundIn(reports).lines).toHaveLength(2);
});
