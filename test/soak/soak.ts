import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { getHeapSpaceStatistics } from 'node:v8';
import { lambdaContext } from '../../local/context.ts';
import type { Order, Tally } from './cloud.ts';
import { type Slope, slopeOf } from './slope.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** The part of the hours in which caches fill. */
const WARM_UP = 1 / 3;
const LEAST_HOURS = 100;
/**
 * The allowed growth per hour; half of it is V8's data about compiled code, and the measurements of
 * this program.
 */
const LEAK_BYTES = 1_000;

const EVENT = {
  policy: 'hourly',
  schedule: 'cron(0 * * * ? *)',
  cleanup: 'rate(1 hour)',
  servers: { all: true },
  keep: { last: 2 },
};
const NAMED = { policy: EVENT.policy };

/** The memory and handles after an hour's runs, once everything unused is freed. */
interface Sample {
  heapBytes: number;
  rssBytes: number;
  /** The resources that keep the process alive, by kind. */
  handles: Record<string, number>;
}

/**
 * `npm run soak -- --hours 720 --servers 500`: a warm process runs every job every hour; does its
 * memory stay the same?
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { hours: { type: 'string', default: '720' }, servers: { type: 'string', default: '500' } },
  });
  const [hours, servers] = [Number(values.hours), Number(values.servers)];
  if (!(hours >= LEAST_HOURS && servers >= 1)) {
    say(`--hours must be ${LEAST_HOURS} or more, --servers 1 or more`);
    process.exit(1);
  }
  const clock = driveClock();
  const cloud = fork(new URL('cloud.ts', import.meta.url), [String(servers)]);
  const folder = mkdtempSync(join(tmpdir(), 'autosnap-'));
  try {
    let tally = await answerOf(cloud);
    prepare(tally, join(folder, 'policies.json'));
    const runs = await jobs();
    const samples: Sample[] = [];
    const startedMs = performance.now();
    const pass = async (ms: number) => {
      clock.advance(ms);
      cloud.send({ advanceMs: ms } satisfies Order);
      tally = await answerOf(cloud);
    };
    // From a full hour on, by the cloud's clock, which the schedules follow.
    await pass(HOUR_MS - (Date.now() % HOUR_MS));
    for (let hour = 1; hour <= hours; hour++) {
      await runs.snapshot();
      await pass(20 * MINUTE_MS);
      await runs.cleanup();
      await runs.audit();
      await pass(40 * MINUTE_MS);
      samples.push(sample());
      if (hour % 24 === 0 || hour === hours) say(lineOf(hour, samples.at(-1)!, tally));
    }
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    say(`\n${hours} hours of ${servers} servers in ${seconds} seconds`);
    judge(samples.slice(hours * WARM_UP), tally);
  } finally {
    cloud.kill();
    rmSync(folder, { recursive: true });
  }
}

/** Makes the time of day of this process advance by itself and by leaps; timers are unchanged. */
function driveClock(): { advance(ms: number): void } {
  const Real = Date;
  let offsetMs = 0;
  globalThis.Date = class extends Real {
    constructor(...given: []) {
      if (given.length === 0) super(Real.now() + offsetMs);
      else super(...given);
    }
    static override now() {
      return Real.now() + offsetMs;
    }
  } as DateConstructor;
  return {
    advance(ms) {
      offsetMs += ms;
    },
  };
}

async function answerOf(cloud: ChildProcess): Promise<Tally> {
  const [tally] = await once(cloud, 'message');
  return tally as Tally;
}

/** The environment that Lambda would set; logs are written, and discarded. */
function prepare({ secretsUrl }: Tally, policies: string): void {
  writeFileSync(policies, JSON.stringify([EVENT]));
  Object.assign(process.env, {
    AUTOSNAP_SERVICE: 'autosnap',
    AUTOSNAP_STAGE: 'soak',
    AUTOSNAP_POLICIES: policies,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsUrl,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
    POWERTOOLS_DEV: 'true',
    POWERTOOLS_METRICS_DISABLED: 'false',
  });
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) console[method] = () => {};
}

async function jobs() {
  const { handler: snapshot } = await import('../../handlers/snapshot.ts');
  const { handler: cleanup } = await import('../../handlers/cleanup.ts');
  const { handler: audit } = await import('../../handlers/audit.ts');
  return {
    snapshot: () => snapshot(NAMED, lambdaContext('snapshot')),
    cleanup: () => cleanup(NAMED, lambdaContext('cleanup')),
    audit: () => audit({}, lambdaContext('audit')),
  };
}

function sample(): Sample {
  if (!gc) throw new Error('run it with --expose-gc, as npm run soak does');
  gc();
  gc();
  // Compiled code still grows for days, ever slower, and is discarded when memory is short.
  const data = getHeapSpaceStatistics().filter(({ space_name: name }) => !/code|trusted/.test(name));
  const heapBytes = data.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
  const { rss: rssBytes } = process.memoryUsage();
  const handles: Sample['handles'] = {};
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
  return { heapBytes, rssBytes, handles };
}

function lineOf(hour: number, { heapBytes, rssBytes, handles }: Sample, tally: Tally): string {
  const { requests, connections, images } = tally;
  const held = Object.entries(handles).map(([kind, n]) => `${n} ${kind}`);
  return `day ${Math.ceil(hour / 24)}: heap ${mb(heapBytes)}, process ${mb(rssBytes)}; ${images} images; ${requests} requests by ${connections} connections; ${held.join(', ')}`;
}

/** Prints the result, and makes the process fail if something grew. */
function judge(samples: readonly Sample[], { requests, connections }: Tally): void {
  const heap = slopeOf(samples.map(({ heapBytes }) => heapBytes));
  const handles = slopeOf(samples.map(({ handles: h }) => Object.values(h).reduce((sum, n) => sum + n, 0)));
  say(`heap after each hour: ${slopeText(heap)} bytes an hour`);
  say(`open handles: ${slopeText(handles)} an hour`);
  say(`connections: ${(requests / connections).toFixed(0)} requests by each`);
  if (heap.from > LEAK_BYTES) fail(`memory leaks: more than ${LEAK_BYTES} bytes an hour`);
  if (handles.from > 0) fail('open handles pile up');
  if (requests < 20 * connections) fail('connections are not used again');
}

function slopeText({ perStep, from, to }: Slope): string {
  return `${perStep.toFixed(2)} (99 %: ${from.toFixed(2)} to ${to.toFixed(2)})`;
}

function fail(what: string): void {
  say(`! ${what}`);
  process.exitCode = 1;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();
