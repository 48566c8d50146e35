import { inspect } from 'node:util';
import type { Report } from '../../lib/reporting/report.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { hasHung, type InvocationResult } from './invocation.ts';
import { volumeMarks } from './volumes.ts';
import { everything, later, run, type Scenario, type World, worldOf } from './world.ts';

/** A fault in a world while a job runs there. */
export interface Trouble {
  name: string;
  /** How far the cloud's clock is ahead of ours, in milliseconds. */
  aheadMs?: number;
  /** The time until Lambda would end the first try, in milliseconds. */
  remainingMs?: number;
  /** Whether the fault lasts for all tries. */
  forEver?: boolean;
  /** Whether the fault can end within this process. */
  heals?: boolean;
  /**
   * Starts the fault. Returns how often it has occurred so far, if that can be counted, and a
   * function that ends it.
   */
  begin?(world: World): { hits?: () => number; end(): void };
}

/** A run without a fault. */
export interface Usual {
  requests: number;
  result: unknown;
}

export interface Cell {
  /** The result in words. */
  word: string;
  /** Violations of the invariants; empty if there are none. */
  bad: string[];
  /** Whether a run reached its deadline. On a busy machine, this may be the cause of the result. */
  isOutOfTime: boolean;
}

/** For one run: whether it made more calls than usual. */
export const [TRIED_AGAIN, DONE] = ['tried again, done', 'done'];

const TRIES = 3;
/** A lost copy is found by one run, begun again by the next, and finished by the one after that. */
const LATER_RUNS = 3;

/** Runs a job as Lambda does, with two retries, while a fault is active. Returns the result. */
export async function cellOf(scenario: Scenario, home: Cloud, trouble: Trouble, usual: Usual): Promise<Cell> {
  const world = await worldOf(scenario, home, trouble.aheadMs);
  try {
    return await judged(scenario, world, trouble, usual);
  } finally {
    await world.close();
  }
}

async function judged(scenario: Scenario, world: World, trouble: Trouble, usual: Usual): Promise<Cell> {
  const { forEver = false, heals = true } = trouble;
  const remainingMs = scenario.lastsMs ?? trouble.remainingMs;
  const begun = trouble.begin?.(world);
  const bad = new Set<string>();
  let isOutOfTime = false;
  const attempt = async (remaining?: number, requestId = 'the-request') => {
    const outcome = await run(scenario, world, requestId, remaining);
    world.logged = outcome.lines.join('\n');
    for (const wrong of wrongsIn(world, outcome)) bad.add(wrong);
    isOutOfTime ||= hasRunOutOfTime(outcome);
    return outcome;
  };

  let last = await attempt(remainingMs);
  const more = world.cloud.received.length > usual.requests;
  if (!forEver) begun?.end();
  let tries = 1;
  for (; last.error && tries < TRIES; tries++) last = await attempt();

  const done = scenario.done(world, last.result);
  if (begun?.hits?.() === 0) bad.add('not met');
  if (!done && !last.error && !admits(last, usual)) bad.add('untrue');
  if (!done && heals) {
    begun?.end();
    let doneLater = false;
    for (let run = 0; run < LATER_RUNS && !doneLater; run++) {
      later(world, scenario.againAfterMs);
      if (scenario.clockMoves) world.laterMs += scenario.againAfterMs ?? 0;
      // Another invocation follows. A restore whose server may exist does not request another one
      // for the same request.
      doneLater = scenario.done(world, (await attempt(undefined, `request-${run}`)).result);
    }
    if (!doneLater) bad.add('never done');
  }
  return { word: wordFor({ tries, last, done, more }), bad: [...bad], isOutOfTime };
}

interface Course {
  tries: number;
  last: InvocationResult;
  done: boolean;
  /** Whether the first try made more calls than usual. */
  more: boolean;
}

function wordFor({ tries, last, done, more }: Course): string {
  if (last.error) return `reported: ${reasonOf(last.error)}`;
  if (!done) return 'reported, done by the next run';
  if (tries > 1) return 'done by the next try';
  return more ? TRIED_AGAIN : DONE;
}

const REASONS: [RegExp, string][] = [
  [/certificate has expired/, 'certificate expired'],
  [/ECONNREFUSED/, 'connection refused'],
  [/no answer/, 'no answer'],
  [/run deadline reached/, 'out of time'],
  [/": (\d{3}) /, ''],
  [/can't be (read|used)|not complete JSON/, 'unreadable'],
  [/^drill daily failed/, 'what is left is named'],
];

function reasonOf({ message }: Error): string {
  for (const [pattern, reason] of REASONS) {
    const found = pattern.exec(message);
    if (found) return reason || found[1]!;
  }
  return message.split('\n')[0]!;
}

function hasRunOutOfTime(outcome: InvocationResult): boolean {
  const { error, result } = outcome;
  return (
    hasHung(outcome) || /run deadline reached|"DEADLINE"/.test(`${error?.message} ${JSON.stringify(result)}`)
  );
}

/** Whether a run that did not fail reports that something is left. */
function admits({ result }: InvocationResult, usual: Usual): boolean {
  const text = JSON.stringify(result);
  return (
    totalsOf(result) !== totalsOf(usual.result) ||
    /can't be read|the next run|"EXPORT_UNCERTAIN"|"state":"(waiting|building)"/.test(text)
  );
}

const totalsOf = (result: unknown) => JSON.stringify((result as Partial<Report> | undefined)?.totals);

/** The invariants that a run must not violate. */
function wrongsIn(world: World, outcome: InvocationResult): string[] {
  const { dfw, before, mayGo, secrets } = world;
  const { error, result, lines } = outcome;
  const there = new Set(everything(dfw));
  const said = [...lines, inspect(error, { depth: 9, showHidden: true }), JSON.stringify(result) ?? ''].join(
    '\n',
  );
  return [
    ...(hasHung(outcome) ? ['hung'] : []),
    ...(error && !hasHung(outcome) && !['ValidationError', 'RunFailed', 'CloudError'].includes(error.name)
      ? [`crashed: ${error.name}`]
      : []),
    ...(before.some((id) => !there.has(id) && !mayGo.has(id)) ? ['lost'] : []),
    ...(isDoubled(world) ? ['doubled'] : []),
    ...([...secrets].some((secret) => said.includes(secret)) ? ['secret shown'] : []),
    ...(claimsIn(outcome, there) ? ['untrue'] : []),
  ];
}

/**
 * Duplicates: two snapshots of one slot, two servers or exports of one image, two backups or a
 * drill's two copies of one volume snapshot, or a disk that was replaced twice.
 */
function isDoubled(world: World): boolean {
  const { images, servers, tasks } = world.dfw;
  const marks = images
    .filter(({ status, properties }) => status !== 'killed' && properties.autosnap_owner === 'autosnap-test')
    .flatMap(({ properties: p }) =>
      p.autosnap_policy === 'adhoc'
        ? (p.autosnap_expires?.split(' ')[1] ?? [])
        : `${p.instance_uuid ?? p.autosnap_server} ${p.autosnap_server} ${p.autosnap_slot}`,
    );
  const requests = servers.flatMap(({ metadata }) => metadata.autosnap_restore?.split(' ')[0] ?? []);
  const drilled = servers.flatMap(({ metadata, image }) => (metadata.autosnap_drill ? image : []));
  const going = tasks.all.filter(({ status }) => status === 'pending' || status === 'processing');
  const exported = going.map(({ input }) => String(input.image_uuid));
  return [marks, requests, drilled, world.builds, exported, ...volumeMarks(world)].some(
    (list) => new Set(list).size < list.length,
  );
}

/** Whether a report is wrong about what exists and what is gone. */
function claimsIn({ result, lines }: InvocationResult, there: ReadonlySet<string>): boolean {
  const logged = lines.flatMap((line) => (line.includes('"report"') ? (JSON.parse(line).report ?? []) : []));
  return [result, ...logged].some((report: Partial<Report> | undefined) =>
    report?.entries?.some(
      ({ outcome, image, volumes = [], snapshots = [] }) =>
        (outcome === 'taken' && image !== undefined && !there.has(image)) ||
        volumes.some((one) => one.outcome === 'taken' && !there.has(one.snapshot ?? '')) ||
        snapshots.some((one) => one.outcome === 'deleted' && there.has(one.backup ?? one.image)),
    ),
  );
}
