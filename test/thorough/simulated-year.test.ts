import { expect, test } from 'vitest';
import { simulate } from '../simulation/decade.ts';

test('a simulated year breaks no rule, and contains many events', { timeout: 120_000 }, () => {
  const { figures, world } = simulate({ seed: 2, years: 1 });

  expect(figures.endings.get('active')).toBeGreaterThan(7_000);
  expect([...figures.endings.keys()].sort()).toEqual(['active', 'killed', 'stuck', 'vanished']);
  expect([...figures.deletions.keys()].sort()).toEqual(['daily', 'hourly', 'monthly', 'weekly']);
  expect([...figures.skips.keys()]).toEqual(expect.arrayContaining(['ALREADY_TAKEN', 'SERVER_BUSY']));
  expect(world.outages.length).toBeGreaterThan(0);
  const kept = world.taken.filter(({ exists }) => exists).length;
  expect(kept).toBeGreaterThan(100);
  expect(kept).toBeLessThan(1000);
});
