import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KEEP_RULES } from '../../lib/config/keep-rules.ts';
import { costSection, roundCost } from './cost.ts';
import { everyMetric, metricsTable, namesInCode } from './metrics.ts';
import { ROOT, read, withSection } from './page.ts';

test('the table of metrics matches the code; -u regenerates it', async () => {
  const page = 'docs/monitoring.md';
  await expect(withSection(page, 'metrics', metricsTable())).toMatchFileSnapshot(join(ROOT, page));
});

test('the table of metrics has every metric in the code', () => {
  expect([...new Set(everyMetric().map(({ name }) => name))].sort()).toEqual(namesInCode());
});

test('the table of costs matches the code; -u regenerates it', async () => {
  const page = 'docs/cost.md';
  await expect(withSection(page, 'cost', await costSection())).toMatchFileSnapshot(join(ROOT, page));
});

test('the README has the cost of the table', async () => {
  expect(read('README.md')).toContain(await roundCost());
});

test.each(['docs/retention.md', 'serverless.yml'])('%s has every rule of keep', (page) => {
  const text = read(page);
  // The part of the page that lists the rules.
  const [list = ''] = /\| rule \| keeps \|[\s\S]*?\n\n|^ {6}keep:[\s\S]*?^ {6}maxDeletes/m.exec(text)!;
  for (const rule of KEEP_RULES) expect(list).toMatch(RegExp(`\\b${rule}\\b`));
});
