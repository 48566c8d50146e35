import { parsePolicy } from '../../lib/config/policy.ts';
import type { Schedule } from '../../lib/config/schedule.ts';
import { planCleanup } from '../../lib/snapshots/cleanup-plan.ts';
import { Figures } from './figures.ts';
import { addHistory } from './history.ts';
import { Service } from './service.ts';
import { MINUTE_MS, World } from './world.ts';

const START = new Date('2026-01-01T00:00:00Z');

const policy = (name: string, schedule: string, cleanup: string, keep: object) => ({
  policy: name,
  schedule,
  cleanup,
  timezone: 'America/Chicago',
  servers: { tagged: { autosnap: name } },
  keep,
});

// The schedules are at different minutes, because the other policies skip a server that is busy
// with a snapshot.
const POLICIES = [
  policy('hourly', 'rate(1 hour)', 'rate(6 hours)', { hourly: 24 }),
  policy('daily', 'cron(30 6 * * ? *)', 'rate(6 hours)', { last: 7, weekly: 4 }),
  policy('weekly', 'cron(40 7 ? * SUN *)', 'rate(1 day)', { within: '10w', atLeast: 3 }),
  policy('monthly', 'cron(40 8 L * ? *)', 'rate(1 day)', { monthly: 18, yearly: 10 }),
];

/** The changed settings of the operator after that part of the time. */
const SECOND_THOUGHTS = [
  { part: 0.3, policy: 'hourly', keep: { hourly: 12, daily: 5 } },
  { part: 0.45, policy: 'daily', keep: { last: 10, weekly: 8, monthly: 12 } },
  { part: 0.6, policy: 'weekly', keep: { weekly: 6, atLeast: 2 } },
  { part: 0.75, policy: 'daily', keep: { daily: 7, monthly: 12 } },
  { part: 0.85, policy: 'hourly', keep: { hourly: 24 } },
];

export interface Options {
  seed: number;
  years: number;
  /** The plan functions to test; by default the real ones. */
  plan?: typeof planCleanup;
}

/** The data of the simulated years. */
export interface Decade {
  seed: number;
  start: Date;
  end: Date;
  policies: readonly string[];
  world: World;
  figures: Figures;
}

/**
 * Runs the real plan functions on a small fleet for years, and checks every cleanup.
 *
 * @throws {Violation} as soon as a rule of rotation is broken.
 */
export function simulate({ seed, years, plan = planCleanup }: Options): Decade {
  const end = new Date(START);
  end.setUTCFullYear(START.getUTCFullYear() + years);
  const world = new World(START, seed);
  const figures = new Figures();
  const service = new Service(world, figures, plan);
  addHistory(world);

  for (const event of POLICIES) {
    let current = parsePolicy(event);
    for (const { part, keep } of SECOND_THOUGHTS.filter((later) => later.policy === event.policy)) {
      world.after(part * (end.getTime() - START.getTime()), () => {
        current = parsePolicy({ ...event, keep });
      });
    }
    const snapshot = () => service.takeSnapshots(current);
    fire(world, current.schedule, START, () => {
      snapshot();
      // Events are delivered twice, and runs are retried.
      if (world.chance.number() < 0.02) world.after(world.chance.between(1, 20) * MINUTE_MS, snapshot);
    });
    fire(world, current.cleanup, START, () => service.cleanUp(current));
  }
  world.agenda.runUntil(end);
  return { seed, start: START, end, policies: POLICIES.map((p) => p.policy), world, figures };
}

/** A rule of EventBridge, which is up to a minute late each time. */
function fire(world: World, schedule: Schedule, from: Date, run: () => void): void {
  const at = schedule.next(from);
  if (!at) return;
  world.agenda.at(at.getTime() + world.chance.between(0, MINUTE_MS), () => {
    run();
    fire(world, schedule, at, run);
  });
}
