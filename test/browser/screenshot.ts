import { mkdirSync } from 'node:fs';
import { startCloud } from '../../local/cloud/cloud.ts';
import { addFleet } from '../../local/fleet.ts';
import { reportOf } from '../../local/report.ts';
import { startChromium } from './chromium.ts';

/** A fixed one, so that the picture changes only when the page does. */
const NOW = '2026-11-24T09:00:00Z';
const OWNER = 'autosnap-prod';

/** `npm run screenshot`: the README's pictures of the report page, of the embedded fleet on a certain morning. */
async function main(): Promise<void> {
  const cloud = await startCloud();
  cloud.advance(Date.parse(NOW) - Date.now());
  addFleet(cloud, OWNER, 0);
  const html = await reportOf(cloud, OWNER, new Date(NOW));
  await cloud.close();

  const browser = await startChromium();
  mkdirSync('docs', { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 1180 } });
    await page.clock.setFixedTime(NOW);
    await page.setContent(html);
    await page.getByRole('button', { name: 'new-1' }).click();
    await page.mouse.move(0, 0);
    const path = `docs/report-${colorScheme}.png`;
    await page.screenshot({ path });
    process.stdout.write(`${path}\n`);
  }
  await browser.close();
}

await main();
