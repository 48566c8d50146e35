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
import { runWithStandIn } from './stand-in.ts';
import { templateOf } from './template.ts';

const NODE = join(import.meta.dirname, '../../node_modules/.bin/node');
const BOOTSTRAP = join(import.meta.dirname, 'bootstrap.mjs');

/** What is to run, and how. */
export interface Runtime {
  program: string;
  args: string[];
  cwd: string;
  environment: Record<string, string>;
  timeoutSeconds: number;
  functionArn: string;
}

export interface Invocation {
  event: unknown;
  /** Lambda's id of it, which stays the same for a retry; one of its own unless told. */
  requestId?: string;
}

/**
 * What a runtime gives: the JSON that the function, or Lambda, has answered, and all that was
 * logged.
 */
export interface Answer {
  body: string;
  logs: string;
}

/** An error as Lambda records it. */
export interface RecordedError {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}

/** How an invocation ended: with a payload or with an error. */
export interface Outcome {
  payload?: unknown;
  error?: RecordedError;
  /** The report, as the function has logged it, whether or not it failed. */
  report?: Report;
  /** All that CloudWatch Logs would have. */
  logs: string;
}

/** A deployed function: its configuration, and its code unpacked. */
export interface DeployedFunction {
  configuration: FunctionConfiguration;
  /** Where its code lies, unpacked. */
  directory: string;
  /** Runs it in a process of its own, as Lambda does on a cold start. */
  invoke(event: unknown, options?: { requestId?: string }): Promise<Outcome>;
}

/**
 * Fetches a function of a deployed stage, `snapshot` say: what it runs is the zip in the bucket and
 * nothing else.
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

/** Runs code once: in AWS's Runtime Interface Emulator where it is to be had, unless told. */
export async function invoke(
  runtime: Runtime,
  invocation: Invocation,
  rie: string | null = inject('rie'),
): Promise<Outcome> {
  const { body, logs } = await (rie
    ? runWithRie(rie, runtime, invocation)
    : runWithStandIn(runtime, invocation));
  return { ...outcomeOf(body), ...reportIn(logs), logs };
}

function outcomeOf(body: string): Pick<Outcome, 'payload' | 'error'> {
  // The Runtime Interface Emulator says only this, as plain text, of a function that it has killed.
  if (body.startsWith('Task timed out')) {
    return { error: { errorType: 'Sandbox.Timedout', errorMessage: body } };
  }
  const answer = JSON.parse(body) as RecordedError;
  return answer?.errorType ? { error: answer } : { payload: answer };
}

function reportIn(logs: string): Pick<Outcome, 'report'> {
  for (const line of logs.split('\n')) {
    if (!line.includes('"report":')) continue;
    const { report } = JSON.parse(line) as { report?: Report };
    if (report) return { report };
  }
  return {};
}

/** The function's code, from where CloudFormation was told that it is. */
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
 * What Lambda sets ("Defined runtime environment variables"), what was deployed, and where the
 * emulator is.
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
