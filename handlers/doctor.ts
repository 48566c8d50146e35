import { expandAccounts } from '../lib/config/accounts.ts';
import { settings } from '../lib/config/environment.ts';
import { isKeyOf } from '../lib/config/read-event.ts';
import { checkAlerts } from '../lib/doctor/alert-checks.ts';
import { diagnosisText, doctorFailure, reportedCheck } from '../lib/doctor/diagnosis.ts';
import { diagnose, policiesToCheck } from '../lib/doctor/doctor.ts';
import { invocation } from '../lib/runtime/handler.ts';

/**
 * Checks whether the deployment's policies would work, and reports each problem with its remedy.
 * The check creates and deletes nothing.
 *
 * Without an event all deployed policies are checked; `{"policies": [<policy>]}` checks these
 * policies, deployed or not.
 */
export const handler = invocation(
  async (event, job) => {
    const policies = await expandAccounts(policiesToCheck(event, job.policies), job.findAccounts);
    const alerts = (await checkAlerts(settings())).map((finding) => reportedCheck(finding, {}));
    const areAll = !isKeyOf('policies', event) && !isKeyOf('policy', event);
    const { checks, ...diagnosis } = await diagnose(policies, { ...job, areAll });
    return { ...diagnosis, checks: [...alerts, ...checks] };
  },
  (diagnosis, { isDeployed }) => ({
    failure: doctorFailure(diagnosis),
    text: diagnosisText(diagnosis, !isDeployed),
  }),
);
