import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FunctionConfiguration, GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { inject } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import { aws } from './clients.ts';
import { succeed } from './processes.ts';
import { runWithRie } from './rie.ts';
import type { Invocation, Runtime } from './runtime.ts';
import { runWithStandIn } from './stand-in.ts';
import { templateOf } from './template.ts';

const NODE = join(import.meta.dirname, '../../node_modules/.bin/node');
const BOOTSTRAP = join(import.meta.dirname, 'bootstrap.mjs');

/** An error as Lambda records it. */
export interface RecordedError {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}

/** The result of an invocation: a payload or an error. */
export interface InvocationResult {
  payload?: unknown;
  error?: RecordedError;
  /** The report that the function logged, whether or not it failed. */
  report?: Report;
  /** Everything that CloudWatch Logs would contain. */
  logs: string;
}

/** A deployed function with its configuration and its unpacked code. */
export interface DeployedFunction {
  configuration: FunctionConfiguration;
  /** The folder with its unpacked code. */
  directory: string;
  /** Runs the function in a separate process, like a cold start of Lambda. */
  invoke(event: unknown, options?: Omit<Invocation, 'event'>): Promise<InvocationResult>;
}

/**
 * Downloads a function of a deployed stage, such as `snapshot`. What runs is exactly the zip in the
 * bucket.
 */
export async function deployedFunction(stage: string, name: string): Promise<DeployedFunction> {
  const FunctionName = `autosnap-${stage}-${name}`;
  const configuration = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const directory = await unpack(stage, FunctionName, configuration.CodeSha256);
  const runtime = runtimeOf(configuration, directory);
  return {
    configuration,
    directory,
    invoke: (event, options) => invoke(runtime, { event, ...options }),
  };
}

/** Runs code once, by default in AWS's Runtime Interface Emulator if it is available. */
export async function invoke(
  runtime: Runtime,
  invocation: Invocation,
  rie: string | null = inject('rie'),
): Promise<InvocationResult> {
  const { body, logs } = await (rie
    ? runWithRie(rie, runtime, invocation)
    : runWithStandIn(runtime, invocation));
  return { ...outcomeOf(body), ...reportIn(logs), logs };
}

function outcomeOf(body: string): Pick<InvocationResult, 'payload' | 'error'> {
  // The Runtime Interface Emulator answers only this plain text for a function that it killed.
  if (body.startsWith('Task timed out')) {
    return { error: { errorType: 'Sandbox.Timedout', errorMessage: body } };
  }
  const answer = JSON.parse(body) as RecordedError;
  return answer?.errorType ? { error: answer } : { payload: answer };
}

function reportIn(logs: string): Pick<InvocationResult, 'report'> {
  for (const line of logs.split('\n')) {
    if (!line.includes('"report":')) continue;
    const { report } = JSON.parse(line) as { report?: Report };
    if (report) return { report };
  }
  return {};
}

/** The function's code, from the location in the template. */
async function unpack(stage: string, functionName: string, sha256: string | undefined): Promise<string> {
  const found = Object.values(await templateOf(stage)).find(
    ({ Properties }) => Properties.FunctionName === functionName,
  );
  if (!found) throw new Error(`the template of ${stage} has no ${functionName}`);
  const { S3Bucket, S3Key } = found.Properties.Code as { S3Bucket: string; S3Key: string };
  const { Body } = await aws.s3.send(new GetObjectCommand({ Bucket: S3Bucket, Key: S3Key }));
  const zip = await Body!.transformToByteArray();
  if (createHash('sha256').update(zip).digest('base64') !== sha256) {
    throw new Error(`the code of ${functionName} is not what lies in ${S3Bucket} as ${S3Key}`);
  }
  const directory = mkdtempSync(join(tmpdir(), `${functionName}-`));
  writeFileSync(`${directory}.zip`, zip);
  await succeed('python3', ['-m', 'zipfile', '-e', `${directory}.zip`, directory]);
  return directory;
}

/**
 * The variables that Lambda sets ("Defined runtime environment variables"), those that were
 * deployed, and the address of the emulator.
 */
export function runtimeOf(configuration: FunctionConfiguration, directory: string): Runtime {
  const { FunctionName, FunctionArn, Handler, MemorySize, Timeout, Runtime, Environment } = configuration;
  return {
    program: NODE,
    args: [`--max-old-space-size=${MemorySize}`, BOOTSTRAP],
    cwd: directory,
    timeoutSeconds: Timeout!,
    functionArn: FunctionArn!,
    environment: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      LANG: 'en_US.UTF-8',
      TZ: ':UTC',
      LAMBDA_TASK_ROOT: directory,
      _HANDLER: Handler!,
      AWS_EXECUTION_ENV: `AWS_Lambda_${Runtime}`,
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_FUNCTION_NAME: FunctionName!,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MemorySize),
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${FunctionName}`,
      AWS_LAMBDA_LOG_STREAM_NAME: '$LATEST',
      AWS_REGION: process.env.AWS_REGION!,
      AWS_DEFAULT_REGION: process.env.AWS_REGION!,
      AWS_ACCESS_KEY_ID: process.env.AWS_ACCESS_KEY_ID!,
      AWS_SECRET_ACCESS_KEY: process.env.AWS_SECRET_ACCESS_KEY!,
      ...Environment?.Variables,
      AWS_ENDPOINT_URL: process.env.AWS_ENDPOINT_URL!,
    },
  };
}
