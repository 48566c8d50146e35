import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, onTestFinished, vi } from 'vitest';
import type { Listing } from '../lib/audit/listing.ts';
import type { AuditSummary } from '../lib/audit/summary.ts';
import type { Diagnosis } from '../lib/doctor/diagnosis.ts';
import type { Report } from '../lib/reporting/report.ts';
import type { Restoration } from '../lib/restore/restoration.ts';
import { type Cloud, type CloudOptions, startCloud } from '../local/cloud/cloud.ts';
import type { Fault } from '../local/cloud/faults.ts';
import { lambdaContext } from '../local/context.ts';
import { coldStart } from './cold-start.ts';
import { type AnyJob, FUNCTIONS } from './functions.ts';
import { hangAfter } from './hanging-requests.ts';

export type Job = 'snapshot' | 'cleanup' | 'hold' | 'offsite' | 'drill';

/** What a handler returns and logs. */
export type Result<J extends AnyJob> = J extends 'doctor'
  ? Diagnosis
  : J extends 'audit'
    ? AuditSummary & Listing
    : J extends 'restore'
      ? Restoration
      : Report;

/**
 * What Lambda provides for an invocation: the remaining time, and the id, which is the same for a
 * retry.
 */
export interface Context {
  remainingMs?: number;
  requestId?: string;
  /** The function's ARN, which contains the AWS account and region. */
  arn?: string;
}

/** An embedded cloud with the real handlers pointed at it, and everything that they log. */
export interface Harness {
  cloud: Cloud;
  /**
   * Runs the real handler. `remainingMs` is the remaining time; `requestId` stays the same for a
   * retry.
   */
  run<J extends AnyJob>(job: J, event: unknown, context?: Context): Promise<Result<J>>;
  /**
   * Runs a handler that has to fail, as {@link run}. Returns its error, and the report it has
   * logged.
   */
  fail<J extends AnyJob>(
    job: J,
    event: unknown,
    context?: Context,
  ): Promise<{ error: Error; report?: Result<J> }>;
  /**
   * Lets the cloud answer this many more requests of a kind, and none after these. From then on the
   * clock of a run stands still until its first request hangs, so that a busy machine does not
   * shorten the run.
   */
  hangAfter(requests: number, kind: Pick<Fault, 'service' | 'method'>): void;
  /** Discards everything that the functions hold in memory, as a cold start does. */
  cold(): void;
  /** Everything that was logged so far, as text. */
  logs(): string;
}

const open: Cloud[] = [];

afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  // The functions must not have data of another test in memory.
  coldStart();
  await Promise.all(open.splice(0).map((cloud) => cloud.close()));
});

/** Sets the time of day for this process and the embedded cloud; timers continue unchanged. */
export function setTime(time: string | Date): void {
  if (!vi.isFakeTimers()) vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(time);
}

/**
 * Starts a cloud, by default with one region, and stores the credentials of its account as the
 * secret `autosnap/test/rackspace`.
 */
export async function harness(options: CloudOptions = {}): Promise<Harness> {
  const cloud = await startCloud({ regions: ['DFW'], ...options });
  open.push(cloud);
  cloud.secrets.set('autosnap/test/rackspace', cloud.secret('rackspace'));
  stubEnvironment(cloud.secretsUrl);
  const lines = captureLogs();
  coldStart();
  let waitsForHang = false;
  let hangsSinceMs: number | undefined;
  const nowMs = () => {
    if (!waitsForHang) return performance.now();
    return hangsSinceMs === undefined ? 0 : performance.now() - hangsSinceMs;
  };
  const run: Harness['run'] = async <J extends AnyJob>(job: J, event: unknown, context: Context = {}) => {
    const { handler } = await FUNCTIONS[job]();
    const { remainingMs, requestId, arn } = context;
    hangsSinceMs = undefined;
    const lambda = lambdaContext(`autosnap-test-${job}`, remainingMs, requestId, nowMs);
    return handler(event, { ...lambda, ...(arn ? { invokedFunctionArn: arn } : {}) }) as Promise<Result<J>>;
  };
  return {
    cloud,
    run,
    hangAfter(requests, kind) {
      waitsForHang = true;
      hangAfter(cloud, requests, kind, () => {
        hangsSinceMs ??= performance.now();
      });
    },
    cold: coldStart,
    logs: () => lines.join('\n'),
    async fail(job, event, context) {
      const from = lines.length;
      const error = await run(job, event, context).then(
        () => new Error('the run did not fail'),
        (thrown: Error) => thrown,
      );
      const logged = lines.slice(from).flatMap((line) => reportIn<typeof job>(line) ?? []);
      return { error, ...(logged[0] ? { report: logged[0] } : {}) };
    },
  };
}

/** The environment that Lambda would set. Of AWS only the secrets store can be reached. */
export function stubEnvironment(secretsUrl: string): void {
  const environment = {
    AUTOSNAP_SERVICE: 'autosnap',
    AUTOSNAP_STAGE: 'test',
    AUTOSNAP_OWNER: 'autosnap-test',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsUrl,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    POWERTOOLS_DEV: 'true',
    POWERTOOLS_METRICS_DISABLED: 'false',
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
}

/** Collects everything that is logged from now on, a line each, instead of printing it. */
export function captureLogs(): string[] {
  const lines: string[] = [];
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...args) => {
      lines.push(args.map(String).join(' '));
    });
  }
  return lines;
}

function reportIn<J extends AnyJob>(line: string): Result<J> | undefined {
  try {
    return (JSON.parse(line) as { report?: Result<J> }).report;
  } catch {
    return undefined;
  }
}

/** Packages policies, as a deployment does; without policies there is no package. */
export function deploy(policies?: object[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'autosnap-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'policies.json');
  if (policies) writeFileSync(file, JSON.stringify(policies));
  vi.stubEnv('AUTOSNAP_POLICIES', file);
}

/** A valid policy event with `last: 3` for all servers; `changes` are applied to it. */
export function policy(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    policy: 'daily',
    schedule: 'cron(0 0 * * ? *)',
    cleanup: 'rate(6 hours)',
    servers: { all: true },
    keep: { last: 3 },
    ...changes,
  };
}
