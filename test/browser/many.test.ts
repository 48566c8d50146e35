import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { reportPage } from '../../lib/audit/page.ts';
import { manyServers } from '../audit/audits.ts';
import { openPage } from './pages.ts';

const EMPTY = '<!DOCTYPE html><html lang="en"><title>empty</title><p>nothing</p>';
const html = reportPage(manyServers(1000));

/**
 * The time from the beginning of the navigation until everything in sight is painted, in
 * milliseconds.
 */
async function openingMs(content: string): Promise<{ ms: number; page: Page }> {
  const page = await openPage(content, {
    init: () => {
      const painted = () => performance.mark('painted');
      addEventListener('load', () => requestAnimationFrame(() => requestAnimationFrame(painted)));
    },
  });
  await page.waitForFunction(() => performance.getEntriesByName('painted').length > 0);
  const ms = await page.evaluate(() => performance.getEntriesByName('painted')[0]!.startTime);
  return { ms, page };
}

async function medianMs(content: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const { ms, page } = await openingMs(content);
    times.push(ms);
    await page.context().close();
  }
  return times.sort((a, b) => a - b)[2]!;
}

test('1,000 servers with 30 snapshots each: rows out of sight are not rendered', async () => {
  const { page } = await openingMs(html);
  const rows = page.locator('.row');
  expect(await rows.count()).toBe(1000);
  expect(await page.locator('.timeline g > *').count()).toBe(30_000);
  expect(await page.evaluate(() => document.querySelectorAll('*').length)).toBeLessThan(50_000);
  const rendered = await rows.evaluateAll(
    (all) =>
      all.filter((row) => row.firstElementChild!.checkVisibility({ contentVisibilityAuto: true })).length,
  );
  expect(rendered).toBeGreaterThan(5);
  expect(rendered).toBeLessThan(60);
  await page.getByRole('searchbox').fill('web-999');
  expect(await page.locator('.row:visible .name').allTextContents()).toEqual(['web-999']);
});

test('the page stays within its figures with 1,000 servers of 30 snapshots each', async () => {
  const empty = await medianMs(EMPTY);
  const full = await medianMs(html);
  const { page } = await openingMs(html);
  const frames = await page.evaluate(
    () =>
      new Promise<number[]>((resolve) => {
        const times: number[] = [];
        const step = (last: number) =>
          requestAnimationFrame((now) => {
            times.push(now - last);
            scrollBy(0, 400);
            if (times.length < 120) step(now);
            else resolve(times.slice(1).sort((a, b) => a - b));
          });
        step(performance.now());
      }),
  );
  const [median, slowest] = [frames[Math.floor(frames.length / 2)]!, frames.at(-1)!];
  process.stdout.write(
    `\n1,000 servers, 30 snapshots each: ${(html.length / 1e6).toFixed(1)} MB; open in ${Math.round(full)} ms, ${(full / empty).toFixed(1)} times an empty page (${Math.round(empty)} ms); scrolling: a frame in ${median.toFixed(1)} ms, the slowest in ${slowest.toFixed(1)} ms\n`,
  );
  expect(await page.evaluate(() => scrollY)).toBeGreaterThan(10_000);
});
