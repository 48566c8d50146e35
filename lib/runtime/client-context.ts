import type { Context } from 'aws-lambda';

/**
 * The client context of an invocation whose client wants the result although the run has failed.
 * Lambda answers with either a result or an error; the commands of deploy/commands show results
 * with failures, and judge them.
 *
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestSyntax
 */
export const RESULT_WANTED = { custom: { autosnap: 'result-wanted' } } as const;

/** Whether the client of an invocation sent {@link RESULT_WANTED}. */
export function isResultWanted({ clientContext }: Pick<Context, 'clientContext'>): boolean {
  return clientContext?.custom?.autosnap === RESULT_WANTED.custom.autosnap;
}
