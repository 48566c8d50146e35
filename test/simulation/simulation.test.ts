import { expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { planCleanup } from '../../lib/snapshots/cleanup-plan.ts';
import type { PlanItem, RegionPlan } from '../../lib/snapshots/series-plan.ts';
import { policy } from '../harness.ts';
import { server } from '../snapshots.ts';
import { simulate } from './decade.ts';
import { type Cleanup, Watch } from './invariants.ts';
import { drawDecade } from './picture.ts';
import { DAY_MS, type Stored, World } from './world.ts';

const NOW = new Date('2028-02-29T12:00:00Z');

/** Dailies at 06:30 UTC, the newest of today: i1, i2, … */
function dailies(count: number): Stored[] {
  const world = new World(NOW, 1);
  return Array.from({ length: count }, (_, i) => {
    const slotMs = Date.UTC(2028, 1, 29 - i, 6, 30);
    const taken = { server: 's', policy: 'daily', slotMs, ending: 'active', exists: true } as const;
    return { image: world.addImage({ id: `i${i + 1}`, createdAt: new Date(slotMs) }, taken), taken };
  });
}

/**
 * A correct cleanup of three dailies with `last: 2`, which deletes the third; `changes` are applied
 * to it.
 */
function cleanup(changes: Partial<Cleanup> = {}): Cleanup {
  return {
    now: NOW,
    policy: parsePolicy(policy({ keep: { last: 2 } })),
    servers: [server({ name: 's' })],
    before: dailies(3),
    deleted: new Set(['i3']),
    deferred: new Set(),
    again: new Set(),
    ...changes,
  };
}

/** {@link cleanup} with changes to one image. */
function withImage(id: string, change: (stored: Stored) => Partial<Stored>): Cleanup {
  return cleanup({ before: dailies(3).map((s) => (s.image.id === id ? { ...s, ...change(s) } : s)) });
}

/** The real plan, which also deletes all good snapshots for which `also` is true. */
function worse(also: (item: PlanItem, index: number) => boolean): typeof planCleanup {
  return (...args): RegionPlan => {
    const plan = planCleanup(...args);
    const series = plan.series.map((one) => ({
      ...one,
      items: one.items.map((item, i) => (also(item, i) ? { ...item, action: 'delete' as const } : item)),
    }));
    return { ...plan, series };
  };
}

test.each([
  ['the newest good one', worse(({ snapshot }, i) => i === 0 && snapshot.state === 'good')],
  ['what a rule keeps', worse(({ reasons }) => reasons.some(({ code }) => code === 'WEEKLY'))],
  ['what is being made', worse(({ snapshot }) => snapshot.state === 'pending')],
  ['what is held', worse(({ reasons }) => reasons.some(({ code }) => code.startsWith('HELD')))],
])('a plan that deletes %s is noticed within a year', (_, plan) => {
  expect(() => simulate({ seed: 2, years: 1, plan })).toThrow('policy');
});

test('the same seed gives the same result', () => {
  const plan = worse(({ reasons }) => reasons.some(({ code }) => code.startsWith('HELD')));
  const violation = (seed: number): string => {
    try {
      simulate({ seed, years: 1, plan });
    } catch (error) {
      return (error as Error).message;
    }
    return 'none';
  };
  const first = violation(3);
  expect(first).toContain('is deleted, but it is held');
  expect(violation(3)).toBe(first);
  expect(violation(4)).not.toBe(first);
});

test('a correct cleanup is no violation, even if it is repeated', () => {
  const watch = new Watch();
  watch.check(cleanup());
  watch.check(cleanup({ before: dailies(2), deleted: new Set() }));
});

test.each<[what: string, cleanup: Cleanup, says: string]>([
  ['an image that is not ours', withImage('i3', () => ({ taken: undefined })), 'it is not ours'],
  [
    'an image that is public',
    withImage('i3', ({ image }) => ({ image: { ...image, visibility: 'public' } })),
    'others can see it',
  ],
  [
    'a held one',
    withImage('i3', ({ image }) => ({ image: { ...image, properties: { autosnap_hold: 'forever' } } })),
    'it is held',
  ],
  [
    'a queued one',
    withImage('i3', ({ image }) => ({ image: { ...image, status: 'queued' } })),
    'it is queued',
  ],
  ['an empty one', withImage('i3', ({ image }) => ({ image: { ...image, sizeBytes: 0 } })), 'with 0 bytes'],
  ["a gone server's", cleanup({ servers: [] }), 'its server is gone'],
  [
    "another policy's",
    withImage('i3', ({ taken }) => ({ taken: { ...taken!, policy: 'weekly' } })),
    'it is of the policy weekly',
  ],
  ['more than atLeast allows', cleanup({ deleted: new Set(['i1', 'i2', 'i3']) }), 'fewer than atLeast 1'],
  ['the newest', cleanup({ deleted: new Set(['i1']) }), 'the newest good one is deleted'],
  ['what a rule keeps', cleanup({ deleted: new Set(['i2', 'i3']) }), '2028-02-28T06:30:00.000Z is deleted'],
  ['too few', cleanup({ deleted: new Set() }), '2028-02-27T06:30:00.000Z is kept, but no rule'],
  ['more the second time', cleanup({ again: new Set(['i2']) }), 'a second cleanup would delete i2'],
])('deleting %s is a violation', (_, broken, says) => {
  expect(() => new Watch().check(broken)).toThrow(says);
});

test('deleting a good snapshot only because time has passed is a violation', () => {
  const watch = new Watch();
  const policies = cleanup({ policy: parsePolicy(policy({ keep: { last: 3 } })), deleted: new Set() });
  watch.check(policies);
  const later = { ...policies, now: new Date(NOW.getTime() + 90 * DAY_MS), deleted: new Set(['i3']) };
  expect(() => watch.check(later)).toThrow('nothing but time has passed');
});

test('the picture is well-formed XML, whatever the names of servers', () => {
  const world = new World(NOW, 1);
  world.addServer('<script>&"\u0000', 'daily');
  const [server] = world.servers;
  world.take(server!, { name: '', metadata: {} }, { policy: 'daily', slotMs: NOW.getTime() });
  world.outages.push({ kind: 'dark', fromMs: NOW.getTime(), toMs: NOW.getTime() + DAY_MS });
  const end = new Date(NOW.getTime() + 366 * DAY_MS);
  world.agenda.runUntil(new Date(NOW.getTime() + DAY_MS));
  world.rename(server!, '</text>&amp;');
  world.deleteServer(server!);
  const svg = drawDecade({ seed: 1, start: NOW, end, policies: ['daily'], world });

  expect(svg).toContain('now &lt;/text&gt;&amp;amp;');
  expect(svg).not.toContain('<script');
  expect(unclosed(svg)).toEqual([]);
});

/** The elements of an XML text that are not closed in order; throws for invalid XML. */
function unclosed(xml: string): string[] {
  const open: string[] = [];
  const markup = /<(\/?)([a-z]+)((?: [a-zA-Z:-]+="[^"<&]*")*)(\/?)>|&(?:amp|lt|gt|quot);|[^<&\p{Cc}]|\n/guy;
  for (let at = 0; at < xml.trimEnd().length; at = markup.lastIndex) {
    const found = markup.exec(xml);
    if (!found) throw new SyntaxError(`no XML at: ${xml.slice(at, at + 80)}`);
    const [, closes, name, , empty] = found;
    if (!name || empty) continue;
    if (!closes) open.push(name);
    else if (open.pop() !== name) throw new SyntaxError(`</${name}> closes nothing`);
  }
  return open;
}
