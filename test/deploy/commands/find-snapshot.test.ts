import { expect, test } from 'vitest';
import { UsageError } from '../../../deploy/commands/command.ts';
import { onlyOne } from '../../../deploy/commands/find-snapshot.ts';
import type { ListedSnapshot } from '../../../lib/audit/listing.ts';

const listed = (image: string, slot: string, more: Partial<ListedSnapshot> = {}): ListedSnapshot => ({
  account: 'rackspace',
  region: 'DFW',
  server: 's1',
  name: 'web-1',
  policy: 'daily',
  image,
  slot,
  madeAt: slot,
  status: 'active',
  kind: 'good',
  action: 'keep',
  codes: ['LAST'],
  state: 'good',
  why: 'last 1 of 7',
  until: 'a later cleanup',
  ...more,
});

const SNAPSHOTS = [
  listed('aaaa1111', '2026-11-23T04:00:00Z'),
  listed('aaaa2222', '2026-11-23T00:00:00Z', { account: 'customer-b' }),
  listed('bbbb1111', '2026-11-22T00:00:00Z'),
  listed('cccc1111', '2026-11-22T00:00:00Z', { volume: { id: 'v', name: 'data' } }),
];

test.each([
  [{ at: '2026-11-22' }, 'bbbb1111', 'rackspace'],
  [{ at: '2026-11-23 00' }, 'aaaa2222', 'customer-b'],
  [{ at: '2026-11-23T04:00:00Z' }, 'aaaa1111', 'rackspace'],
  [{ image: 'b' }, 'bbbb1111', 'rackspace'],
  // Of a volume: by its id alone.
  [{ image: 'cc' }, 'cccc1111', 'rackspace'],
  [{ at: '2026-11-23', image: 'aaaa2' }, 'aaaa2222', 'customer-b'],
])('%o means one snapshot', (given, image, account) => {
  expect(onlyOne(SNAPSHOTS, given)).toEqual({ image, account });
});

test('several that fit are listed, as a mistake in the command line', () => {
  const find = () => onlyOne(SNAPSHOTS, { at: '2026-11-23' });
  expect(find).toThrow(UsageError);
  expect(find).toThrow(`2 snapshots fit: give --at or --image, so that one does:
  2026-11-23 04:00  aaaa1111  web-1 in DFW, daily
  2026-11-23 00:00  aaaa2222  web-1 in DFW, daily`);
});

test('of two that were taken for one slot, each is listed with the time at which it was made', () => {
  const again = listed('dddd1111', '2026-11-23T04:00:00Z', { madeAt: '2026-11-23T06:12:40Z' });
  expect(() =>
    onlyOne([...SNAPSHOTS, again], { at: '2026-11-23 04' }),
  ).toThrow(`2 snapshots fit: give --at or --image, so that one does:
  2026-11-23 04:00 (made 2026-11-23 04:00:00)  aaaa1111  web-1 in DFW, daily
  2026-11-23 04:00 (made 2026-11-23 06:12:40)  dddd1111  web-1 in DFW, daily`);
});

test('none that fits names the command that lists them', () => {
  expect(() => onlyOne(SNAPSHOTS, { at: '2026-11-21' })).toThrow('npx autosnap snapshots --server <name>');
});
