import {
  InvokeCommand,
  LambdaClient,
  LambdaServiceException,
  ResourceNotFoundException,
} from '@aws-sdk/client-lambda';
import { RESULT_WANTED } from '../../lib/runtime/client-context.ts';
import { type ClientSettings, FunctionFailed, type Functions, resultIn } from './functions.ts';

/** Lambda ends each function after 15 minutes at most. */
const LONGEST_RUN_MS = 15 * 60_000;

/**
 * A client that invokes functions once: with the SDK's defaults, an invocation whose answer takes
 * long would be sent again, and the function would run several times.
 */
export function singleTryClient(settings: object): LambdaClient {
  return new LambdaClient({
    ...settings,
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 10_000,
      requestTimeout: LONGEST_RUN_MS + 30_000,
      throwOnRequestTimeout: true,
    },
  });
}

/**
 * The functions of a deployment.
 *
 * @param deployment `<service>-<stage>`, with which the names of the functions begin.
 */
export function deployedFunctions(deployment: string, settings: ClientSettings): Functions {
  const client = singleTryClient(settings);
  const ClientContext = Buffer.from(JSON.stringify(RESULT_WANTED)).toString('base64');
  return {
    async invoke(job, event) {
      const FunctionName = `${deployment}-${job}`;
      const Payload = JSON.stringify(event);
      const answer = await client
        .send(new InvokeCommand({ FunctionName, Payload, ClientContext }))
        .catch((error: unknown) => {
          if (error instanceof ResourceNotFoundException) {
            throw new Error(
              `There is no function ${FunctionName} in ${settings.region}: correct --stage or --region, or deploy the stage first.`,
            );
          }
          const { name, message } = error as Error;
          // Lambda has refused the invocation, or it was never sent.
          if (error instanceof LambdaServiceException || name === 'CredentialsProviderError') throw error;
          throw new Error(
            `The connection ended before the answer (${name}: ${message}). The run may still be going on; it is not started again.`,
          );
        });
      const result: unknown = JSON.parse(Buffer.from(answer.Payload ?? []).toString() || 'null');
      if (answer.FunctionError) throw new FunctionFailed((result as { errorMessage: string }).errorMessage);
      return resultIn(result);
    },
    async close() {
      client.destroy();
    },
  };
}
