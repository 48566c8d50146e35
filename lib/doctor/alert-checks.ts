import { countSubscriptions } from '../reporting/alerts.ts';
import { type CheckResult, fail, pass, warn } from './diagnosis.ts';

/**
 * What notifies people of incidents: the ARN of an SNS topic, and the URL of a heartbeat outside of
 * AWS.
 */
interface AlertTargets {
  topic: string | undefined;
  heartbeat: string | undefined;
}

/**
 * Checks whether incidents notify anybody. Without a topic, as in a local run, there is no check.
 */
export async function checkAlerts({ topic, heartbeat }: AlertTargets): Promise<CheckResult[]> {
  if (!topic) return [];
  try {
    const { confirmed, pending } = await countSubscriptions(topic);
    if (confirmed > 0) return [pass('alerts', { code: 'ALERTS_CONFIRMED', confirmed, pending })];
    return heartbeat
      ? [warn('alerts', { code: 'ALERTS_BY_HEARTBEAT', pending })]
      : [fail('alerts', { code: 'ALERTS_TO_NOBODY', pending })];
  } catch (error) {
    return [warn('alerts', { code: 'ALERTS_UNKNOWN', message: (error as Error).message })];
  }
}
