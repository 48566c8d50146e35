import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Audit } from '../../lib/audit/model.ts';
import { reportPage } from '../../lib/audit/page.ts';
import { startChromium } from './chromium.ts';

let browser: Browser;
let folder: string;
const troubles: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'autosnap-pages-'));
  browser = await startChromium();
});

afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  expect(troubles.splice(0), 'what the pages have asked for or complained about').toEqual([]);
});

export interface Looks extends BrowserContextOptions {
  /** The browser's clock, by default an hour after the page was made. */
  now?: string;
  /** A script that runs in the page before its own one. */
  init?: () => void;
}

/**
 * Opens the report page of an audit from a file, in a browser with another time zone and language.
 * Any request, log line or error of the page fails the test.
 */
export async function openReport(audit: Audit, looks: Looks = {}): Promise<Page> {
  return openPage(reportPage(audit), {
    now: new Date(Date.parse(audit.at) + 3_600_000).toISOString(),
    ...looks,
  });
}

/** Opens any page, as {@link openReport}. */
export async function openPage(html: string, { now, init, ...looks }: Looks = {}): Promise<Page> {
  const file = join(folder, `${crypto.randomUUID()}.html`);
  await writeFile(file, html);
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'ar-EG',
    timezoneId: 'Asia/Kathmandu',
    ...looks,
  });
  const page = await context.newPage();
  if (init) await page.addInitScript(init);
  if (now) await page.clock.setFixedTime(now);
  const url = pathToFileURL(file).href;
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:image/svg'))
      troubles.push(`request: ${request.url()}`);
  });
  page.on('console', (message) => troubles.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => troubles.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  await page.goto(url);
  return page;
}
