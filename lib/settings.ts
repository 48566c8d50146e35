/** What the deployment tells its functions by environment variables; see provider.environment in serverless.yml. */
export interface Settings {
  service: string;
  stage: string;
  /** The S3 bucket for reports. */
  bucket: string | undefined;
  /** The S3 bucket for copies outside of the cloud; see offsite/. */
  copiesBucket: string | undefined;
  /** The URL of the SQS queue for what is still to be done; see work.ts. */
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
    bucket: env.AUTOSNAP_BUCKET || undefined,
    copiesBucket: env.AUTOSNAP_COPIES_BUCKET || undefined,
    queue: env.AUTOSNAP_QUEUE || undefined,
    topic: env.AUTOSNAP_TOPIC || undefined,
    heartbeat: env.AUTOSNAP_HEARTBEAT || undefined,
    pricePerGb: Number.isFinite(price) ? price : undefined,
  };
}
