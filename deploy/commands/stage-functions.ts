import type { Deployment } from '../limits.ts';
import { type ClientSettings, FunctionFailed, type Functions, resultIn } from './functions.ts';

/**
 * The functions of a deployment; for the stage `local` those of this checkout.
 *
 * @param note prints a line that is not a result.
 */
export async function functionsOf(
  { service, stage }: Pick<Deployment, 'service' | 'stage'>,
  settings: ClientSettings,
  note: (line: string) => void,
): Promise<Functions> {
  if (stage !== 'local') {
    const { deployedFunctions } = await import('./deployed-functions.ts');
    return deployedFunctions(`${service.service}-${stage}`, settings);
  }
  const { localFunctions } = await import('../../local/functions.ts');
  const local = await localFunctions(service);
  if (local.cloud) {
    note(
      'This is an embedded cloud with a demo fleet. It ends with this command. For one that lasts, see CONTRIBUTING.md: npm run cloud',
    );
  }
  return {
    invoke: async (job, event) =>
      resultIn(
        await local.invoke(job, event).catch((error: Error) => {
          throw new FunctionFailed(error.message);
        }),
      ),
    close: local.close,
  };
}
