import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { PAGES } from './commands.ts';
import { ROOT, read } from './page.ts';

const ALL = [...PAGES, 'CONTRIBUTING.md', 'CHANGELOG.md', '.github/SECURITY.md'];

/** The prose of a page, without code. */
function prose(page: string): string {
  return read(page)
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()<>]/g, ''));
}

/** The links and pictures of a page that refer to files of the project. */
function linksIn(page: string): string[] {
  const found = [...prose(page).matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)];
  return found.map(([, link, source]) => link ?? source!).filter((link) => !/^https?:/.test(link));
}

/** The anchors of a page, as GitHub derives them from its headings. */
function anchorsIn(page: string): string[] {
  const headings = [...prose(page).matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(ALL)('every link in %s has a target', (page) => {
  const broken = linksIn(page).filter((link) => {
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? page : normalize(join(dirname(page), file));
    if (!existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && !anchorsIn(target).includes(anchor);
  });
  expect(broken).toEqual([]);
});

test('the README links every page of docs', () => {
  const linked = linksIn('README.md').map((link) => link.split('#')[0]);
  expect(PAGES.filter((page) => /^docs\/[^/]+$/.test(page) && !linked.includes(page))).toEqual([]);
});

test('the README has at most 160 lines', () => {
  expect(read('README.md').split('\n').length).toBeLessThanOrEqual(160);
});

test('the files and symbols in CONTRIBUTING.md exist', () => {
  const [, table = ''] = /^## Which file decides\n([\s\S]*?)^## /m.exec(read('CONTRIBUTING.md'))!;
  const named = [...table.matchAll(/`([\w/.-]+\/[\w.-]+\.(?:ts|yml)|serverless\.yml)`((?: `\w+`,?)*)/g)];
  expect(named.length).toBeGreaterThan(30);
  for (const [, file = '', symbols = ''] of named) {
    expect(existsSync(join(ROOT, file)), file).toBe(true);
    for (const [, symbol = ''] of symbols.matchAll(/`(\w+)`/g)) {
      expect(read(file), file).toMatch(new RegExp(`\\b${symbol}\\b`));
    }
  }
});
