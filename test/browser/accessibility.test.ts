import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { auditOf, daysAgo, nastyAudit, saying, seriesOf, shown } from '../audit/audits.ts';
import { type Looks, openReport } from './pages.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const audit = auditOf(
  [
    seriesOf([shown(0), shown(1, { proven: daysAgo(1) })], {
      name: 'web-1',
      proof: { proven: daysAgo(1), unprovenSeconds: 118_800 },
    }),
    seriesOf([shown(0)], { name: 'web-3', copied: { behind: true } }),
    seriesOf([shown(0)], {
      name: 'web-4',
      copied: {
        newest: daysAgo(0),
        ageSeconds: 32_400,
        behind: false,
        obstacle: { code: 'COPY_OF_VOLUMES' },
      },
    }),
    seriesOf([shown(0, { unproven: daysAgo(0) })], {
      name: 'web-2',
      proof: { failed: daysAgo(0), unprovenSeconds: 32_400 },
    }),
    seriesOf([shown(0, { state: 'failed' }), shown(4)], { name: 'web-7', region: 'ORD' }),
    seriesOf([], { name: 'db-9', policy: 'weekly' }),
    seriesOf([], { name: 'new-1', state: 'waiting' }),
    seriesOf([shown(80)], { name: '', state: 'orphaned' }),
  ],
  {
    warnings: Array.from({ length: 8 }, (_, i) => ({ ...saying('a warning'), region: `R${i}` })),
    uncovered: [{ account: 'rackspace', region: 'DFW', server: 'b', name: 'build' }],
  },
);
const phone = { viewport: { width: 375, height: 800 } };
const opened = async (page: Page) => {
  for (const button of await page.locator('.row button').all()) await button.click();
};

test.each<[string, Looks, ((page: Page) => Promise<unknown>)?]>([
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['light, with details', {}, opened],
  ['dark, with details', { colorScheme: 'dark' }, opened],
  ['on a phone, with details', phone, opened],
  ['dark on a phone, with details', { ...phone, colorScheme: 'dark' }, opened],
  ['filtered', {}, (page) => page.getByRole('radio', { name: 'Late 1' }).check()],
  ['filtered to nothing', { colorScheme: 'dark' }, (page) => page.getByRole('searchbox').fill('nowhere')],
  ['days later', { now: '2026-12-01T00:00:00Z' }],
])('axe finds nothing: %s', async (_, looks, act) => {
  const page = await openReport(audit, looks);
  await act?.(page);
  expect(await violations(page)).toEqual([]);
});

test('axe finds nothing: with unusual names', async () => {
  const page = await openReport(nastyAudit());
  await opened(page);
  expect(await violations(page)).toEqual([]);
});

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const results = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as AxeResults;
  expect(results.passes.length).toBeGreaterThan(10);
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`),
  );
}
