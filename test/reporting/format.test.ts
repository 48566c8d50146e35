import { describe, expect, test } from 'vitest';
import { shortName, subjectText } from '../../lib/reporting/sentences/format.ts';
import { titleOf } from '../../lib/reporting/sentences.ts';

const LONG = 'customer-production-database-server-number-0017.example.com';
const PREFIX = 'Autosnap autosnap-production: ';

test('a long name is cut with ASCII characters', () => {
  expect(shortName(LONG)).toBe('customer-production-database-server-n...');
  expect(shortName('web-1')).toBe('web-1');
});

describe('a subject', () => {
  const failed = { code: 'SERVER_FAILED', job: 'snapshot', policy: 'daily', where: 'DFW' } as const;
  const title = titleOf({ ...failed, server: 'id', name: LONG, message: '' });

  test.each([
    [title, ''],
    [`again: ${title} (customer-b)`, ''],
    [`still: ${title}`, ' (and 12 more)'],
  ])('%s%s keeps what happened, and has no other sign for the cut', (text, rest) => {
    const subject = subjectText(`${PREFIX}${text}`, rest);
    expect(subject.length).toBeLessThan(100);
    expect(subject).toMatch(/customer-production-\S*\.\.\.: snapshot daily failed/);
    expect(subject.endsWith(rest)).toBe(true);
    expect(subject).not.toContain('?');
  });

  test('is cut at the end of a word', () => {
    const subject = subjectText(`${PREFIX}${'a-word-that-is-much-too-long-for-a-subject '.repeat(9)}`);
    expect(subject).toBe(`${PREFIX}${'a-word-that-is-much-t... '.repeat(1)}a-word-that-is-much-t...`);
  });

  test.each(['DROPPED_SERVER', 'DROPPED_FROM_POLICY'] as const)(
    '%s names the id if the name is not ASCII',
    (code) => {
      const facts = { account: 'a', where: 'DFW', server: 'id-1', name: '数据库', policies: ['daily'] };
      const reason = { code, ...facts, others: ['weekly'], seen: '2026-11-24T00:00:00Z' };
      expect(titleOf(reason)).toMatch(/^server id-1 is no longer covered/);
    },
  );
});
