import { countSubscriptions } from '../reporting/alerts.ts';
import { type CheckResult, fail, pass, warn } from './diagnosis.ts';

/**
 * What notifies people of incidents: the subscriptions of a topic, and a heartbeat outside of AWS.
 */
interface Outlets {
  topic: string | undefined;
  heartbeat: string | undefined;
}

/** Checks that incidents notify someone. Without a deployment there is no topic, and no check. */
export async function checkAlerts({ topic, heartbeat }: Outlets): Promise<CheckResult[]> {
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
