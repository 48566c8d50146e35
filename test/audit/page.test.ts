import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { AuditedSnapshot } from '../../lib/audit/model.ts';
import type { PageData } from '../../lib/audit/page/data.ts';
import { escapeHtml, escapeJson } from '../../lib/audit/page/escape.ts';
import { STYLE } from '../../lib/audit/page/style.ts';
import { reportPage } from '../../lib/audit/page.ts';
import { PERIODS } from '../../lib/config/keep-rules.ts';
import { codeOf } from '../../lib/reporting/reasons.ts';
import {
  auditOf,
  daysAgo,
  droppedServer,
  manyServers,
  NASTY,
  nastyAudit,
  saying,
  seriesOf,
  shown,
} from './audits.ts';

/** The parts of a page that these tests examine. */
function parts(html: string) {
  const between = (from: string, to: string) => html.split(from)[1]!.split(to)[0]!;
  return {
    head: between('<head>', '</head>'),
    style: between('<style>', '</style>'),
    body: between('<body>', '<script type="application/json"'),
    data: JSON.parse(between('id="data">', '</script>')) as PageData,
    script: html.split('<script>')[1]!.split('</script>')[0]!,
  };
}

/** The tags of a page without the values of their attributes. */
function tags(html: string): string {
  return html
    .replace(/="[^"]*"/g, '=')
    .match(/<[^>]*>/g)!
    .join('\n');
}

/** The marks of the first row: their kinds and positions in percent. */
function marksOf(html: string): { mark: string; x: number }[] {
  const marks = /<g transform="translate\(-1\.5\)">(.*?)<\/g><\/svg>\n<p class="standing/.exec(html)![1]!;
  return [...marks.matchAll(/class="(\w+)" x="([\d.]+)%"/g)].map(([, mark, x]) => ({
    mark: mark!,
    x: Number(x),
  }));
}

describe('the page sends no requests', () => {
  const html = reportPage(nastyAudit());
  const { head, style, script, body } = parts(html);

  test('its policy forbids all requests, and allows its own style and script by their hashes', () => {
    const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    expect(head).toContain(
      `content="default-src 'none'; style-src ${hash(style)}; script-src ${hash(script)}; img-src data:; base-uri 'none'; form-action 'none'"`,
    );
  });

  test('it contains no other address', () => {
    const namespace = /http:\/\/www\.w3\.org\/2000\/svg|http%3A%2F%2Fwww\.w3\.org%2F2000%2Fsvg/g;
    const hash = /'sha256-[^']+'/g;
    const text = (head + style + script).replace(namespace, '').replace(hash, '');
    expect(text).not.toMatch(/https?:|\/\/\w|@import|url\((?!#)/);
    expect(tags(body)).not.toMatch(/\s(src|srcset|action|ping|background)=/);
    expect(tags(body.replaceAll('href="#', 'to="'))).not.toContain('href');
  });

  test('it has no animations', () => {
    expect(style).not.toMatch(/animation|transition|scroll-behavior/);
  });

  test('its elements have no style or event handler, which its policy would not allow', () => {
    expect(tags(body)).not.toMatch(/\s(style|on\w+)=/);
  });
});

describe('text from the cloud', () => {
  test.each([
    ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    [`"><img src=x onerror='a'>`, '&quot;&gt;&lt;img src=x onerror=&#39;a&#39;&gt;'],
    ['&lt;', '&amp;lt;'],
    ['a\u2028b\u2029c', 'a\ufffdb\ufffdc'],
    ['\u202egnp.exe \u2066x\u2069', '\ufffdgnp.exe \ufffdx\ufffd'],
    ['a\u0000\u001b[31m\u0085', 'a\ufffd\ufffd[31m\ufffd'],
    ['\ud800 lone', '\ufffd lone'],
    ['🦊 żółw 雲 مرحبا', '🦊 żółw 雲 مرحبا'],
  ])('%j is shown as text', (name, expected) => {
    expect(escapeHtml(name)).toBe(expected);
  });

  test('as JSON does not end the script, and is parsed unchanged', () => {
    const value = { a: '</script><!--<script>', b: ['\u2028'] };
    expect(escapeJson(value)).not.toMatch(/[<\u2028]/);
    expect(JSON.parse(escapeJson(value))).toEqual({ ...value, b: ['\ufffd'] });
  });

  test('creates no element, wherever it appears', () => {
    const html = reportPage(nastyAudit());
    expect(tags(parts(html).body)).not.toMatch(/<(script|img)/);
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html.match(/<\/script/g)).toHaveLength(2);
    for (const name of NASTY) expect(parts(html).head + parts(html).body).not.toContain(name);
  });
});

describe('the marks of a timeline', () => {
  test.each<[string, Partial<AuditedSnapshot>]>([
    ['recent', { reasons: [{ code: 'LAST', rank: 1, of: 7 }] }],
    ['recent', { reasons: [{ code: 'WITHIN', ms: 30 * 86_400_000 }] }],
    ['recent', { reasons: [{ code: 'ADHOC' }] }],
    ['hourly', { reasons: [{ code: 'HOURLY', period: '2026-11-24T00+00:00' }] }],
    [
      'daily',
      {
        reasons: [
          { code: 'LAST', rank: 1, of: 7 },
          { code: 'DAILY', period: '2026-11-24' },
        ],
      },
    ],
    [
      'weekly',
      {
        reasons: [
          { code: 'LAST', rank: 1, of: 7 },
          { code: 'WEEKLY', period: '2026-W48' },
        ],
      },
    ],
    [
      'monthly',
      {
        reasons: [
          { code: 'LAST', rank: 1, of: 7 },
          { code: 'WEEKLY', period: '2026-W48' },
          { code: 'MONTHLY', period: '2026-11' },
          { code: 'OLDEST', rule: 'monthly', have: 1, of: 12 },
        ],
      },
    ],
    [
      'yearly',
      {
        reasons: [
          { code: 'YEARLY', period: '2026' },
          { code: 'MONTHLY', period: '2026-11' },
        ],
      },
    ],
    ['expiring', { action: 'delete', reasons: [{ code: 'NO_RULE' }] }],
    ['expiring', { action: 'defer', reasons: [{ code: 'NO_RULE' }, { code: 'MAX_DELETES', most: 10 }] }],
    ['held', { reasons: [{ code: 'HELD' }] }],
    ['held', { reasons: [{ code: 'HELD_UNTIL', until: '2027-01-01T00:00:00.000Z' }] }],
    ['pending', { state: 'pending', reasons: [{ code: 'UNFINISHED', status: 'saving' }] }],
    ['stuck', { state: 'stuck', reasons: [{ code: 'UNFINISHED', status: 'queued' }] }],
    ['failed', { state: 'failed', reasons: [{ code: 'FAILED_LATELY' }] }],
    ['failed', { state: 'failed', action: 'delete', reasons: [{ code: 'FAILED' }] }],
    ['unknown', { state: 'unknown', reasons: [{ code: 'UNKNOWN_STATUS', status: 'deactivated' }] }],
  ])('%s: %j', (mark, changes) => {
    expect(marksOf(reportPage(auditOf([seriesOf([shown(0, changes)])])))).toMatchObject([{ mark }]);
  });

  test.each(PERIODS)('%s has a mark with its own height and colour', (period) => {
    const html = reportPage(
      auditOf([seriesOf([shown(0, { reasons: [{ code: codeOf(period), period: 'p' }] })])]),
    );
    expect(marksOf(html)).toMatchObject([{ mark: period }]);
    expect(html).toMatch(new RegExp(`<rect class="${period}" [^>]* height="\\d+"`));
    expect(STYLE).toMatch(new RegExp(`\\.${period}\\b[^{}]*\\{fill:`));
  });

  test('correspond to the snapshots in number and order; older ones are further left and closer together', () => {
    const ages = [0, 1, 2, 3, 10, 20, 30, 60, 90, 365, 3_650];
    const marks = marksOf(reportPage(auditOf([seriesOf(ages.map((age) => shown(age)))])));
    const places = marks.map(({ x }) => x);
    expect(places).toHaveLength(ages.length);
    expect(places).toEqual(places.toSorted((a, b) => b - a));
    expect(places.every((x) => x >= 0 && x < 100)).toBe(true);
    const week = (i: number) => places[i]! - places[i + 1]!;
    expect(week(0)).toBeGreaterThan(week(1));
    expect(week(1)).toBeGreaterThan(week(2));
  });

  test('in the future are right of now', () => {
    const html = reportPage(auditOf([seriesOf([shown(-3), shown(0)])]));
    const now = Number(/class="now" x1="([\d.]+)%"/.exec(html)![1]);
    const [future, past] = marksOf(html);
    expect(future!.x).toBeGreaterThan(now);
    expect(past!.x).toBeLessThan(now);
  });
});

describe('the hatched areas', () => {
  const gapsOf = (html: string) =>
    [...html.split('class="row"')[1]!.matchAll(/class="gap" x="([\d.]+)%" y="5" width="([\d.]+)%"/g)].map(
      ([, x, width]) => [Number(x), Math.round(100 * (Number(x) + Number(width))) / 100],
    );
  const places = (html: string) => marksOf(html).map(({ x }) => x);
  const now = (html: string) => Number(/class="now" x1="([\d.]+)%"/.exec(html)![1]);

  test('of a late series end now', () => {
    const series = seriesOf([4, 5, 6].map((age) => shown(age)));
    const html = reportPage(auditOf([{ ...series, gaps: [{ from: daysAgo(3) }] }]));
    const [[from, to] = []] = gapsOf(html);
    expect(from).toBeGreaterThan(places(html)[0]!);
    expect(to).toBe(now(html));
    expect(html).toMatch(/aria-label="[^"]*; missing from 2026-11-2\d \d\d:\d\d to now;/);
  });

  test('follow the gaps of the audit', () => {
    const gaps = [{ from: daysAgo(2), to: daysAgo(1) }];
    const series = { ...seriesOf([0, 1, 2, 3].map((age) => shown(age))), gaps };
    const html = reportPage(auditOf([series]));
    const [, oneDay, twoDays] = places(html);
    expect(gapsOf(html)).toEqual([[twoDays, oneDay]]);
    expect(html).toContain('; missing from 2026-11-22 00:00 to 2026-11-23 00:00;');
  });

  test('cover the whole series if it has no good snapshot', () => {
    const html = reportPage(auditOf([seriesOf([])]));
    expect(gapsOf(html)).toEqual([[0, now(html)]]);
  });

  test('are missing if no snapshot is missing', () => {
    expect(gapsOf(reportPage(auditOf([seriesOf([shown(0), shown(1)])])))).toEqual([]);
  });
});

test('rows that need attention come first, the worst at the top; the others are sorted by name', () => {
  const named = (name: string, days: number) => seriesOf([shown(days)], { name });
  const series = [
    named('web-10', 0),
    named('web-9', 0),
    named('late', 3),
    named('later', 8),
    seriesOf([], { name: 'never' }),
    seriesOf([], { name: 'new', state: 'waiting' }),
    seriesOf([shown(50)], { name: '', server: 'gone', state: 'orphaned' }),
  ];
  const { body, data } = parts(reportPage(auditOf(series)));
  const names = [...body.matchAll(/class="name">([^<]+)</g)].map(([, name]) => name);
  expect(names).toEqual(['never', 'later', 'late', 'new', 'web-9', 'web-10', 'server gone']);
  expect(data.rows.map((lines) => lines.length)).toEqual([0, 1, 1, 0, 1, 1, 1]);
});

test('the snapshots of a row have a time, state, size, reason and the date of their deletion', () => {
  const snapshots = [
    shown(0, {
      reasons: [
        { code: 'LAST', rank: 1, of: 7 },
        { code: 'WEEKLY', period: '2026-W48' },
      ],
      sizeBytes: 2.25e9,
    }),
    shown(1, { state: 'failed', status: 'killed', reasons: [{ code: 'FAILED_LATELY' }] }),
    shown(2, { action: 'delete', reasons: [{ code: 'NO_RULE' }] }),
    shown(3, { action: 'defer', reasons: [{ code: 'NO_RULE' }, { code: 'MAX_DELETES', most: 10 }] }),
    shown(4, { reasons: [{ code: 'HELD' }] }),
    shown(5, { reasons: [{ code: 'YEARLY', period: '2026' }] }),
  ];
  delete snapshots[1]!.sizeBytes;
  for (const i of [1, 4, 5]) delete snapshots[i]!.expiresAt;
  const { data } = parts(reportPage(auditOf([seriesOf(snapshots)])));
  expect(data.rows[0]!.map(([image, ...texts]) => [image, ...texts.map((i) => data.text[i])])).toEqual([
    [
      'image-0',
      '2026-11-24 00:00',
      'good',
      '2.3 GB',
      'last 1 of 7; weekly 2026-W48',
      '2026-12-01 00:00, in 6 days',
    ],
    [
      'image-1',
      '2026-11-23 00:00',
      'failed',
      '–',
      'failed less than 24 hours ago',
      'longer than the forecast covers',
    ],
    [
      'image-2',
      '2026-11-22 00:00',
      'good',
      '2.0 GB',
      'no rule keeps it',
      'the next cleanup, 2026-11-24 12:00',
    ],
    [
      'image-3',
      '2026-11-21 00:00',
      'good',
      '2.0 GB',
      'no rule keeps it; more than 10 (maxDeletes) in one run',
      'a later cleanup',
    ],
    ['image-4', '2026-11-20 00:00', 'good, held', '2.0 GB', 'held forever', 'its hold is released'],
    ['image-5', '2026-11-19 00:00', 'good', '2.0 GB', 'yearly 2026', 'longer than the forecast covers'],
  ]);
});

test.each<[string, Partial<AuditedSnapshot>]>([
  ['2026-11-26 00:00, in 39 hours', {}],
  ['2026-11-26 00:00, in 39 hours at the earliest', { condition: 'RATE' }],
  [
    '2026-11-26 00:00, in 39 hours at the earliest, if the one in progress succeeds',
    { condition: 'PENDING' },
  ],
  [
    '2026-11-26 00:00, in 39 hours at the earliest, once a newer one has passed a drill',
    { condition: 'DRILL' },
  ],
  ['2026-11-26 00:00, in 39 hours at the earliest, if it fails', { condition: 'FAILS' }],
  ['2026-11-26 00:00, in 39 hours', { reasons: [{ code: 'HELD_UNTIL', until: daysAgo(-2) }] }],
  ['the one in progress is good', { condition: 'PENDING', expiresAt: daysAgo(0) }],
  ['a newer one has passed a drill', { condition: 'DRILL', expiresAt: daysAgo(0) }],
  ['it has failed', { condition: 'FAILS', expiresAt: daysAgo(0) }],
  ['the next run', { condition: 'RATE', expiresAt: daysAgo(0) }],
  [
    'the drill or restore that uses it has ended',
    { expiresAt: daysAgo(0), reasons: [{ code: 'DRILL_RUNNING' }] },
  ],
])('a snapshot stays until: %s', (until, changes) => {
  const { data } = parts(reportPage(auditOf([seriesOf([shown(5, { expiresAt: daysAgo(-2), ...changes })])])));
  expect(data.text[data.rows[0]![0]![5]]).toBe(until);
});

test('the times of the runs of a rate are approximate', () => {
  const [policy] = auditOf([]).policies;
  const snapshots = [shown(0), shown(1, { action: 'delete', reasons: [{ code: 'NO_RULE' }] })];
  const { body, data } = parts(
    reportPage(
      auditOf([seriesOf(snapshots)], { policies: [{ ...policy!, runsAtRate: true, cleansAtRate: true }] }),
    ),
  );
  expect(body).toContain('next snapshots about 2026-11-25 00:00; next cleanup by 2026-11-24 12:00');
  expect(data.text[data.rows[0]![1]![5]]).toBe('the next cleanup, by 2026-11-24 12:00');
});

test('the page begins with the figures and the problems, and shows the servers that no policy selects', () => {
  const [policy] = auditOf([]).policies;
  const { body } = parts(
    reportPage(
      auditOf([seriesOf([shown(0)])], {
        policies: [{ ...policy!, unreadable: ['ORD'], problems: [saying("ORD can't be read: 503")] }],
        warnings: Array.from({ length: 7 }, (_, i) => ({ ...saying('no'), region: `R${i}` })),
        uncovered: [{ account: 'rackspace', region: 'DFW', server: 'b', name: 'build' }],
        bytes: 1.5e12,
        monthlyCost: 150,
      }),
    ),
  );
  const text = body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
  expect(text).toContain('ORD can&#39;t be read; elsewhere 1 of 1 server protected');
  expect(text).toContain('Protected 1 of 1 Late 0 Snapshots 1 all good Stored 1.50 TB 150.00 a month');
  expect(text).toContain('Next run in 15 hours 11-25 00:00 UTC');
  expect(text).toContain(
    'To look at daily ORD can&#39;t be read: 503 R0: no R1: no R2: no R3: no and 3 more',
  );
  expect(text).toContain('No policy selects these 1 build DFW');
  expect(body).toContain('class="icon late" viewBox');
});

test('the unknown regions and the unmanaged snapshots are shown', () => {
  const { body } = parts(
    reportPage(
      auditOf([seriesOf([shown(0), shown(1, { state: 'unknown', status: 'deactivated' })])], {
        unlisted: [{ account: 'rackspace', region: 'ORD' }, { account: 'customer-b' }],
        bytes: 12e9,
        unmanagedBytes: 6e9,
      }),
    ),
  );
  const text = body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
  expect(text).toContain('Snapshots 1 and 1 not good Stored 12.0 GB at least, 6.0 GB of no policy');
  expect(text).toContain('1 good, 1 unknown, 4.0 GB');
  expect(text).toContain(
    'No policy selects these 0 not known in ORD, which can&#39;t be read not known in account customer-b, which can&#39;t be read',
  );
});

test('servers of the same name of two customers are distinguishable', () => {
  const [policy] = auditOf([]).policies;
  const accounts = ['customer-a', 'customer-b'];
  const { body } = parts(
    reportPage(
      auditOf(
        accounts.map((account) => seriesOf([shown(4)], { account })),
        {
          policies: accounts.map((account) => ({ ...policy!, account, problems: [saying('no answer')] })),
          uncovered: accounts.map((account) => ({ account, region: 'DFW', server: 'b', name: 'build' })),
        },
      ),
    ),
  );
  const text = body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
  for (const account of accounts) {
    expect(text).toContain(`web-1 DFW (${account}) · daily`);
    expect(text).toContain(`build DFW (${account})`);
    expect(text).toContain(`daily (${account}) no answer`);
  }
});

describe('drills', () => {
  const web1 = seriesOf([shown(0, { unproven: daysAgo(0) }), shown(3, { proven: daysAgo(2) })], {
    name: 'web-1',
    proof: { proven: daysAgo(2), unprovenSeconds: 205_200, failed: daysAgo(0) },
  });
  const web2 = seriesOf(
    [
      shown(0),
      shown(30, {
        proven: daysAgo(29),
        provenVolumes: 'with',
        reasons: [{ code: 'MONTHLY', period: '2026-10' }],
      }),
    ],
    {
      name: 'web-2',
      proof: { proven: daysAgo(29), provenVolumes: 'without', unprovenSeconds: 2_538_000 },
    },
  );
  const web3 = seriesOf([shown(0)], { name: 'web-3', proof: { unprovenSeconds: 32_400 } });
  const html = reportPage(auditOf([web1, web2, web3]));
  const { body, data } = parts(html);
  const text = body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');

  test('a badge is above the mark, at the same place, according to the height of the mark', () => {
    const badges = [
      ...body.split('<main>')[1]!.matchAll(/<use class="(proven|unproven)" x="([\d.]+)%" y="(\d+)"/g),
    ];
    const [failed, passed, monthly] = badges.map(([, badge, x, y]) => ({
      badge,
      x: Number(x),
      y: Number(y),
    }));
    const places = marksOf(html).map(({ x }) => x);
    expect(badges).toHaveLength(3);
    expect(failed).toEqual({ badge: 'unproven', x: places[0], y: 22 });
    expect(passed).toEqual({ badge: 'proven', x: places[1], y: 22 });
    expect(monthly).toMatchObject({ badge: 'proven', y: 9 });
    expect(text).toContain('booted in a drill failed in a drill');
  });

  test('are on the page: the number of proven servers with the time, failed drills, and each in its row', () => {
    expect(text).toContain('Proven 2 of 3, oldest 29 days');
    expect(text).toContain(
      'To look at web-1 in DFW, daily: the snapshot of 2026-11-24 00:00 failed its drill 2026-11-24 00:00; one passed 2026-11-22 00:00',
    );
    expect(text).toMatch(
      /2 good, 4.0 GB its last drill failed .* proven 29 days ago without volumes .* not proven yet/,
    );
    expect(body).toContain('class="icon late" viewBox');
    expect(html).toContain('; passed a drill 2026-11-22 00:00; failed a drill 2026-11-24 00:00;');
    expect(data.text).toEqual(
      expect.arrayContaining(['good, failed a drill 9 hours ago', 'good, proven 29 days ago with volumes']),
    );
  });

  test('are not mentioned if there are none', () => {
    const without = parts(reportPage(auditOf([seriesOf([shown(0)])]))).body;
    expect(without.replace(/<path id="(un)?proven"/g, '')).not.toMatch(/proven|drill/i);
  });
});

describe('copies', () => {
  const copied = (name: string, days: number, behind: boolean) =>
    seriesOf([shown(0), shown(4)], {
      name,
      copied: { newest: daysAgo(days), ageSeconds: days * 86_400 + 32_400, behind },
    });
  const none = seriesOf([shown(0)], { name: 'web-3', copied: { behind: true } });
  const never = seriesOf([shown(0)], {
    name: 'web-4',
    copied: { behind: false, obstacle: { code: 'COPY_OF_VOLUMES' } },
  });
  const html = reportPage(auditOf([copied('web-1', 0, false), copied('web-2', 4, true), none, never]));
  const { body, data } = parts(html);
  const text = body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');

  test('a dot is below the snapshot with the newest copy', () => {
    const dots = [...body.split('<main>')[1]!.matchAll(/<circle class="copy" cx="([\d.]+)%"/g)];
    expect(dots.map(([, x]) => Number(x))).toEqual([marksOf(html)[0]!.x, marksOf(html)[1]!.x]);
    expect(text).toContain('newest copy one is missing');
  });

  test('the number of copied servers, copies that are behind, and the details of each', () => {
    expect(text).toContain('Copied 2 of 4, oldest 4 days');
    expect(text).toContain('To look at copies are behind: web-2 in DFW, daily; web-3 in DFW, daily');
    expect(text).toMatch(/copy 4 days old .* no copy .* can't be copied/);
    expect(text).not.toContain('copy 9 hours old');
    expect(body).toContain('class="icon late" viewBox');
    expect(html).toContain('; newest copy of 2026-11-20 00:00, 4 days old;');
    expect(data.notes).toEqual([
      '; newest copy of 2026-11-24 00:00, 9 hours old',
      '; newest copy of 2026-11-20 00:00, 4 days old',
      '; no copy yet',
      expect.stringMatching(/^; no copy yet; its newest snapshot can't be copied: its disk is a volume/),
    ]);
  });

  test('are not mentioned if the policy has none', () => {
    const without = parts(reportPage(auditOf([seriesOf([shown(0)])])));
    expect(without.body).not.toMatch(/cop(y|ied)/i);
    expect(without.data.notes).toEqual(['']);
  });
});

test('dropped items come first, and the icon shows trouble', () => {
  const warnings = [saying('look at this')];
  const good = auditOf([seriesOf([shown(0)])], { warnings });
  const name = '<b>web-7</b>';
  expect(reportPage(good)).toContain('class="icon protected" viewBox');
  const body = reportPage({ ...good, dropped: [droppedServer({ name })] });
  expect(body).toContain('class="icon late" viewBox');
  expect(body).toMatch(/<ul><li class="problem">no policy covers &lt;b&gt;web-7/);
});

test('a page without servers says so', () => {
  expect(parts(reportPage(auditOf([]))).body).toContain('No server is protected: no policy selects one');
});

test('1,000 servers with 30 snapshots each need less than 5 MB', () => {
  expect(Buffer.byteLength(reportPage(manyServers(1000)))).toBeLessThan(5e6);
});
