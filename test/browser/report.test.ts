import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Locator, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { symbolOf } from '../../lib/audit/page/timeline-symbol.ts';
import { reportPage } from '../../lib/audit/page.ts';
import type { Reason } from '../../lib/reporting/reasons.ts';
import { auditOf, daysAgo, NASTY, nastyAudit, saying, seriesOf, shown } from '../audit/audits.ts';
import { openReport } from './pages.ts';

const kept = (age: number, ...reasons: Reason[]) => shown(age, { reasons });

/** A held snapshot without an expiry. */
function heldForever(age: number) {
  const { expiresAt: _, ...snapshot } = kept(age, { code: 'HELD' });
  return snapshot;
}

/** Five servers in two regions under two policies, with snapshots in every state. */
const FLEET = auditOf([
  seriesOf(
    [
      shown(0),
      shown(1),
      kept(9, { code: 'WEEKLY', period: '2026-W47' }),
      kept(40, { code: 'MONTHLY', period: '2026-10' }),
      kept(400, { code: 'YEARLY', period: '2025' }),
    ],
    {
      name: 'web-1',
    },
  ),
  seriesOf(
    [
      shown(0, { state: 'pending', status: 'saving', reasons: [{ code: 'UNFINISHED', status: 'saving' }] }),
      shown(1, { state: 'stuck', status: 'queued', reasons: [{ code: 'UNFINISHED', status: 'queued' }] }),
      shown(2, { state: 'failed', status: 'killed', reasons: [{ code: 'FAILED_ALONE' }] }),
      shown(4),
      shown(5, { action: 'delete', reasons: [{ code: 'NO_RULE' }] }),
      heldForever(30),
      shown(31, {
        state: 'unknown',
        status: 'deactivated',
        reasons: [{ code: 'UNKNOWN_STATUS', status: 'deactivated' }],
      }),
    ],
    { name: 'web-7', region: 'ORD' },
  ),
  seriesOf([shown(0)], { name: 'db-1', policy: 'weekly', region: 'ORD' }),
  seriesOf([], { name: 'db-9', policy: 'weekly' }),
  seriesOf([], { name: 'new-1', state: 'waiting' }),
]);

const rowOf = (page: Page, name: string) =>
  page.locator('.row', { has: page.getByText(name, { exact: true }) });
const buttonOf = (row: Locator) => row.getByRole('button');
const namesIn = (page: Page) => page.locator('.row:visible .name').allTextContents();
const focused = (page: Page) => page.locator(':focus');

test('the page shows the state of all servers, and sends no requests', async () => {
  const page = await openReport(FLEET);
  expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe(
    '2 of 5 servers protected; 2 servers have no fresh snapshot, the worst is db-9 in DFW, which has no good weekly snapshot; 1 waits for its first snapshot; a snapshot of web-7 in ORD failed; a snapshot of web-7 in ORD is stuck; 1 snapshot of web-7 in ORD does not count: deactivated',
  );
  expect(await page.title()).toContain('2 of 5 servers protected');
  expect(await page.getByRole('heading', { level: 2 }).allInnerTexts()).toEqual([
    'To look at',
    'Needs attention 2',
    'Waiting for the first snapshot 1',
    'Protected 2',
    'Policies',
  ]);
});

test('a timeline has a mark for each snapshot, at its time and with its state', async () => {
  const page = await openReport(FLEET);
  for (const { name, snapshots } of FLEET.series) {
    const drawn = await rowOf(page, name)
      .locator('.timeline g > *')
      .evaluateAll((marks) =>
        marks.map((mark) => ({ mark: mark.getAttribute('class'), left: mark.getBoundingClientRect().left })),
      );
    expect(drawn.map(({ mark }) => mark)).toEqual(snapshots.map(symbolOf));
    const places = drawn.map(({ left }) => left);
    expect(places).toEqual(places.toSorted((a, b) => b - a));
  }
});

test('the result of a drill is right above the mark of its snapshot', async () => {
  const snapshots = [
    shown(0, { unproven: daysAgo(0) }),
    kept(9, { code: 'WEEKLY', period: '2026-W47' }),
    shown(10, { proven: daysAgo(9) }),
  ];
  const page = await openReport(auditOf([seriesOf(snapshots)]));
  const boxes = (part: string) =>
    page
      .locator(`.row .timeline ${part}`)
      .evaluateAll((all) =>
        all
          .map((one) => one.getBoundingClientRect())
          .map(({ left, right, top, bottom }) => ({ x: (left + right) / 2, top, bottom })),
      );
  const [failed, passed] = [(await boxes('.unproven'))[0]!, (await boxes('.proven'))[0]!];
  const [newest, , oldest] = await boxes('g > *');
  for (const [badge, mark] of [
    [failed, newest!],
    [passed, oldest!],
  ] as const) {
    expect(Math.abs(badge.x - mark.x)).toBeLessThan(0.6);
    expect(mark.top - badge.bottom).toBeGreaterThan(0);
    expect(mark.top - badge.bottom).toBeLessThan(5);
  }
});

test('a timeline shows gaps, the present time, and the next run', async () => {
  const page = await openReport(FLEET);
  const row = rowOf(page, 'web-7');
  const box = async (part: string) => (await row.locator(`.timeline ${part}`).boundingBox())!;
  const [gap, ground, next] = [await box('.gap'), await box('.ground'), await box('.next')];
  const newestGood = (await row.locator('.timeline g > *').nth(3).boundingBox())!;
  const now = ground.x + ground.width;
  expect(gap.x).toBeGreaterThan(newestGood.x);
  expect(gap.x + gap.width).toBeCloseTo(now, 0);
  expect(next.x).toBeGreaterThan(now);
  expect(await rowOf(page, 'web-1').locator('.gap').count()).toBe(0);
  const label = page.locator('.axis text', { hasText: 'now' });
  const { x, width } = (await label.boundingBox())!;
  expect(x + width / 2).toBeCloseTo(now, -0.5);
  expect(await row.getByRole('img').getAttribute('aria-label')).toMatch(
    /^7 snapshots from 2026-10-24 00:00 to 2026-11-24 00:00, 3 good, 1 pending, 1 stuck, 1 failed, 1 unknown; missing from .* to now; next run 2026-11-25 00:00$/,
  );
});

describe('filters', () => {
  test('filter by state, policy and region, alone and combined', async () => {
    const page = await openReport(FLEET);
    const count = page.getByRole('status');
    await page.getByRole('radio', { name: 'Protected 2' }).check();
    expect(await namesIn(page)).toEqual(['db-1', 'web-1']);
    expect(await count.innerText()).toBe('2 of 5 shown');
    expect(await page.locator('.group:visible h2').allInnerTexts()).toEqual(['Protected 2']);
    await page.getByRole('combobox', { name: 'region' }).selectOption('ORD');
    expect(await namesIn(page)).toEqual(['db-1']);
    await page.getByRole('radio', { name: 'All 5' }).check();
    expect(await namesIn(page)).toEqual(['web-7', 'db-1']);
    await page.getByRole('combobox', { name: 'region' }).selectOption('All regions');
    await page.getByRole('combobox', { name: 'policy' }).selectOption('weekly');
    expect(await namesIn(page)).toEqual(['db-9', 'db-1']);
    await page.getByRole('combobox', { name: 'policy' }).selectOption('All policies');
    expect(await count.innerText()).toBe('5 shown');
  });

  test('a field with only one value has no filter', async () => {
    const page = await openReport(FLEET);
    expect(await page.getByRole('combobox').count()).toBe(2);
    const accounts = FLEET.series.map((one, i) => ({ ...one, account: i % 2 ? 'a' : 'b' }));
    const other = await openReport(auditOf(accounts));
    await other.getByRole('combobox', { name: 'account' }).selectOption('a');
    expect(await namesIn(other)).toEqual(['db-9', 'web-7']);
  });

  test('search finds names, ids, regions and states, with all words', async () => {
    const page = await openReport(FLEET);
    const search = page.getByRole('searchbox', { name: 'Search' });
    for (const [words, names] of [
      ['WEB', ['web-7', 'web-1']],
      ['server-db-9', ['db-9']],
      ['ord late', ['web-7']],
      ['  late   ord ', ['web-7']],
      ['.*', []],
    ] as const) {
      await search.fill(words);
      expect(await namesIn(page), words).toEqual(names);
    }
    expect(await page.getByRole('status').innerText()).toBe('0 of 5 shown');
    await page.getByRole('button', { name: 'Show all' }).click();
    expect(await namesIn(page)).toHaveLength(5);
    expect(await search.inputValue()).toBe('');
  });
});

describe('details', () => {
  test('a click opens the details, with the reason for which each snapshot stays, and its expiry', async () => {
    const page = await openReport(FLEET);
    const row = rowOf(page, 'web-7');
    await row.locator('.standing').click();
    expect(await buttonOf(row).getAttribute('aria-expanded')).toBe('true');
    const table = page.getByRole('table', { name: 'Snapshots of web-7' });
    expect(await table.getByRole('columnheader').allInnerTexts()).toEqual([
      'Snapshot',
      'State',
      'Size',
      'Why',
      'Stays until',
    ]);
    const rows = await Promise.all(
      (await table.getByRole('row').all()).map((one) => one.getByRole('cell').allInnerTexts()),
    );
    expect(rows.slice(4, 7).map((cells) => cells.map((cell) => cell.replace(/\s+/g, ' ')))).toEqual([
      ['2026-11-20 00:00 image-4', 'good', '2.0 GB', 'last 5 of 7', '2026-11-27 00:00, in 2 days'],
      [
        '2026-11-19 00:00 image-5',
        'good',
        '2.0 GB',
        'no rule keeps it',
        'the next cleanup, 2026-11-24 12:00',
      ],
      ['2026-10-25 00:00 image-30', 'good, held', '2.0 GB', 'held forever', 'its hold is released'],
    ]);
    await row.locator('.standing').click();
    expect(await table.count()).toBe(0);
  });

  test('a click into the details leaves them open, and a row without snapshots says so', async () => {
    const page = await openReport(FLEET);
    await buttonOf(rowOf(page, 'db-9')).click();
    const details = rowOf(page, 'db-9').locator('.details');
    await details.click();
    expect(await details.innerText()).toContain('It has no snapshots.');
    expect(await details.innerText()).toContain('server-db-9');
  });

  test('the pointer on a mark shows its description', async () => {
    const page = await openReport(FLEET);
    await rowOf(page, 'web-1').locator('.timeline .yearly').hover();
    expect(await page.locator('.tip').innerText()).toBe('2025-10-20 00:00 good\nyearly 2025');
    await page.getByRole('heading', { level: 1 }).hover();
    expect(await page.locator('.tip').isVisible()).toBe(false);
  });
});

describe('the keyboard', () => {
  test('Tab reaches everything in the order of the page', async () => {
    const page = await openReport(FLEET);
    const stops: string[] = [];
    for (let i = 0; i < 9; i++) {
      await page.keyboard.press('Tab');
      const stop = focused(page);
      stops.push((await stop.getAttribute('name')) ?? (await stop.locator('.name').innerText()));
    }
    expect(stops).toEqual(['search', 'state', 'policy', 'region', 'db-9', 'web-7', 'new-1', 'db-1', 'web-1']);
  });

  test('searches a server, opens its details, and moves to the next row and back', async () => {
    const page = await openReport(FLEET);
    const at = () => focused(page).locator('.name').innerText();
    await page.keyboard.press('/');
    await page.keyboard.type('web');
    await page.keyboard.press('ArrowDown');
    expect(await at()).toBe('web-7');
    await page.keyboard.press('Enter');
    expect(await page.getByRole('table').getAttribute('aria-label')).toBe('Snapshots of web-7');
    await page.keyboard.press('ArrowDown');
    expect(await at()).toBe('web-1');
    await page.keyboard.press('ArrowDown');
    expect(await at()).toBe('web-1');
    await page.keyboard.press('Space');
    expect(await page.getByRole('table').count()).toBe(2);
    await page.keyboard.press('Escape');
    expect(await page.getByRole('table').count()).toBe(1);
    expect(await at()).toBe('web-1');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    expect(await focused(page).getAttribute('name')).toBe('search');
    await page.keyboard.press('ArrowUp');
    expect(await focused(page).getAttribute('name')).toBe('search');
    await page.keyboard.press('Escape');
    expect(await namesIn(page)).toHaveLength(5);
  });

  test('a slash in the search is a character, and shortcuts of the browser still work', async () => {
    const page = await openReport(FLEET);
    const search = page.getByRole('searchbox');
    await search.fill('d');
    await page.keyboard.type('/b');
    expect(await search.inputValue()).toBe('d/b');
    await search.fill('');
    await buttonOf(rowOf(page, 'db-9')).focus();
    await page.keyboard.press('Control+/');
    expect(await focused(page).locator('.name').innerText()).toBe('db-9');
  });

  test('the focused element is visible', async () => {
    const page = await openReport(FLEET);
    await page.keyboard.press('/');
    await page.keyboard.press('ArrowDown');
    expect(await focused(page).evaluate((button) => getComputedStyle(button).outlineStyle)).toBe('solid');
  });
});

describe('appearance', () => {
  const brightness = (page: Page, property: 'backgroundColor' | 'color') =>
    page.evaluate((name) => {
      const parts = getComputedStyle(document.body)[name].match(/\d+/g)!.slice(0, 3);
      return parts.reduce((sum, part) => sum + Number(part), 0) / 3;
    }, property);

  test('follows the light or dark mode of the reader', async () => {
    const light = await openReport(FLEET, { colorScheme: 'light' });
    expect(await brightness(light, 'backgroundColor')).toBeGreaterThan(240);
    expect(await brightness(light, 'color')).toBeLessThan(60);
    const dark = await openReport(FLEET, { colorScheme: 'dark' });
    expect(await brightness(dark, 'backgroundColor')).toBeLessThan(40);
    expect(await brightness(dark, 'color')).toBeGreaterThan(220);
  });

  test.each([320, 375, 768, 1280])(
    'nothing is wider than the page at %i pixels, whatever the names',
    async (width) => {
      const long = (name: string) => seriesOf([shown(0), shown(1)], { name, region: 'R'.repeat(60) });
      const audit = auditOf([...FLEET.series, long('x'.repeat(255)), long('雲'.repeat(255))], {
        warnings: [saying('w'.repeat(300))],
        uncovered: [{ account: 'a', region: 'DFW', server: 'u', name: 'u'.repeat(255) }],
      });
      const page = await openReport(audit, { viewport: { width, height: 800 } });
      await buttonOf(rowOf(page, 'web-7')).click();
      const tooWide = await page
        .locator('body *:not(.unseen)')
        .evaluateAll((elements) =>
          elements
            .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
            .map((element) => element.outerHTML.slice(0, 80)),
        );
      expect(tooWide).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    },
  );

  test('on a phone a timeline has the full width, below the name', async () => {
    const page = await openReport(FLEET, { viewport: { width: 375, height: 800 } });
    const row = rowOf(page, 'web-1');
    const timeline = (await row.locator('.timeline').boundingBox())!;
    const name = (await row.locator('.name').boundingBox())!;
    expect(timeline.width).toBeGreaterThan(330);
    expect(timeline.y).toBeGreaterThan(name.y + name.height);
  });

  test('in print there are all rows and no controls', async () => {
    const page = await openReport(FLEET, { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print', colorScheme: null });
    expect(await page.locator('.filters, .keys').filter({ visible: true }).count()).toBe(0);
    expect(await page.locator('.row .name').filter({ visible: true }).count()).toBe(5);
    expect(
      await page
        .locator('.row')
        .first()
        .evaluate((row) => getComputedStyle(row).contentVisibility),
    ).toBe('visible');
    expect(await brightness(page, 'backgroundColor')).toBeGreaterThan(240);
  });

  test('the labels of the time axis stay in sight', async () => {
    const page = await openReport(
      auditOf(Array.from({ length: 60 }, (_, i) => seriesOf([shown(0)], { name: `s${i}` }))),
    );
    await page.mouse.wheel(0, 2000);
    await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(1000);
    expect((await page.locator('.axis').boundingBox())!.y).toBe(0);
  });
});

test('without scripts the page has everything but the details', async () => {
  const page = await openReport(FLEET, { javaScriptEnabled: false });
  expect(await page.getByRole('heading', { level: 1 }).innerText()).toMatch(/^2 of 5 servers protected/);
  expect(await namesIn(page)).toHaveLength(5);
  expect(await page.locator('.timeline .yearly').count()).toBe(1);
  expect(await page.locator('.filters').isVisible()).toBe(false);
});

test('an old page has a warning', async () => {
  const fresh = await openReport(FLEET);
  expect(await fresh.getByRole('note').count()).toBe(0);
  const old = await openReport(FLEET, { now: '2026-11-29T10:00:00Z' });
  expect(await old.getByRole('note').innerText()).toBe(
    'This page is 5 days old: much may have changed since.',
  );
});

describe('text from the cloud', () => {
  test('is shown as text everywhere', async () => {
    const page = await openReport(nastyAudit());
    for (const row of await page.locator('.row').all()) await buttonOf(row).click();
    await page.getByRole('searchbox').fill('<script>');
    await page.locator('.row:visible .timeline').first().hover();
    expect(await page.locator('script').count()).toBe(2);
    expect(await page.locator('img, b2, iframe, [onerror], [onmouseover]').count()).toBe(0);
    const names = await page.locator('.row .name').allTextContents();
    for (const name of NASTY.slice(0, 5)) expect(names).toContain(name);
    expect(names).toContain('line\ufffdseparator');
  });

  test('cannot send requests, even if a script of it could run', async () => {
    const asked: string[] = [];
    const html = reportPage(nastyAudit());
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.setHeader('content-type', 'text/html; charset=utf-8').end(html);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const page = await openReport(FLEET);
    const other = await page.context().newPage();
    await other.goto(`${origin}/page`);
    const tried = await other.evaluate(async (to) => {
      const refused: string[] = [];
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) =>
        refused.push(effectiveDirective),
      );
      await fetch(`${to}/fetch`).catch(() => {});
      const image = Object.assign(new Image(), { src: `${to}/image` });
      const script = Object.assign(document.createElement('script'), { src: `${to}/script` });
      const inline = Object.assign(document.createElement('script'), {
        textContent: 'globalThis.ran = true',
      });
      const style = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `${to}/style` });
      const frame = Object.assign(document.createElement('iframe'), { src: `${to}/frame` });
      document.body.append(image, script, inline, style, frame);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { refused: refused.sort(), ran: 'ran' in globalThis };
    }, origin);
    server.close();
    expect(tried).toEqual({
      refused: [
        'connect-src',
        'frame-src',
        'img-src',
        'script-src-elem',
        'script-src-elem',
        'style-src-elem',
      ],
      ran: false,
    });
    expect(asked).toEqual(['/page']);
  });
});
