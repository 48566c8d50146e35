import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { policiesOf, type Service } from '../deploy/policies.ts';
import { type Cloud, startCloud } from './cloud/cloud.ts';
import { environmentOf, runningEnvironment } from './environment.ts';
import { addFleet, DEMO } from './fleet.ts';
import type { Answered, Invoked } from './function-worker.ts';
import { accountsFor } from './policies.ts';

const OWNER = 'autosnap-local';

/** The real functions on this machine, against an embedded cloud. */
export interface LocalFunctions {
  /** The embedded cloud, if it was started for these functions and ends with them. */
  cloud?: Cloud;
  /**
   * Runs a function until its end.
   *
   * @throws the error with which the function fails.
   */
  invoke(job: string, event: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * The functions of the stage `local`, with the policies of serverless.yml: against the running
 * `npm run cloud` that the environment names, or else against an embedded cloud with the demo fleet
 * that ends with them. Each invocation runs in a thread of its own, as in a new instance of Lambda,
 * and what it logs is not shown.
 *
 * @throws if the environment names a cloud that no longer runs.
 */
export async function localFunctions(service: Pick<Service, 'service' | 'custom'>): Promise<LocalFunctions> {
  const deployed = { service: service.service, stage: 'local' };
  const running = await runningEnvironment(deployed);
  const cloud = running ? undefined : await startCloud(DEMO);
  if (cloud) addFleet(cloud, OWNER, 0);
  const environment = running ?? environmentOf(cloud!, { ...deployed, accounts: accountsFor(service) });
  const folder = await mkdtemp(join(tmpdir(), 'autosnap-'));
  const policies = join(folder, 'policies.json');
  await writeFile(policies, JSON.stringify(policiesOf(service)));
  const env = { ...process.env, ...environment, AUTOSNAP_POLICIES: policies };
  return {
    ...(cloud ? { cloud } : {}),
    invoke: (job, event) => run({ job, event }, env),
    async close() {
      await rm(folder, { recursive: true });
      await cloud?.close();
    },
  };
}

async function run(invoked: Invoked, env: NodeJS.ProcessEnv): Promise<unknown> {
  const answered = Promise.withResolvers<Answered>();
  const worker = new Worker(new URL('function-worker.ts', import.meta.url), {
    workerData: invoked,
    env,
    stdout: true,
    stderr: true,
  });
  worker.once('message', answered.resolve);
  worker.once('error', answered.reject);
  const answer = await answered.promise;
  await worker.terminate();
  if ('error' in answer) throw Object.assign(new Error(answer.error.message), { name: answer.error.name });
  return answer.result;
}
