import { join } from 'node:path';
import { expect, test } from 'vitest';
import { costSection, roundCost } from './cost.ts';
import { everyMetric, metricsTable, namesInCode } from './metrics.ts';
import { ROOT, read, withSection } from './page.ts';

test('the table of metrics is that of the code; -u writes it anew', async () => {
  const page = 'docs/monitoring.md';
  await expect(withSection(page, 'metrics', metricsTable())).toMatchFileSnapshot(join(ROOT, page));
});

test('the table of metrics has each metric that the code names', () => {
  expect([...new Set(everyMetric().map(({ name }) => name))].sort()).toEqual(namesInCode());
});

test('the table of costs is that of the code; -u writes it anew', async () => {
  const page = 'docs/cost.md';
  await expect(withSection(page, 'cost', await costSection())).toMatchFileSnapshot(join(ROOT, page));
});

test('the README says the cost of the table', async () => {
  expect(read('README.md')).toContain(await roundCost());
});
