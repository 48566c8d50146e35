import { expect, test } from 'vitest';
import {
  type CheckResult,
  diagnosisText,
  doctorFailure,
  fail,
  pass,
  type ReportedCheck,
  reportedCheck,
  warn,
} from '../../lib/doctor/diagnosis.ts';
import type { Reason } from '../../lib/reporting/reasons.ts';

const of = (finding: CheckResult, policy?: string): ReportedCheck =>
  reportedCheck(finding, { account: 'rackspace', ...(policy ? { policy } : {}) });
const saying = (message: string): Reason => ({ code: 'LOGIN_REFUSED', error: 'UNAUTHORIZED', message });
const SECRET = { code: 'SECRET_INVALID', secret: 's', problems: ['a', 'b'] } as const;
const ENDED = { code: 'SCHEDULE_OVER' } as const;
const diagnosis = (...checks: ReportedCheck[]) => ({
  job: 'doctor' as const,
  owner: 'autosnap-test',
  checks,
});

test('a check has the code of its finding, the sentence, and a remedy if there is one', () => {
  const common = { account: 'rackspace', check: 'servers', verdict: 'fail', code: 'SERVERS_ALL_EXCEPTED' };
  const excepted = (isPartial: boolean) => of(fail('servers', { code: 'SERVERS_ALL_EXCEPTED', isPartial }));
  expect(excepted(false)).toEqual({
    ...common,
    detail: 'servers.except excludes every selected server',
    remedy: 'Remove from except the servers that need snapshots.',
  });
  expect(excepted(true)).toEqual({
    ...common,
    detail: 'servers.except excludes every selected server, in the regions that can be read',
  });
});

test('a diagnosis has a paragraph for each account and policy, a line for each check with the remedy below it, and the totals', () => {
  const text = diagnosisText(
    diagnosis(
      of(pass('secret', saying('a key'))),
      of(fail('login', saying('refused:\n- a\n- b'))),
      of(fail('login', { code: 'LOGIN_WITHOUT_REGIONS', project: 'p' })),
      of(warn('schedule', ENDED), 'daily'),
      { ...of(pass('cleanup', saying('never'))), account: 'b' },
    ),
    false,
  );
  expect(text.split('\n')).toEqual([
    'account rackspace',
    '  ✓ secret   a key',
    '  ✗ login    refused:',
    '             - a',
    '             - b',
    '  ✗ login    project p has no region with servers',
    '             → Put the credentials of another user or project into the secret.',
    '',
    'policy daily',
    '  ! schedule it never fires again: no snapshot is taken any more',
    '             → Correct it: its last field is the year, * for every one.',
    '',
    'account b',
    '  ✓ cleanup  never',
    '',
    '5 checks: 2 good, 1 to look at, 2 failed.',
  ]);
});

test('warnings are not failures', () => {
  expect(doctorFailure(diagnosis(of(pass('secret', SECRET)), of(warn('schedule', ENDED))))).toBeUndefined();
});

test('the error has every problem with its place and its remedy', () => {
  const error = doctorFailure(
    diagnosis(
      of(fail('secret', SECRET)),
      of(warn('rights', saying('unknown'))),
      of(pass('schedule', saying('soon')), 'daily'),
      of(fail('schedule', ENDED), 'daily'),
    ),
  );
  expect(error?.name).toBe('RunFailed');
  expect(error?.codes).toEqual(['SECRET_INVALID', 'SCHEDULE_OVER']);
  expect(error?.message.split('\n')).toEqual([
    'doctor: 2 of 4 checks failed.',
    '- account rackspace, secret: The secret s is refused:',
    '  - a',
    '  - b',
    '- policy daily, schedule: it never fires again: no snapshot is taken any more',
    '  → Correct it: its last field is the year, * for every one.',
  ]);
});

test('a diagnosis of many accounts fits what invoke --log shows: what failed first, and the sum', () => {
  const checks = Array.from({ length: 300 }, (_, i) =>
    reportedCheck(
      i === 150
        ? fail('login', { code: 'LOGIN_REFUSED', error: 'UNAUTHORIZED', message: 'no' })
        : i % 3 === 0
          ? warn('rights', {
              code: 'RIGHTS_UNKNOWN',
              provider: 'keystone',
              roles: [],
              needsVolumes: true,
              needsCopies: false,
            })
          : pass('clock', { code: 'CLOCKS_AGREE' }),
      { account: `customer-${i}` },
    ),
  );
  const text = diagnosisText({ job: 'doctor', owner: 'autosnap-test', checks }, false);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(3_500);
  expect(text).toMatch(/^account customer-150\n {2}✗ login/);
  expect(text).not.toContain('✓');
  expect(text).toMatch(/and \d+ more lines\. This is a part: the answer of the invocation has everything\./);
  expect(text.endsWith('300 checks: 200 good, 99 to look at, 1 failed.')).toBe(true);
});
