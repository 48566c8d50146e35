import { expect, test } from 'vitest';
import {
  type Check,
  diagnosisText,
  type Finding,
  fail,
  failureIn,
  pass,
  warn,
} from '../../lib/doctor/diagnosis.ts';

const of = (finding: Finding, policy?: string): Check => ({
  account: 'rackspace',
  ...(policy ? { policy } : {}),
  ...finding,
});
const diagnosis = (...checks: Check[]) => ({ job: 'doctor' as const, owner: 'autosnap-test', checks });

test('a finding without a remedy has none, not an empty one', () => {
  expect(pass('login', 'x')).toEqual({ check: 'login', verdict: 'pass', detail: 'x' });
  expect(fail('login', 'x', 'y')).toEqual({ check: 'login', verdict: 'fail', detail: 'x', remedy: 'y' });
});

test('a paragraph for each account and policy, a line a check, the remedy below it, the sum at the end', () => {
  const text = diagnosisText(
    diagnosis(
      of(pass('secret', 'a key')),
      of(fail('login', 'refused:\n- a\n- b', 'Correct it.')),
      of(warn('schedule', 'soon', 'Set it\nlater.'), 'daily'),
      { ...of(pass('cleanup', 'never')), account: 'b' },
    ),
  );
  expect(text.split('\n')).toEqual([
    'account rackspace',
    '  ✓ secret   a key',
    '  ✗ login    refused:',
    '             - a',
    '             - b',
    '             → Correct it.',
    '',
    'policy daily',
    '  ! schedule soon',
    '             → Set it',
    '             later.',
    '',
    'account b',
    '  ✓ cleanup  never',
    '',
    '4 checks: 2 good, 1 to look at, 1 failed.',
  ]);
});

test('what is to be looked at is no failure', () => {
  expect(failureIn(diagnosis(of(pass('secret', 'a key')), of(warn('rights', 'unknown'))))).toBeUndefined();
});

test('the failure has every problem with its remedy, and where it is', () => {
  const error = failureIn(
    diagnosis(
      of(fail('secret', 'refused:\n- a\n- b')),
      of(warn('rights', 'unknown')),
      of(pass('schedule', 'soon'), 'daily'),
      of(fail('servers', 'none', 'Name some.'), 'daily'),
    ),
  );
  expect(error?.name).toBe('RunFailed');
  expect(error?.message.split('\n')).toEqual([
    'doctor: 2 of 4 checks failed.',
    '- account rackspace, secret: refused:',
    '  - a',
    '  - b',
    '- policy daily, servers: none',
    '  → Name some.',
  ]);
});
