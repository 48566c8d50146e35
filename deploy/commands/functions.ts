import type { Reason } from '../../lib/reporting/reasons.ts';
import type { FailedAnswer } from '../../lib/runtime/client-context.ts';

/** The functions of a deployment, or those of the stage `local` on this machine. */
export interface Functions {
  /**
   * Runs a function until its end, once: it is never invoked a second time. The result may have
   * failures, by which the command judges it.
   *
   * @throws {FunctionFailed} if the function ends without a result; other errors if it is not known
   *   how it ends.
   */
  invoke(job: string, event: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** The error with which a function has ended without a result. */
export class FunctionFailed extends Error {
  override readonly name = 'FunctionFailed';
  /** Why, if the function itself has ended so. */
  readonly reason: Reason | undefined;
  /** The id of the run; see client-context.ts. */
  readonly request: string | undefined;

  constructor(message: string, { reason, request }: Partial<FailedAnswer['failed']> = {}) {
    super(message);
    this.reason = reason;
    this.request = request;
  }
}

/**
 * The result in the answer of a function.
 *
 * @throws {FunctionFailed} if the function has ended without one.
 */
export function resultIn(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('failed' in answer)) return answer;
  const { failed } = answer as FailedAnswer;
  throw new FunctionFailed(failed.message, failed);
}

/** Settings of the AWS SDK's clients: the region, and the profile with the credentials. */
export interface ClientSettings {
  region: string;
  profile?: string;
}
