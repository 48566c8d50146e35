import { expect, test } from 'vitest';
import { countServers } from '../../lib/audit/server-count.ts';
import { daysAgo, seriesOf, shown } from './audits.ts';

const volume = { id: 'volume-1', name: 'data' };
const since = new Map([
  ['daily', daysAgo(3)],
  ['data', ''],
  ['weekly', daysAgo(5)],
]);
const image = seriesOf([shown(0)]);
const data = seriesOf([shown(0)], { volume });
const weekly = seriesOf([shown(0)], { policy: 'weekly' });
const count = (...all: ReturnType<typeof seriesOf>[]) =>
  countServers(all, ({ volume: of, policy }) => since.get(of?.name ?? policy) || null);

test('of the parts of a server in one policy the worst decides', () => {
  expect(count(image)).toMatchObject({ count: 1, holding: 1, oldest: { since: daysAgo(3) } });
  expect(count(image, data)).toEqual({ count: 1, holding: 0 });
});

test('of several policies of a server the best decides', () => {
  expect(count(image, data, weekly)).toMatchObject({ count: 1, holding: 1, oldest: { since: daysAgo(5) } });
  expect(count(image, weekly)).toMatchObject({ oldest: { since: daysAgo(3) } });
});
