import { cpus } from 'node:os';
import { type Cleanup, exponent } from './cleanup.ts';
import type { Imports } from './imports.ts';
import { percentile, type Sweep } from './sweep.ts';

/** All measurements. */
export interface Results {
  /** The sweeps, the smallest fleet first. */
  sweeps: Sweep[];
  /** The delays of 100 servers under Rackspace's limit. */
  delayed: Sweep;
  /** The cleanups, the smaller one first. */
  cleanups: [Cleanup, Cleanup];
  /** The original's method, and the product's with the same fleet; not in the quick run. */
  original?: Pick<Sweep, 'servers' | 'calls' | 'seconds'>;
  ours?: Pick<Sweep, 'servers' | 'calls' | 'seconds'>;
  imports?: Imports;
}

export interface Goal {
  what: string;
  got: string;
  goal: string;
  met: boolean;
  /** Whether the result does not depend on the speed and load of the machine. */
  steady: boolean;
}

export function goalsOf({ sweeps, delayed, cleanups }: Results): Goal[] {
  const most = (of: (sweep: Sweep) => number) => Math.max(...sweeps.map(of));
  const large = sweeps.filter(({ servers }) => servers >= 1000);
  const perSnapshot = most(({ beyond, parts }) => beyond / parts);
  const ofLimit = Math.min(...sweeps.map(ofLimitOf));
  const refused = most((sweep) => sweep.refused / sweep.parts);
  const ofRate = Math.min(...large.map((sweep) => sweep.ofRate));
  const p99 = percentile(delayed.delays, 99);
  const [few, many] = cleanups;
  const growth = growthOf(cleanups);
  const steady = true;
  return [
    {
      what: 'calls a snapshot, beyond the token and the listings',
      got: perSnapshot.toFixed(3),
      goal: 'at most 1.05',
      met: perSnapshot <= 1.05,
      steady,
    },
    { what: 'refusals of a sweep', got: percent(refused), goal: 'below 1 %', met: refused < 0.01, steady },
    {
      what: 'of the allowed rate, used by a sweep of 1,000 or more',
      got: percent(ofRate),
      goal: 'above 95 %',
      met: ofRate > 0.95,
      steady: false,
    },
    {
      what: 'the speed of a sweep, of what the limits allow',
      got: ofLimit.toFixed(2),
      goal: 'at least 0.90',
      met: ofLimit >= 0.9,
      steady: false,
    },
    {
      what: 'the longest time between the parts of a server',
      got: duration(most((sweep) => sweep.spreadSeconds)),
      goal: 'below 30 s',
      met: most((sweep) => sweep.spreadSeconds) < 30,
      steady: false,
    },
    {
      what: `99 of ${delayed.servers} requests are sent after`,
      got: `${p99.toFixed(0)} s`,
      goal: 'below 120 s',
      met: p99 < 120,
      steady: false,
    },
    {
      what: `peak memory of a cleanup over ${count(many.images)} images`,
      got: `${many.peakMb.toFixed(0)} MB`,
      goal: 'below 256 MB',
      met: many.peakMb < 256,
      steady,
    },
    {
      what: `its planning grows from ${count(few.images)} images with the power of`,
      got: growth.toFixed(2),
      goal: 'about 1: linear',
      met: growth < 1.3,
      steady,
    },
  ];
}

export function ofLimitOf({ limitSeconds, seconds }: Sweep): number {
  return limitSeconds / seconds;
}

function growthOf([few, many]: Results['cleanups']): number {
  return exponent([few.images, few.planMs], [many.images, many.planMs]);
}

/** The goals, as a table in Markdown. */
function goalsTable(results: Results): string {
  return table(
    ['', 'measured', 'goal'],
    goalsOf(results).map(({ what, got, goal, met }) => [what, got, met ? goal : `${goal}: **missed**`]),
  );
}

/** Everything, in Markdown. */
export function tablesOf(results: Results): string {
  const { sweeps, delayed, cleanups, original, ours, imports } = results;
  const parts = [
    goalsTable(results),
    'Sweeps:',
    table(
      [
        'servers',
        'volumes each',
        'calls',
        'a snapshot',
        'refused',
        'took',
        'limit',
        'of the limit',
        'peak memory',
      ],
      sweeps.map((sweep) => [
        count(sweep.servers),
        String(sweep.volumesEach),
        count(sweep.calls),
        (sweep.calls / sweep.parts).toFixed(3),
        String(sweep.refused),
        duration(sweep.seconds),
        duration(sweep.limitSeconds),
        ofLimitOf(sweep).toFixed(2),
        `${sweep.peakMb.toFixed(0)} MB`,
      ]),
    ),
    `From the start of the process to the request, ${delayed.servers} servers: p50 ${duration(percentile(delayed.delays, 50))}, p99 ${duration(percentile(delayed.delays, 99))}.`,
    'Cleanups, a deletion a server:',
    table(
      ['images', 'list calls', 'planning', 'deleted', 'refused', 'of the allowed rate', 'peak memory'],
      cleanups.map((cleanup) => [
        count(cleanup.images),
        String(cleanup.listCalls),
        `${cleanup.planMs.toFixed(0)} ms`,
        count(cleanup.deleted),
        String(cleanup.refused),
        percent(cleanup.ofRate),
        `${cleanup.peakMb.toFixed(0)} MB`,
      ]),
    ),
  ];
  if (original && ours) {
    parts.push(
      `The same ${original.servers} servers, with seven snapshots each:`,
      table(
        ['', 'calls', 'took'],
        [
          ['in the way of autosnap.py', count(original.calls), duration(original.seconds)],
          ['Autosnap', count(ours.calls), duration(ours.seconds)],
        ],
      ),
    );
  }
  if (imports) {
    parts.push(
      `A cold start: a bare Node takes ${imports.bareMs.toFixed(0)} ms from its start to its end; importing a function adds:`,
      table(
        ['function', 'import', 'zip'],
        Object.entries(imports.moreMs).map(([name, ms]) => [
          name,
          `${ms.toFixed(0)} ms`,
          `${(imports.zipBytes / 1e6).toFixed(2)} MB`,
        ]),
      ),
    );
  }
  return parts.join('\n\n');
}

/** "2026-11-25, on 2 cores" */
export function whenAndWhere(): string {
  return `${new Date().toISOString().slice(0, 10)}, on ${cpus().length} cores`;
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** Seconds in a readable form: "7 s", "10 min 20 s". */
function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 120) return `${seconds < 10 ? seconds.toFixed(1) : whole} s`;
  const [h, min] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return h > 0 ? `${h} h ${min} min` : `${min} min ${whole % 60} s`;
}
