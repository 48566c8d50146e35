import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { RESULT_WANTED } from '../lib/runtime/client-context.ts';
import { lambdaContext } from './context.ts';

/** What the thread runs. */
export interface Invoked {
  job: string;
  event: unknown;
}

/** What the thread answers: the result of the function, or its error. */
export type Answered = { result: unknown } | { error: { name: string; message: string } };

/** Runs one function once, and answers its result. */
async function main({ job, event }: Invoked): Promise<Answered> {
  try {
    const { handler } = await import(`../handlers/${job}.ts`);
    return { result: await handler(event, { ...lambdaContext(job), clientContext: RESULT_WANTED }) };
  } catch (error) {
    const { name, message } = error as Error;
    return { error: { name, message } };
  }
}

// A thread does not have the cache of the process.
enableCompileCache();
parentPort!.postMessage(await main(workerData as Invoked));
