/**
 * - NO_BUCKET, FORBIDDEN: an operator has to correct the configuration.
 * - GONE: the object or upload does not exist, or was replaced.
 * - OUT_OF_TIME: run deadline reached.
 * - FAILED: any other error.
 */
export type BucketErrorCode = 'NO_BUCKET' | 'FORBIDDEN' | 'GONE' | 'OUT_OF_TIME' | 'FAILED';

/**
 * An error of the store that holds the copies. It contains the message of the store, but no other
 * part of the request or the response.
 */
export class BucketError extends Error {
  override readonly name = 'BucketError';
  readonly code: BucketErrorCode;

  constructor(code: BucketErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Whether `error` is a BucketError with one of `codes`. */
export function isBucketError(error: unknown, ...codes: BucketErrorCode[]): error is BucketError {
  return error instanceof BucketError && (codes.length === 0 || codes.includes(error.code));
}

const CODES: Record<string, BucketErrorCode> = {
  NoSuchBucket: 'NO_BUCKET',
  AccessDenied: 'FORBIDDEN',
  '403': 'FORBIDDEN',
  NoSuchUpload: 'GONE',
  NoSuchKey: 'GONE',
  // The response to HEAD has no body, so the SDK knows only the status.
  NotFound: 'GONE',
  PreconditionFailed: 'GONE',
};

/**
 * Converts an error of the S3 client. @param action the permission that the request needs, such as
 * `s3:PutObject`.
 */
export function asBucketError(error: unknown, action: string, bucket: string): BucketError {
  const { name, message } = error as Error;
  const code = CODES[name] ?? 'FAILED';
  const text = {
    NO_BUCKET: `There is no bucket ${bucket} for the copies: deploy again, or correct custom.copiesBucket in serverless.yml.`,
    FORBIDDEN: `S3 refuses ${action} in the bucket ${bucket} (${message.slice(0, 200)}): the functions' role and the bucket's policy have to allow it.`,
  } as Partial<Record<BucketErrorCode, string>>;
  return new BucketError(
    code,
    text[code] ?? `S3 failed at ${action} in the bucket ${bucket}: ${name}: ${message.slice(0, 200)}`,
  );
}
