import type { Context } from 'aws-lambda';

/** A context as Lambda gives it, with `remainingMs` left until the time-out. A retry has the same `requestId`. */
export function lambdaContext(
  functionName: string,
  remainingMs = 900_000,
  awsRequestId: string = crypto.randomUUID(),
): Context {
  const endsMs = performance.now() + remainingMs;
  return {
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${functionName}`,
    memoryLimitInMB: '512',
    awsRequestId,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => endsMs - performance.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}
