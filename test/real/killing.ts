import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { SQSBatchResponse } from 'aws-lambda';
import type { AnyJob } from '../functions.ts';
import type { Result as JobResult } from '../harness.ts';
import type { Chance } from '../simulation/chance.ts';

/** A function: that of a job, or the one that takes the messages of the queue. */
type AnyFunction = AnyJob | 'continue';
type Result<J extends AnyFunction> = J extends AnyJob ? JobResult<J> : SQSBatchResponse;

/** An invocation of a function in a separate process. */
export interface Call {
  job: AnyFunction;
  event: unknown;
  /** Lambda's id of the invocation, the same for each try. */
  requestId: string;
  /**
   * The request at which the process is killed: before it is sent or, with `carriedOut`, after its
   * answer.
   */
  kill?: { request: number; carriedOut: boolean };
  /** How much later the process believes it is, in milliseconds. */
  laterMs?: number;
  /** The time that Lambda gives the function. */
  remainingMs?: number | undefined;
}

interface Killing extends Pick<Call, 'remainingMs'> {
  chance: Chance;
  requestId?: string;
  /**
   * The maximum number of kill points that are skipped from one kill to the next; each request has
   * two.
   */
  stride: number;
}

interface Answer<R> {
  result?: R;
  error?: string;
}

const FUNCTION = join(import.meta.dirname, 'function.ts');

/**
 * Invokes a function again and again, like Lambda's retries, and kills it (SIGKILL) each time: at
 * one of its first requests, then at later ones, until an invocation ends before that.
 *
 * @returns the result of that invocation.
 */
export async function killedOnItsWay<J extends AnyFunction>(
  job: J,
  event: unknown,
  { chance, requestId = crypto.randomUUID(), stride, remainingMs }: Killing,
): Promise<Result<J>> {
  for (let moment = 0; ; moment += Math.ceil(chance.between(0, stride))) {
    const kill = { request: Math.floor(moment / 2) + 1, carriedOut: moment % 2 === 1 };
    const result = await invoke<J>({ job, event, requestId, kill, remainingMs });
    if (result !== 'killed') return result;
  }
}

/**
 * Invokes a function once.
 *
 * @throws when it fails.
 */
export async function invoke<J extends AnyFunction>(call: Call): Promise<Result<J> | 'killed'> {
  const child = fork(FUNCTION, [JSON.stringify(call)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let answer: Answer<Result<J>> = {};
  child.once('message', (message: Answer<Result<J>>) => {
    answer = message;
  });
  const [errors, [code, signal]] = await Promise.all([text(child.stderr!), once(child, 'close')]);
  if (signal === 'SIGKILL') return 'killed';
  if (answer.result) return answer.result;
  throw new Error(answer.error ?? `${call.job} has ended with ${code ?? signal}: ${errors}`);
}
