import {
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import pMap from 'p-map';
import type { GoodRun } from '../audit/missing-runs.ts';
import { type IncidentLog, parseIncidentLog } from '../incidents/incident-log.ts';
import type { AccountJob, FailedRun, RecordedFailure } from './failed-run.ts';
import type { Report } from './report.ts';

/** The key of the report page. */
const PAGE = 'autosnap.html';
/**
 * The prefix of the good runs: one object for each job, policy and account. The time of its last
 * modification is the time of the last good run.
 */
const GOOD = 'good-runs/';
/**
 * The prefix of the failed runs: one object for each job, policy and account, with the last failed
 * run.
 */
const FAILED = 'failed-runs/';
/** The prefix of the messages of the queue that could not be read: one empty object for each. */
const REJECTED = 'rejected-messages/';
/** The key of the log of incidents that the audits have notified. */
const INCIDENTS = 'incidents.json';
/**
 * How long a presigned link is valid, in hours. It can't be valid longer than the session of the
 * role that signs it.
 */
export const LINK_HOURS = 12;

/** How long a run waits for the store, because only a few seconds are left for its report. */
const RUN_WAITS_MS = 2_500;

/** The bucket with the report page, the reports of the runs, and the log of incidents. */
export interface ReportStore {
  /** Replaces the report page. */
  putPage(html: string): Promise<void>;
  readPage(): Promise<string>;
  /**
   * A presigned link to the report page, which works without a login for at most {@link LINK_HOURS}
   * hours.
   */
  signedPageLink(): Promise<string>;
  /** A link to the report page in the AWS console. */
  consolePageLink(): Promise<string>;
  putRun(report: Report, requestId: string, at: Date): Promise<void>;
  /** Records the time of a good run, and replaces the record of the run before. */
  putGoodRun(run: Omit<GoodRun, 'at'>): Promise<void>;
  goodRuns(): Promise<GoodRun[]>;
  /** Records a failed run, and replaces the record of the run before. */
  putFailedRun(run: FailedRun): Promise<void>;
  /**
   * The last failed run of each job, policy and account, except those for which `isOver` returns
   * true.
   */
  failedRuns(isOver: (run: AccountJob & { at: Date }) => boolean): Promise<RecordedFailure[]>;
  /** Records a message of the queue that could not be read. */
  putRejectedMessage(id: string): Promise<void>;
  /** When messages of the queue could not be read, in the last 30 days. */
  rejectedMessages(): Promise<Date[]>;
  /**
   * The incidents that the audits have notified; an empty log if the stored one is of another
   * version.
   */
  incidents(): Promise<IncidentLog>;
  putIncidents(log: IncidentLog): Promise<void>;
  /** The reports of the runs since a time, the oldest first. `isWanted` selects the runs. */
  runsSince(
    since: Date,
    now: Date,
    isWanted?: (run: Pick<Report, 'job' | 'policy'>) => boolean,
  ): Promise<Report[]>;
}

/**
 * The report store in an S3 bucket.
 *
 * @param bucket the name of the bucket.
 * @param config configuration of the SDK's client, for use outside Lambda.
 * @throws by every function, the SDK's errors.
 */
export function reportStoreIn(bucket: string, config: object = {}): ReportStore {
  // Short timeouts, because the stored data is only informative, and no run should wait long for
  // it.
  const client = new S3Client({
    ...config,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
  });

  async function list(prefix: string): Promise<{ key: string; at: Date }[]> {
    const found: { key: string; at: Date }[] = [];
    let token: string | undefined;
    do {
      const answer = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
      );
      for (const { Key, LastModified } of answer.Contents ?? []) {
        if (Key && LastModified) found.push({ key: Key, at: LastModified });
      }
      token = answer.NextContinuationToken;
    } while (token);
    return found;
  }

  async function read(key: string): Promise<string> {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return (await Body?.transformToString()) ?? '';
  }

  const put = async (Key: string, body: object, options: object = {}) => {
    const Body = JSON.stringify(body);
    await client.send(
      new PutObjectCommand({ Bucket: bucket, Key, Body, ContentType: 'application/json' }),
      options,
    );
  };
  const addressesIn = async (prefix: string) =>
    (await list(prefix)).map(({ key, at }) => {
      const [job = '', policy = '', account = ''] = key.slice(prefix.length).split('/');
      return { key, job, policy, account, at };
    });

  return {
    async putPage(html) {
      const type = { ContentType: 'text/html; charset=utf-8', CacheControl: 'no-cache' };
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: PAGE, Body: html, ...type }));
    },
    readPage: () => read(PAGE),
    signedPageLink() {
      const command = new GetObjectCommand({ Bucket: bucket, Key: PAGE });
      return getSignedUrl(client, command, { expiresIn: LINK_HOURS * 3600 });
    },
    async consolePageLink() {
      const region = await client.config.region();
      return `https://${region}.console.${consoleDomain(region)}/s3/object/${bucket}?region=${region}&prefix=${PAGE}`;
    },
    async putRun(report, requestId, at) {
      const Key = `${folderOf(at)}${at.toISOString()} ${report.job} ${report.policy} ${report.account} ${requestId}.json`;
      await put(Key, report, { abortSignal: AbortSignal.timeout(RUN_WAITS_MS) });
    },
    async putGoodRun({ job, policy, account }) {
      const Key = `${GOOD}${job}/${policy}/${account}`;
      await client.send(new PutObjectCommand({ Bucket: bucket, Key }), {
        abortSignal: AbortSignal.timeout(RUN_WAITS_MS),
      });
    },
    async goodRuns() {
      return (await addressesIn(GOOD)).map(({ key: _, ...run }) => run);
    },
    async putFailedRun(run) {
      const { job, policy, account } = run;
      await put(`${FAILED}${job}/${policy}/${account}`, run, {
        abortSignal: AbortSignal.timeout(RUN_WAITS_MS),
      });
    },
    async failedRuns(isOver) {
      const current = (await addressesIn(FAILED)).filter((run) => !isOver(run));
      return pMap(current, async ({ key, at }) => ({ ...(JSON.parse(await read(key)) as FailedRun), at }), {
        concurrency: 8,
      });
    },
    async putRejectedMessage(id) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: REJECTED + id }), {
        abortSignal: AbortSignal.timeout(RUN_WAITS_MS),
      });
    },
    rejectedMessages: async () => (await list(REJECTED)).map(({ at }) => at),
    async incidents() {
      try {
        return parseIncidentLog(await read(INCIDENTS));
      } catch (error) {
        if (error instanceof NoSuchKey) return parseIncidentLog('');
        throw error;
      }
    },
    putIncidents: (log) => put(INCIDENTS, log),
    async runsSince(since, now, isWanted = () => true) {
      const days = new Set([folderOf(since), folderOf(now)]);
      const listed = (await pMap(days, list, { concurrency: 2 })).flat();
      const keys = listed.map(({ key }) => key).sort();
      const recent = keys.filter((key) => {
        const [at = '', job, policy = ''] = key.slice(folderOf(since).length).split(' ');
        return at >= since.toISOString() && isWanted({ job: job as Report['job'], policy });
      });
      return pMap(recent, async (key) => JSON.parse(await read(key)) as Report, { concurrency: 8 });
    },
  };
}

/** The prefix of the reports of one day, so that each day can be listed separately. */
function folderOf(at: Date): string {
  return `runs/${at.toISOString().slice(0, 10)}/`;
}

/**
 * The domain of the AWS console for a region.
 *
 * Source: AWS documentation, "Getting started with the AWS Management Console" of AWS, AWS China
 * and AWS GovCloud (US).
 */
export function consoleDomain(region: string): string {
  if (region.startsWith('cn-')) return 'amazonaws.cn';
  return region.startsWith('us-gov-') ? 'amazonaws-us-gov.com' : 'aws.amazon.com';
}
