import type { Reason } from '../../lib/reporting/reasons.ts';
import { type Cleanup, isGood } from './invariants.ts';
import { DAY_MS, HOUR_MS, type Taken, type World } from './world.ts';

type Count = Map<string, number>;

/** The results as numbers. */
export class Figures {
  readonly runs: Count = new Map();
  /** Runs of the snapshot job that an outage prevented, by policy. */
  readonly missedRuns: Count = new Map();
  /** Requested snapshots, by their results. */
  readonly endings: Count = new Map();
  readonly skips: Count = new Map();
  readonly deletions: Count = new Map();
  /** By policy, the largest age of the newest good snapshot of a server at a cleanup. */
  readonly worst = new Map<string, { ageMs: number; at: Date }>();

  ran(job: 'snapshot' | 'cleanup'): void {
    add(this.runs, job);
  }

  missed(policy: string): void {
    add(this.missedRuns, policy);
  }

  taken({ ending }: Taken): void {
    add(this.endings, ending);
  }

  skipped({ code }: Reason): void {
    add(this.skips, code);
  }

  cleaned({
    now,
    policy,
    servers,
    before,
    deleted,
  }: Pick<Cleanup, 'now' | 'servers' | 'before' | 'deleted'> & { policy: string }): void {
    this.ran('cleanup');
    if (deleted.size > 0) add(this.deletions, policy, deleted.size);
    const newest = new Map<string, number>();
    for (const { image, taken } of before) {
      if (taken?.policy !== policy || !isGood(image) || deleted.has(image.id)) continue;
      newest.set(taken.server, Math.max(taken.slotMs, newest.get(taken.server) ?? 0));
    }
    for (const { id } of servers) {
      const ageMs = now.getTime() - (newest.get(id) ?? now.getTime());
      if (ageMs > (this.worst.get(policy)?.ageMs ?? 0)) this.worst.set(policy, { ageMs, at: now });
    }
  }

  /** A table of all results for the terminal. */
  text({ taken, images, outages }: World, seconds: number): string {
    const kept = Map.groupBy(
      taken.filter(({ exists }) => exists),
      ({ policy }) => policy,
    );
    const stored = [...images.values()];
    const down = outages.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    const rows: [string, string][] = [
      ['runs', `${countsText(this.runs)}; missed in outages: ${countsText(this.missedRuns)}`],
      ['outages', `${outages.length}, ${Math.round(down / DAY_MS)} days in all`],
      ['asked for', `${number(sum(this.endings))}: ${countsText(this.endings)}`],
      ['skipped', `${number(sum(this.skips))}: ${countsText(this.skips)}`],
      ['deleted', `${number(sum(this.deletions))}: by ${countsText(this.deletions)}`],
      [
        'kept now',
        `${number(stored.filter((s) => s.taken).length)}: ${countsText(new Map([...kept].map(([policy, all]) => [policy, all.length])))}; not ours: ${stored.filter((s) => !s.taken).length}, untouched`,
      ],
      // The first violation would have ended the simulation: see invariants.ts.
      ['losses', '0'],
      [
        'worst age',
        [...this.worst]
          .map(([policy, { ageMs, at }]) => `${policy} ${ageText(ageMs)} (${at.toISOString().slice(0, 10)})`)
          .join(', '),
      ],
      ['took', `${seconds.toFixed(1)} s`],
    ];
    return rows.map(([what, text]) => `  ${what.padEnd(10)} ${text}`).join('\n');
  }
}

function add(counts: Count, what: string, n = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + n);
}

function sum(counts: Count): number {
  return [...counts.values()].reduce((total, n) => total + n, 0);
}

function countsText(counts: Count): string {
  return [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .map(([what, n]) => `${number(n)} ${what}`)
    .join(', ');
}

function number(n: number): string {
  return n.toLocaleString('en-US');
}

function ageText(ms: number): string {
  return ms < 2 * DAY_MS ? `${Math.round(ms / HOUR_MS)} h` : `${Math.round(ms / DAY_MS)} d`;
}
