// A runtime for Lambda, as AWS's own for Node is: it loads the handler, asks the Runtime API for
// events, and answers. It runs outside of the tests' process, with nothing but what Lambda gives.
// Source: AWS Lambda developer guide, "Using the Lambda runtime API".
import { join } from 'node:path';

const { AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT = '', _HANDLER = '' } = process.env;
const api = `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

/** @param {string} path @param {unknown} body */
async function post(path, body) {
  await fetch(`${api}/${path}`, { method: 'POST', body: JSON.stringify(body) });
}

/**
 * What Lambda answers for an error. All that can be seen of the error is logged, as AWS's runtime
 * does.
 *
 * @param {unknown} thrown @param {string} where
 */
function recorded(thrown, where) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { name: errorType, message: errorMessage, stack = '' } = error;
  console.error(
    `${where}\t${JSON.stringify({ errorType, errorMessage, ...error, stack: stack.split('\n') })}`,
  );
  return { errorType, errorMessage, trace: stack.split('\n') };
}

/** @param {Headers} headers */
function contextOf(headers) {
  /** @param {string} name */
  const header = (name) => headers.get(`lambda-runtime-${name}`) ?? '';
  const clientContext = JSON.parse(header('client-context') || '{}');
  return {
    clientContext,
    // The Runtime Interface Emulator makes up its own, also for what Lambda would know as a retry.
    awsRequestId: clientContext.requestId ?? header('aws-request-id'),
    invokedFunctionArn: header('invoked-function-arn'),
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Number(header('deadline-ms')) - Date.now(),
  };
}

async function loadHandler() {
  const dot = _HANDLER.lastIndexOf('.');
  try {
    const module = await import(join(LAMBDA_TASK_ROOT, `${_HANDLER.slice(0, dot)}.js`));
    const handler = module[_HANDLER.slice(dot + 1)];
    if (typeof handler !== 'function') throw new Error(`${_HANDLER} is undefined or not exported`);
    return handler;
  } catch (error) {
    await post('init/error', recorded(error, 'Uncaught Exception'));
    process.exit(1);
  }
}

const handler = await loadHandler();
for (;;) {
  const next = await fetch(`${api}/invocation/next`);
  const invocation = `invocation/${next.headers.get('lambda-runtime-aws-request-id')}`;
  try {
    await post(`${invocation}/response`, (await handler(await next.json(), contextOf(next.headers))) ?? null);
  } catch (error) {
    await post(`${invocation}/error`, recorded(error, 'Invoke Error'));
  }
}
