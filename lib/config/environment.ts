/**
 * The kinds of links to the report page in a digest: `signed` opens for everybody who has the mail,
 * `console` opens the AWS console.
 */
export const REPORT_LINKS = ['signed', 'console'] as const;

/**
 * The settings that the deployment passes to its functions as environment variables; see
 * provider.environment in serverless.yml.
 */
export interface FunctionSettings {
  service: string;
  stage: string;
  /** The owner id, if `custom.owner` is set; see {@link ownerOf}. */
  owner: string | undefined;
  /** The S3 bucket for reports. */
  bucket: string | undefined;
  /** The S3 bucket for offsite copies; see offsite/. */
  copiesBucket: string | undefined;
  /** The URL of the SQS queue of work items; see work-item.ts. */
  queue: string | undefined;
  /** The URL of the SQS queue of runs that failed in all tries. */
  failedRuns: string | undefined;
  /** The ARN of the SNS topic for alerts. */
  topic: string | undefined;
  /** The heartbeat URL; see heartbeat.ts. */
  heartbeat: string | undefined;
  /** The link to the report page in the digest. */
  reportLink: (typeof REPORT_LINKS)[number];
  /** Whether the log is for people who read it now, on this machine, and not JSON. */
  isLogForPeople: boolean;
  /** The price of one stored gigabyte per month. */
  pricePerGb: number | undefined;
}

/** Reads the environment variables. An empty or missing optional setting is undefined. */
export function settings(): FunctionSettings {
  const { env } = process;
  const price = Number(env.AUTOSNAP_PRICE_PER_GB || Number.NaN);
  return {
    service: env.AUTOSNAP_SERVICE || 'autosnap',
    stage: env.AUTOSNAP_STAGE || 'dev',
    owner: env.AUTOSNAP_OWNER || undefined,
    bucket: env.AUTOSNAP_BUCKET || undefined,
    copiesBucket: env.AUTOSNAP_COPIES_BUCKET || undefined,
    queue: env.AUTOSNAP_QUEUE || undefined,
    failedRuns: env.AUTOSNAP_FAILED_RUNS || undefined,
    topic: env.AUTOSNAP_TOPIC || undefined,
    heartbeat: env.AUTOSNAP_HEARTBEAT || undefined,
    reportLink: env.AUTOSNAP_REPORT_LINK === 'console' ? 'console' : 'signed',
    isLogForPeople: env.AUTOSNAP_LOG === 'text',
    pricePerGb: Number.isFinite(price) ? price : undefined,
  };
}

/** The allowed form of {@link FunctionSettings.owner}, which is part of keys and paths. */
export const OWNER = /^[A-Za-z0-9_-]{1,100}$/;

/**
 * The owner id of a deployment's snapshots: `<service>_<stage>_<AWS account>_<AWS region>`. The id
 * is unique, because service and stage names contain no "_". A deployment that moves to another
 * account or region keeps its owner id with `custom.owner`.
 *
 * @param functionArn the ARN of any function of the deployment. Without an ARN, as for
 *   `invoke local`, the owner id ends in `_local`.
 * @throws {RangeError} if `custom.owner` has other characters than A-Z, a-z, 0-9, _ and -.
 */
export function ownerOf(
  { service, stage, owner }: Pick<FunctionSettings, 'service' | 'stage' | 'owner'>,
  functionArn = '',
): string {
  if (owner !== undefined) {
    if (OWNER.test(owner)) return owner;
    throw new RangeError('AUTOSNAP_OWNER: must be 1 to 100 of A-Z, a-z, 0-9, _ and -: correct custom.owner');
  }
  const [, region, account] = /^arn:[\w-]+:lambda:([\w-]+):(\d{12}):/.exec(functionArn) ?? [];
  return [service, stage, ...(region && account ? [account, region] : ['local'])].join('_');
}

/**
 * Whether an owner id belongs to a deployment of the same service and stage: in any AWS account and
 * region, or in the form `<service>-<stage>`, which is common for `custom.owner`. Other custom
 * owner ids can't be recognized.
 *
 * @param defaultOwner the {@link ownerOf} this deployment without `custom.owner`.
 */
export function isNamesake(owner: string, defaultOwner: string): boolean {
  const [service, stage] = defaultOwner.split('_');
  const bare = `${service}_${stage}`;
  return owner === bare || owner === `${service}-${stage}` || owner.startsWith(`${bare}_`);
}
