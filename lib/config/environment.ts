/** What the deployment tells its functions by environment variables; see provider.environment in serverless.yml. */
export interface Settings {
  service: string;
  stage: string;
  /** Whose snapshots are this deployment's, where it was set by hand; see {@link ownerOf}. */
  owner: string | undefined;
  /** The S3 bucket for reports. */
  bucket: string | undefined;
  /** The S3 bucket for copies outside of the cloud; see offsite/. */
  copiesBucket: string | undefined;
  /** The URL of the SQS queue for what is still to be done; see work-item.ts. */
  queue: string | undefined;
  /** The ARN of the SNS topic for alerts. */
  topic: string | undefined;
  /** The URL of a dead man's switch; see heartbeat.ts. */
  heartbeat: string | undefined;
  /** Of a stored gigabyte a month. */
  pricePerGb: number | undefined;
}

/** Reads the environment. What is empty or not there is undefined. */
export function settings(): Settings {
  const { env } = process;
  const price = Number(env.AUTOSNAP_PRICE_PER_GB || Number.NaN);
  return {
    service: env.AUTOSNAP_SERVICE || 'autosnap',
    stage: env.AUTOSNAP_STAGE || 'dev',
    owner: env.AUTOSNAP_OWNER || undefined,
    bucket: env.AUTOSNAP_BUCKET || undefined,
    copiesBucket: env.AUTOSNAP_COPIES_BUCKET || undefined,
    queue: env.AUTOSNAP_QUEUE || undefined,
    topic: env.AUTOSNAP_TOPIC || undefined,
    heartbeat: env.AUTOSNAP_HEARTBEAT || undefined,
    pricePerGb: Number.isFinite(price) ? price : undefined,
  };
}

/** What {@link Settings.owner} may be: it ends up in keys and paths. */
export const OWNER = /^[A-Za-z0-9_-]{1,100}$/;

/**
 * Whose snapshots are a deployment's: `<service>_<stage>_<AWS account>_<AWS region>`, so that no two deployments have the
 * same; neither a service's name nor a stage's has a "_". One that moves takes its owner along, as `custom.owner`.
 *
 * @param functionArn of any of its functions; without one, as for `invoke local`, it is an owner of its own.
 * @throws {RangeError} when the owner that was set has other characters than A-Z, a-z, 0-9, _ and -.
 */
export function ownerOf(
  { service, stage, owner }: Pick<Settings, 'service' | 'stage' | 'owner'>,
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
 * Whether an owner is that of a deployment of the same service and stage: in any AWS account and region, or in the form
 * `<service>-<stage>`, which custom.owner often has. The owners that were set by hand can't be told otherwise.
 *
 * @param defaultOwner {@link ownerOf} the deployment without an owner by hand.
 */
export function isNamesake(owner: string, defaultOwner: string): boolean {
  const [service, stage] = defaultOwner.split('_');
  const bare = `${service}_${stage}`;
  return owner === bare || owner === `${service}-${stage}` || owner.startsWith(`${bare}_`);
}
