import { describe, expect, test } from 'vitest';
import { stillDropped } from '../../../lib/audit/coverage/carried-items.ts';
import type { Audit, Dropped } from '../../../lib/audit/model.ts';
import { auditOf, seriesOf } from '../audits.ts';

const SEEN = { seen: '2026-11-23T00:00:00Z', servers: 1 };
const ofServer = { account: 'a', where: 'DFW', server: 's', name: 'web', seen: SEEN.seen };
const account = { account: 'a', project: 'p', regions: ['DFW'], gone: new Set<string>() };
const policy = { policy: 'daily', account: 'a', nothingSelected: false, readable: true, problems: [] };
const isCovered = (of: string) => seriesOf([], { account: 'a', server: 's', policy: of, state: 'waiting' });
const NOTHING: Audit = { ...auditOf([]), policies: [], accounts: [], series: [] };

describe.each<[Dropped, Partial<Audit>, Partial<Audit>]>([
  [
    { code: 'DROPPED_ACCOUNT', account: 'a', policies: ['daily'], ...SEEN },
    { policies: [{ ...policy, account: 'b' }] },
    { policies: [policy] },
  ],
  [
    { code: 'DROPPED_PROJECT', account: 'a', project: 'p', policies: ['daily'], ...SEEN },
    { accounts: [{ ...account, project: 'other' }] },
    { accounts: [account] },
  ],
  [
    { code: 'DROPPED_REGION', account: 'a', where: 'ORD', policies: ['daily'], ...SEEN },
    { accounts: [account] },
    { accounts: [{ ...account, regions: ['DFW', 'ORD'] }] },
  ],
  [
    { code: 'DROPPED_POLICY', policy: 'daily', accounts: ['a'], isElsewhere: false, uncovered: 1, ...SEEN },
    { policies: [{ ...policy, policy: 'weekly' }] },
    { policies: [policy] },
  ],
  [
    { code: 'DROPPED_SERVER', policies: ['daily'], ...ofServer },
    { series: [{ ...isCovered('daily'), state: 'deselected' }] },
    { series: [isCovered('weekly')] },
  ],
  [
    { code: 'DROPPED_SERVER', policies: ['daily'], ...ofServer },
    { accounts: [account] },
    { accounts: [{ ...account, gone: new Set(['s']) }] },
  ],
  [
    { code: 'DROPPED_FROM_POLICY', policies: ['daily'], others: ['weekly'], ...ofServer },
    { series: [isCovered('weekly')] },
    { series: [isCovered('weekly'), isCovered('daily')] },
  ],
])('$code', (dropped, other, again) => {
  test('stays while it is not covered again', () => {
    expect(stillDropped([dropped], { ...NOTHING, ...other }, [])).toEqual([dropped]);
  });

  test('ends when it is covered again, or gone', () => {
    expect(stillDropped([dropped], { ...NOTHING, ...again }, [])).toEqual([]);
  });

  test('is not reported twice', () => {
    expect(stillDropped([dropped], NOTHING, [dropped])).toEqual([]);
  });
});
