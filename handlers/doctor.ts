import { expandAccounts } from '../lib/config/accounts.ts';
import { diagnosisText, failureIn } from '../lib/doctor/diagnosis.ts';
import { diagnose, policiesOf } from '../lib/doctor/doctor.ts';
import { invocation } from '../lib/runtime/handler.ts';

/**
 * Checks, without creating or deleting anything, whether the deployment's policies would work, and says what is
 * wrong and what to do.
 *
 * Without an event all policies of the deployment; with `{"policies": [<policy>]}` those, deployed or not.
 */
export const handler = invocation(
  async (event, job) =>
    diagnose(await expandAccounts(policiesOf(event, job.policies), job.accountsBeginning), job),
  (diagnosis) => ({ failure: failureIn(diagnosis), text: diagnosisText(diagnosis) }),
);
