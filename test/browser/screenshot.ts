import { writeFileSync } from 'node:fs';
import { HASH_FILE, hashOf, NOW, picturedPage } from '../docs/report-picture.ts';
import { startChromium } from './chromium.ts';

/**
 * `npm run screenshot`: the README's pictures of the report page, and beside them the hash of the
 * page that they show.
 */
async function main(): Promise<void> {
  const html = await picturedPage();
  const browser = await startChromium();
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 1400 } });
    await page.clock.setFixedTime(NOW);
    await page.setContent(html);
    await page.getByRole('button', { name: 'new-1' }).click();
    await page.mouse.move(0, 0);
    const path = `docs/report-${colorScheme}.png`;
    await page.screenshot({ path });
    process.stdout.write(`${path}\n`);
  }
  await browser.close();
  writeFileSync(HASH_FILE, hashOf(html));
}

await main();
