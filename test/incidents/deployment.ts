import type { CloudServer } from '../../local/cloud/state.ts';
import { startWaiting, type Waiting } from '../fleet/waiting.ts';
import type { AnyJob } from '../functions.ts';
import { deploy, type Harness, harness, type Result, setTime } from '../harness.ts';
import { type ReportBucket, reportBucket } from '../report-bucket.ts';

/** A deployment with a report bucket, queues and a topic. The clock moves with each run. */
export interface AuditedDeployment extends Harness {
  waiting: Waiting;
  bucket: ReportBucket;
  /** Adds an old server in DFW. */
  addServer(name: string): CloudServer;
  /** Deploys these policies from now on. */
  use(...policies: object[]): void;
  /** Runs an audit, and returns its result with the mails that it sent. */
  audit(time: string, event?: object): Promise<{ result: Result<'audit'>; mails: Waiting['mails'] }>;
  /** Runs a job, and returns its error or its result. */
  at<J extends AnyJob>(time: string, job: J, event: object): Promise<Error | Result<J>>;
}

/** Starts an {@link AuditedDeployment} at a time. */
export async function auditedDeployment(time: string, ...policies: object[]): Promise<AuditedDeployment> {
  setTime(time);
  const h = await harness({ timing: { queuedMs: 0, savingMs: 0 } });
  const bucket = await reportBucket();
  const waiting = await startWaiting();
  const use = (...some: object[]) => {
    deploy(some);
    h.cold();
  };
  use(...policies);
  return {
    ...h,
    bucket,
    waiting,
    use,
    addServer: (name) =>
      h.cloud.region('DFW').addServer({ name, createdAt: new Date('2026-01-01T00:00:00Z') }),
    async audit(at, event = {}) {
      setTime(at);
      h.cold();
      const before = waiting.mails.length;
      const result = await h.run('audit', event);
      return { result, mails: waiting.mails.slice(before) };
    },
    async at(when, job, event) {
      setTime(when);
      h.cold();
      return h.run(job, event).catch((error: Error) => error);
    },
  };
}
