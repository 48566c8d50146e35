import type { Context } from 'aws-lambda';

/**
 * A Lambda context with `remainingMs` left until the timeout. A retry of the same event has the
 * same `requestId`.
 *
 * @param nowMs the clock that the remaining time follows.
 */
export function lambdaContext(
  functionName: string,
  remainingMs = 900_000,
  awsRequestId: string = crypto.randomUUID(),
  nowMs: () => number = () => performance.now(),
): Context {
  const endsMs = nowMs() + remainingMs;
  return {
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${functionName}`,
    memoryLimitInMB: '512',
    awsRequestId,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => endsMs - nowMs(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}
