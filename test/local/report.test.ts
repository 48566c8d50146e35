import { expect, test } from 'vitest';
import { startCloud } from '../../local/cloud/cloud.ts';
import { addFleet } from '../../local/fleet.ts';
import { reportOf } from '../../local/report.ts';
import { setTime } from '../harness.ts';

const NOW = '2026-11-24T09:00:00Z';

async function page(): Promise<string> {
  const cloud = await startCloud();
  addFleet(cloud, 'autosnap-local', 0);
  const html = await reportOf(cloud, 'autosnap-local', new Date(NOW));
  await cloud.close();
  return html;
}

test('the example fleet has every state, and is the same at the same time', async () => {
  setTime(NOW);
  const html = await page();
  expect(html).toContain(
    '<title>5 of 7 servers protected; db-2 in DFW is 3 days late; 1 waits for its first snapshot',
  );
  for (const mark of ['recent', 'weekly', 'monthly', 'expiring', 'held', 'failed']) {
    expect(html).toMatch(new RegExp(`<(rect|use) class="${mark}" x="[\\d.]+%"`));
  }
  for (const badge of ['proven', 'unproven']) expect(html).toContain(`<use class="${badge}" x=`);
  for (const state of ['late', 'waiting', 'protected', 'orphaned', 'adhoc']) {
    expect(html).toContain(`data-state="${state}"`);
  }
  expect(html).toContain('<bdi>build-scratch</bdi>');
  expect(await page()).toBe(html);
});
