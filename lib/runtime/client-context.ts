import type { Context } from 'aws-lambda';
import type { Reason } from '../reporting/reasons.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';

/**
 * The client context of an invocation whose client wants the result although the run has failed.
 * Lambda answers with either a result or an error; the commands of deploy/commands show results
 * with failures, and judge them.
 *
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestSyntax
 */
export const RESULT_WANTED = { custom: { autosnap: 'result-wanted' } } as const;

/**
 * The answer to such a client if a run has ended without a result. An error of Lambda would have
 * the message alone.
 */
export interface FailedAnswer {
  failed: {
    /** Why: with it, the client says it in its own words. */
    reason: Reason;
    message: Sentence;
    /** The id of the run: of the restore, or else of the invocation. */
    request: string;
  };
}

/** Whether the client of an invocation sent {@link RESULT_WANTED}. */
export function isResultWanted({ clientContext }: Pick<Context, 'clientContext'>): boolean {
  return clientContext?.custom?.autosnap === RESULT_WANTED.custom.autosnap;
}
