import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { FunctionResult, Invocation } from './function.ts';

const FUNCTION = join(import.meta.dirname, 'function.ts');

/**
 * Execution environments of the functions: processes that are kept warm, each for one invocation at
 * a time.
 */
export class Environments {
  readonly #environment: Record<string, string>;
  readonly #idle = new Set<ChildProcess>();
  readonly #all = new Set<ChildProcess>();

  constructor(environment: Record<string, string>) {
    this.#environment = environment;
    onTestFinished(() => {
      for (const child of this.#all) child.kill('SIGKILL');
    });
  }

  /**
   * Runs a function once.
   *
   * @param begun gets a function that kills the invocation.
   * @returns undefined for a killed invocation.
   */
  async invoke(
    invocation: Invocation,
    begun: (kill: () => void) => void = () => {},
  ): Promise<FunctionResult | undefined> {
    const [child = this.#start()] = this.#idle;
    this.#idle.delete(child);
    const ended = Promise.withResolvers<FunctionResult | undefined>();
    const gone = () => ended.resolve(undefined);
    child.once('message', ended.resolve);
    child.once('exit', gone);
    begun(() => child.kill('SIGKILL'));
    child.send(invocation);
    const outcome = await ended.promise;
    child.off('exit', gone).off('message', ended.resolve);
    if (outcome) this.#idle.add(child);
    return outcome;
  }

  #start(): ChildProcess {
    const child = fork(FUNCTION, {
      // The environment without the variables of vitest's own processes.
      execArgv: [],
      env: { PATH: process.env.PATH, ...this.#environment },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#all.add(child);
    child.once('exit', () => {
      this.#all.delete(child);
      this.#idle.delete(child);
    });
    // The message was sent to a process that was killed at the same moment; the process ends, so
    // the error does not matter.
    child.on('error', () => {});
    return child;
  }
}
